"""Pictures and print of a briefing by headless Chromium, which is an optional program of the user's machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from popflow.environment import CHROMIUM
from popflow.errors import PopflowError
from popflow.reading.tables_out import at_once

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars --disable-extensions "
    "--disable-background-networking --disable-component-update --disable-sync --virtual-time-budget=5000"
)
TIMEOUT_SECONDS = 180
CHARTS = {"map": (1200, 960), "ranking": (900, 720), "daily": (900, 480)}


def chromium() -> str:
    """The program: $POPFLOW_CHROMIUM, or one on the path; refused where there is none."""
    named = CHROMIUM.text()
    for name in [named] if named else PROGRAMS:
        if found := shutil.which(name):
            return found
    raise PopflowError(
        f"no {named or 'Chromium'} to make pictures and PDF with; install the package chromium, or set "
        "POPFLOW_CHROMIUM to its program; the HTML file needs none"
    )


def pictures(page: Path, folder: Path, lang: str = "zh") -> list[Path]:
    """PNG of each chart of a briefing (map, ranking, daily curve), beside each other in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for chart, size in CHARTS.items():
        path = folder / f"{page.stem}-{chart}.png"
        with at_once(path) as temporary:
            window = f"--window-size={size[0]},{size[1]}"
            _run(page, f"only={chart}&lang={lang}", window, f"--screenshot={temporary}", temporary)
        found.append(path)
    return found


def pdf(page: Path, out: Path, lang: str = "zh") -> Path:
    """A briefing on one page A4."""
    with at_once(out) as temporary:
        _run(page, f"onepage&lang={lang}", "--no-pdf-header-footer", f"--print-to-pdf={temporary}", temporary)
    return out


def _run(page: Path, wish: str, setting: str, action: str, made: Path) -> None:
    """Open the page in a profile of its own and wait until the file is there."""
    program = chromium()
    with tempfile.TemporaryDirectory(prefix="popflow-chromium-") as profile:
        call = [program, *OPTIONS.split(), f"--user-data-dir={profile}", setting, action]
        address = f"{page.resolve().as_uri()}#{wish}"
        try:
            subprocess.run([*call, address], check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise PopflowError(f"{page}: {program} could not draw it ({type(error).__name__})") from None
    if made.stat().st_size == 0:
        raise PopflowError(f"{page}: {program} wrote nothing; try it with another Chromium (POPFLOW_CHROMIUM)")
