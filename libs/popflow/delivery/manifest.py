"""The manifest of a folder of files: all that the intake asks of it, written once and last."""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from popflow.delivery.fingerprints import Fingerprint, fingerprint
from popflow.delivery.places import layout_of
from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake.encrypted import SUFFIX
from popflow.intake.manifests import MANIFEST, Manifest, parsed, refuse_beyond
from popflow.intake.regular_files import folder_listing
from popflow.progress import Progress, silent
from popflow.reading.tables_out import at_once


@dataclass(frozen=True)
class Told:
    """What a manifest says that its files do not. area_before: a file's area is its name up to these characters."""

    date: dt.date
    delivery_id: str
    area: str = ""
    area_before: str = ""
    created: dt.datetime | None = None

    def area_of(self, name: str) -> str:
        """The area of a file, by its name. Raises PopflowError where the name does not tell it."""
        if not self.area_before:
            return self.area
        area, found, _ = name.partition(self.area_before)
        if not found:
            raise PopflowError(
                f"{printable(name)}: --area-before: '{self.area_before}' is not in the name of this file"
            )
        return area


def write_manifest(
    folder: Path,
    feed: Feed,
    told: Told,
    *,
    replace: bool = False,
    plain: Path | None = None,
    workers: int = 1,
    on_progress: Progress = silent,
) -> Manifest:
    """Write manifest.json into a folder, and return what it says.

    plain: folder of the plain form of encrypted files. workers: files read at once. Raises PopflowError, and writes
    nothing, where one already exists (unless replace), a file cannot be read or would not be taken in, or the folder
    is the landing folder of another MNO, date or delivery.
    """
    names = _names(folder, feed, replace)
    _refuse_other_folder(folder, feed, told)
    created = (told.created or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    areas = [told.area_of(name) for name in names]
    files = [
        {"name": name, "area": area, **found._asdict()}
        for name, area, found in zip(names, areas, _fingerprints(folder, names, feed, plain, workers, on_progress),
                                     strict=True)
    ]  # fmt: skip
    said = {
        "mno": feed.mno,
        "event_date": told.date.isoformat(),
        "delivery_id": told.delivery_id,
        "created_at_utc": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": files,
    }
    content = json.dumps(said, indent=1, ensure_ascii=False) + "\n"
    manifest = parsed(content.encode())
    refuse_beyond(manifest, feed)
    with at_once(folder / MANIFEST) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return manifest


def _names(folder: Path, feed: Feed, replace: bool) -> list[str]:
    """Names of the files to list. Raises PopflowError for what the night would set aside as unlisted."""
    if not folder.is_dir():
        raise PopflowError(
            f"{printable(folder)}: there is no such folder; name the one that holds the delivery's files"
        )
    listing = folder_listing(str(folder), feed.limits.files)
    if listing.fault:
        raise PopflowError(f"{printable(folder)}: {listing.fault}")
    if MANIFEST in listing.names and not replace:
        raise PopflowError(f"{printable(folder)}/{MANIFEST}: already exists; --replace rewrites it")
    names = sorted(listing.names - {MANIFEST})
    if not names:
        raise PopflowError(f"{printable(folder)}: holds no file; put the delivery's files there first")
    for name in names:
        where = f"{printable(folder)}/{printable(name)}"
        if "/" in name:
            raise PopflowError(f"{where}: lies in a folder of its own; a delivery's files lie side by side")
        if not fnmatch.fnmatchcase(name.removesuffix(SUFFIX), feed.file_pattern):
            raise PopflowError(f"{where}: is not named as file_pattern of the feed {feed.feed} says "
                               f"({feed.file_pattern}); rename it, or take it out of the folder")  # fmt: skip
    return names


def _refuse_other_folder(folder: Path, feed: Feed, told: Told) -> None:
    found = layout_of(folder, {feed.mno})
    if found is None:
        return
    for option, given, stands in (("--date", told.date, found.date), ("--id", told.delivery_id, found.delivery_id)):
        if given != stands:
            raise PopflowError(f"{option}: says {printable(given)}, and {printable(folder)} is the folder of "
                               f"{printable(stands)}; correct one of them")  # fmt: skip


def _fingerprints(
    folder: Path, names: list[str], feed: Feed, plain: Path | None, workers: int, on_progress: Progress
) -> Iterator[Fingerprint]:
    with ThreadPoolExecutor(workers) as threads:
        found = threads.map(lambda name: fingerprint(folder / name, feed, plain), names)
        for number, one in enumerate(found, 1):
            on_progress(f"{number:,} of {len(names):,} files")
            yield one
