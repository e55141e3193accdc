"""What popflow needs of a machine, each looked at by itself: Java, packages, jars, memory, disk, Chromium, fonts."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from popflow import environment
from popflow.errors import PopflowError

State = Literal["ok", "note", "broken"]
JAVA_AT_LEAST = 17
DISK_BROKEN_GB, DISK_NOTE_GB = 1, 20
MEMORY_NOTE_GB = 6
EXTRA = re.compile(r";.*extra\s*==")


@dataclass(frozen=True)
class Finding:
    """One line of `popflow doctor`; broken: popflow cannot do its work; note: something that may be wanted is not."""

    what: str
    state: State
    found: str
    mend: str = ""


def machine(reading_only: bool = False) -> Iterator[Finding]:
    """The findings on the machine; reading_only: what runs nights is left out."""
    yield python()
    yield from packages()
    if not reading_only:
        yield java()
        yield jars()
        yield memory()
    yield chromium()
    yield fonts()


def python() -> Finding:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("Python", "ok" if good else "broken", found, "" if good else "use Python 3.11 or newer: make setup")


def packages() -> Iterator[Finding]:
    """Installed versions against the pins of popflow; one line where all fit."""
    try:
        wanted = importlib.metadata.requires("popflow") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", "note", "popflow is not installed, its pins are unknown", "make setup")
        return
    off = [line for text in wanted if not EXTRA.search(text) for line in _off(text)]
    yield from off
    if not off:
        yield Finding("packages", "ok", f"{sum(not EXTRA.search(text) for text in wanted)} pinned packages fit")


def _off(requirement: str) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    pin = Requirement(requirement)
    if pin.marker and not pin.marker.evaluate():
        return
    try:
        found = importlib.metadata.version(pin.name)
    except importlib.metadata.PackageNotFoundError:
        yield Finding(pin.name, "broken", f"missing; {pin.specifier} is needed", "make setup")
        return
    if not pin.specifier.contains(found, prereleases=True):
        yield Finding(pin.name, "broken", f"{found}; {pin.specifier} is needed", "make setup")


def java() -> Finding:
    """Java 17 or newer, which Spark runs on."""
    mend = "apt-get install openjdk-17-jre-headless; pull and report need no Java"
    home = environment.JAVA_HOME.text()
    program = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    if program is None:
        return Finding("Java", "broken", f"none {'in JAVA_HOME' if home else 'on the path'}; nights need it", mend)
    said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)[^"]*"', said)
    if not version or int(version[1]) < JAVA_AT_LEAST:
        return Finding("Java", "broken", f"{program}: {version[0] if version else 'it does not run'}", mend)
    return Finding("Java", "ok", f"{version[0].removeprefix('version ').strip(chr(34))} at {program}")


def jars() -> Finding:
    """Delta's jars, each with the digest that the lock has."""
    from popflow.jars import DELTA, locked, not_as_locked
    from popflow.session import jars_folder

    mend = "remove the folder, then make setup"
    try:
        folder = jars_folder()
    except PopflowError as error:
        return Finding("Delta jars", "broken", str(error), "make setup, or set POPFLOW_JARS")
    there = {jar.name: jar for jar in folder.glob(f"{DELTA}*.jar")}
    if missing := [name for name in locked() if name.startswith(DELTA) and name not in there]:
        return Finding("Delta jars", "broken", f"{folder} lacks {missing[0]}", mend)
    if others := not_as_locked(there.values()):
        return Finding("Delta jars", "broken", f"{folder / others[0]} is not the jar of the lock", mend)
    return Finding("Delta jars", "ok", f"{len(there)}, as locked, in {folder}")


def memory() -> Finding:
    """Memory of the machine."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    if gigabytes < MEMORY_NOTE_GB:
        mend = "set POPFLOW_DRIVER_MEMORY=2g, or take a larger machine"
        return Finding("memory", "note", f"{gigabytes:.0f} GB; nights want {MEMORY_NOTE_GB} or more", mend)
    return Finding("memory", "ok", f"{gigabytes:.0f} GB")


def disk(folder: Path) -> Finding:
    """Free space where a folder lies, or will lie."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    found = f"{free:.0f} GB free at {there}"
    if free >= DISK_NOTE_GB:
        return Finding("disk", "ok", found)
    mend = "free some, or take another folder; a night needs about a tenth of its landing files"
    return Finding("disk", "broken" if free < DISK_BROKEN_GB else "note", found, mend)


def chromium() -> Finding:
    """The browser that makes pictures and PDF, which nothing else needs."""
    from popflow.report.chromium import chromium as program

    try:
        return Finding("Chromium", "ok", program())
    except PopflowError:
        mend = "apt-get install chromium, or set POPFLOW_CHROMIUM"
        return Finding("Chromium", "note", "none: report makes no pictures and no PDF", mend)


def fonts() -> Finding:
    """A font with Chinese characters, without which pictures show boxes."""
    lister = shutil.which("fc-list")
    if lister is None:
        return Finding("Chinese font", "note", "unknown, fc-list is missing", "apt-get install fontconfig")
    listed = subprocess.run([lister, ":lang=zh", "family"], capture_output=True, text=True, timeout=60, check=False)
    names = sorted({line.split(",")[0] for line in listed.stdout.splitlines() if line})
    if not names:
        return Finding("Chinese font", "note", "none: pictures show boxes", "apt-get install fonts-noto-cjk")
    return Finding("Chinese font", "ok", names[0])
