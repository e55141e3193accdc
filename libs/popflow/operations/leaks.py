"""The leak scan: whether a token stands in anything that a run leaves outside the restricted zone.

Two questions of every file: does it hold a token that is known, and does it hold anything of a token's shape (by the
feed contracts, and by the columns that the table contracts call secret)? It says file, place and kind, and never what
it found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow.fs import FileSelector, LocalFileSystem, copy_files

from popflow.errors import PopflowError
from popflow.intake.storage import files_under, is_local, open_address, task_scratch
from popflow.operations.clean_files import CleanFiles
from popflow.operations.known_tokens import Known, KnownTokens, RegisterTokens
from popflow.operations.readable import NAME, texts_of

if TYPE_CHECKING:
    from popflow.contracts import Contracts
    from popflow.lake import Lake

FOLDER = "folder name"
Piece = tuple[str, str, str]  # what the file lies below, the file, the place in it
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
    for root in paths:
        for file in sorted(_files(root)):
            search.read(str(root), str(file), file)
    return search.report()


def scan_lake(lake: Lake, known: Known | None = None, more: Iterable[Path] = ()) -> LeakReport:
    """Scan all that a lake shows outside its restricted zone, that zone's Delta logs, and further files or folders.

    What an earlier scan for the same tokens found clean and nobody has touched since is counted, and not read again.
    What lies in object storage is read from a copy, file by file, in a folder of the run's owner.
    """
    known, shapes = known or KnownTokens(), shapes_of(lake.contracts)
    search, clean = _Search(shapes, known), CleanFiles(lake, [shape.pattern for shape in shapes], known.version())
    with task_scratch() as scratch:
        for zone in ("ops", "published", "reference"):
            _read_new(lake.zone(zone), search, clean, scratch)
        for log in _logs(lake.zone("restricted")):
            _read_new(log, search, clean, scratch)
    for root in more:
        for file in sorted(_files(root)):
            search.read(str(root), str(file), file)
    report = search.report()
    clean.keep(without=search.leaking())
    return report


def _read_new(address: str, search: _Search, clean: CleanFiles, scratch: Path) -> None:
    """Read the files below an address that are not known to be clean."""
    system, base = open_address(address)
    for found in sorted(files_under(address), key=lambda one: one.path):
        file = f"{address}{found.path.removeprefix(base)}"
        if clean.holds(file, [found.size, found.mtime.isoformat()]):
            search.files += 1
        elif is_local(address):
            search.read(address, file, Path(found.path))
        else:
            copy = scratch / Path(found.path).name
            copy_files(found.path, str(copy), source_filesystem=system, destination_filesystem=LocalFileSystem())
            search.read(address, file, copy)
            copy.unlink()


class _Search:
    """What has been found so far, and what could be a known token, to be looked up."""

    def __init__(self, shapes: list[re.Pattern[str]], known: Known) -> None:
        self.files = 0
        self._shapes, self._known, self._forms = shapes, known, known.forms()
        self._kinds: dict[Piece, str] = {}
        self._could_be: dict[str, list[Piece]] = {}
        self._held = 0

    def read(self, root: str, file: str, at: Path) -> None:
        """Read a file, which is called `file` and lies below a root; at: where it can be opened."""
        self.files += 1
        for folder in file.removeprefix(root).strip("/").split("/")[:-1]:
            self._look((root, file, FOLDER), folder)
        for place, text in texts_of(at):
            self._look((root, file, place), text)

    def report(self) -> LeakReport:
        """All that was found; a name that is a token is not repeated, what it lies in is named."""
        self._look_up()
        pieces = sorted(self._kinds, key=_in_order)
        return LeakReport(self.files, tuple(Leak(self._shown(*one[:2]), one[2], self._kinds[one]) for one in pieces))

    def leaking(self) -> set[str]:
        """Files in which anything was found."""
        return {file for _, file, _ in self._kinds}

    def _shown(self, root: str, file: str) -> str:
        if (root, file, FOLDER) in self._kinds:
            return root
        return file.rpartition("/")[0] if (root, file, NAME) in self._kinds else file

    def _look(self, piece: Piece, text: str) -> None:
        if _has_shape(text, self._shapes):
            self._kinds.setdefault(piece, "shape of a token")
        for candidate in self._forms.within(text):
            self._could_be.setdefault(candidate, []).append(piece)
            self._held += 1
        if self._held >= AT_ONCE:
            self._look_up()

    def _look_up(self) -> None:
        for token in self._known.among(self._could_be) if self._could_be else ():
            self._kinds |= dict.fromkeys(self._could_be[token], "known token")
        self._could_be, self._held = {}, 0


def _logs(zone: str) -> list[str]:
    """Delta logs of a zone's tables, also of one that no contract knows."""
    system, path = open_address(zone)
    tables = system.get_file_info(FileSelector(path, allow_not_found=True))
    return [f"{zone}/{name}/_delta_log" for name in sorted(table.base_name for table in tables)]


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


def _in_order(piece: Piece) -> tuple[str, list[Any]]:
    """By file and place, line 2 before line 10."""
    return piece[1], [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", piece[2])]


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
