"""The leak scan: whether a token stands in anything that a run leaves outside the restricted zone.

Two questions of every file: does it hold a token that is known, and does it hold anything of a token's shape (by the
feed contracts, and by the columns that the table contracts call secret)? It says file, place and kind, and never what
it found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow.fs import FileSelector, LocalFileSystem, copy_files

from popflow.errors import PopflowError
from popflow.intake.storage import files_under, is_local, open_address, task_scratch
from popflow.operations.known_tokens import Known, KnownTokens, RegisterTokens
from popflow.operations.readable import NAME, texts_of

if TYPE_CHECKING:
    from popflow.contracts import Contracts
    from popflow.lake import Lake

AT_ONCE = 300_000  # places that the register is asked about together: some 100 MB
# Fields that hold something of a token's shape and are none: fingerprints of files, frames and runs.
FINGERPRINTS = (
    "run_id",
    "input_fingerprint",
    "sha256",
    "hash",
    "previous",
    "pandas_data_fingerprint",
    "digest",
    "checksum",  # of a Delta log: every tenth commit
)
BEFORE = re.compile(r'["\'<>/\s]?(' + "|".join(FINGERPRINTS) + r")\W{1,40}$")


@dataclass(frozen=True)
class Leak:
    """Where a token, or something of its shape, stands; not what stands there."""

    file: str
    place: str
    kind: str  # known token, or shape of a token


@dataclass(frozen=True)
class LeakReport:
    """What a scan looked at and what it found."""

    files: int
    leaks: tuple[Leak, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.leaks

    def refuse(self) -> LeakReport:
        """Raise PopflowError for the first leak; the report itself where there is none."""
        if self.leaks:
            first = self.leaks[0]
            more = f" ({len(self.leaks) - 1} more)" if len(self.leaks) > 1 else ""
            raise PopflowError(f"{first.file}: {first.kind} at {first.place}{more}; remove it, then mend what wrote it")
        return self


def scan(paths: Iterable[Path], shapes: list[re.Pattern[str]], known: Known | None = None) -> LeakReport:
    """Scan files and folders: text (compressed too), Parquet values, statistics and metadata, and names.

    Whatever the size of `known`, no more is held in memory than so many places that could be a token.
    """
    search = _Search(shapes, known or KnownTokens())
    files = 0
    for root in paths:
        for file in sorted(_files(root)):
            files += 1
            for part in file.relative_to(root).parts[:-1]:
                search.look(root, NAME, part)
            for place, text in texts_of(file):
                search.look(file, place, text)
    return LeakReport(files, search.leaks())


class _Search:
    """What has been found so far, and what could be a known token, to be looked up."""

    def __init__(self, shapes: list[re.Pattern[str]], known: Known) -> None:
        self._shapes, self._known, self._forms = shapes, known, known.forms()
        self._kinds: dict[tuple[Path, str], str] = {}
        self._could_be: dict[str, list[tuple[Path, str]]] = {}
        self._held = 0

    def look(self, file: Path, place: str, text: str) -> None:
        """Look at a piece of text."""
        if _has_shape(text, self._shapes):
            self._kinds.setdefault((file, place), "shape of a token")
        for candidate in self._forms.within(text):
            self._could_be.setdefault(candidate, []).append((file, place))
            self._held += 1
        if self._held >= AT_ONCE:
            self._look_up()

    def leaks(self) -> tuple[Leak, ...]:
        """All that was found; a name that is a token is not repeated, its folder is named."""
        self._look_up()
        named = {file for file, place in self._kinds if place == NAME}
        shown = {file: str(file.parent if file in named and not file.is_dir() else file) for file, _ in self._kinds}
        return tuple(
            Leak(shown[file], place, self._kinds[file, place]) for file, place in sorted(self._kinds, key=_in_order)
        )

    def _look_up(self) -> None:
        for token in self._known.among(self._could_be) if self._could_be else ():
            self._kinds |= dict.fromkeys(self._could_be[token], "known token")
        self._could_be, self._held = {}, 0


def scan_lake(lake: Lake, known: Known | None = None, more: Iterable[Path] = ()) -> LeakReport:
    """Scan all that a lake shows outside its restricted zone, that zone's Delta logs, and further files or folders.

    What lies in object storage is scanned as a copy, in a folder of the run's owner that is gone afterwards.
    """
    addresses = [lake.zone(name) for name in ("ops", "published", "reference")] + _logs(lake.zone("restricted"))
    with task_scratch() as scratch:
        folders = {address: _as_folder(address, scratch / f"{n:04}") for n, address in enumerate(addresses)}
        report = scan([*folders.values(), *more], shapes_of(lake.contracts), known)
    copies = {str(folder): address for address, folder in folders.items() if folder.parent == scratch}
    return replace(report, leaks=tuple(replace(leak, file=_in_words_of(copies, leak.file)) for leak in report.leaks))


def _logs(zone: str) -> list[str]:
    """Delta logs of a zone's tables, also of one that no contract knows."""
    system, path = open_address(zone)
    tables = system.get_file_info(FileSelector(path, allow_not_found=True))
    return [f"{zone}/{name}/_delta_log" for name in sorted(table.base_name for table in tables)]


def _as_folder(address: str, copy: Path) -> Path:
    system, path = open_address(address)
    if is_local(address):
        return Path(path)
    copy.mkdir()
    if files_under(address):
        copy_files(path, str(copy), source_filesystem=system, destination_filesystem=LocalFileSystem())
    return copy


def _in_words_of(copies: dict[str, str], file: str) -> str:
    copy = next((one for one in copies if file.startswith(one)), "")
    return copies[copy] + file.removeprefix(copy) if copy else file


def shapes_of(contracts: Contracts) -> list[re.Pattern[str]]:
    """What tokens look like: patterns of the feeds' tokens and of secret columns, found inside other text."""
    patterns = {feed.fields.sim_token.pattern for feed in contracts.feeds.values()}
    for table in contracts.tables.values():
        patterns |= {c.pattern for c in table.columns.values() if c.sensitivity == "secret" and c.pattern}
    bare = sorted(pattern.removeprefix("^").removesuffix("$") for pattern in patterns)
    return [re.compile(rf"(?<![0-9A-Za-z])(?:{one})(?![0-9A-Za-z])", re.IGNORECASE) for one in bare]


def known_of(lake: Lake) -> Known:
    """All tokens and keys of a lake's register; none where it has no register."""
    return RegisterTokens(lake) if lake.exists("subscribers") else KnownTokens()


def _in_order(found: tuple[Path, str]) -> tuple[Path, list[Any]]:
    """By file and place, line 2 before line 10."""
    return found[0], [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", found[1])]


def _has_shape(text: str, shapes: list[re.Pattern[str]]) -> bool:
    return any(
        not BEFORE.search(text[max(0, match.start() - 80) : match.start()])
        for shape in shapes
        for match in shape.finditer(text)
    )


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (file for file in path.rglob("*") if file.is_file())
