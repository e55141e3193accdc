"""The leak scan: whether a token stands in anything that a run leaves outside the restricted zone.

Two questions of every file: does it hold a token that is known, and does it hold anything of a token's shape (by the
feed contracts, and by the columns that the table contracts call secret)? It says file, place and kind, and never what
it found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyarrow.fs import FileSelector, LocalFileSystem, copy_files

from popflow.errors import PopflowError
from popflow.intake.storage import files_under, is_local, open_address, task_scratch
from popflow.operations.readable import texts_of

if TYPE_CHECKING:
    from popflow.contracts import Contracts
    from popflow.lake import Lake

WORD = re.compile(r"[0-9A-Za-z_\-]{8,}")
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


class KnownTokens:
    """A set of tokens that keeps only their hashes, so that the scan is no second copy of the register."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        hashed = [(len(token), _hashed(token)) for token in tokens]
        self._hashes = frozenset(one for _, one in hashed)
        self._lengths = sorted({length for length, _ in hashed})

    def within(self, word: str) -> bool:
        """Whether a token is the word or a part of it, whatever its case."""
        text = word.lower()
        return any(
            _hashed(text[start : start + length]) in self._hashes
            for length in self._lengths
            for start in range(len(text) - length + 1)
        )


def scan(paths: Iterable[Path], shapes: list[re.Pattern[str]], known: KnownTokens | None = None) -> LeakReport:
    """Scan files and folders: text (compressed too), Parquet values, statistics and metadata, and file names."""
    known = known or KnownTokens()
    files = sorted({file for path in paths for file in _files(path)})
    return LeakReport(len(files), tuple(leak for file in files for leak in _leaks(file, shapes, known)))


def scan_lake(lake: Lake, known: KnownTokens | None = None, more: Iterable[Path] = ()) -> LeakReport:
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


def known_of(lake: Lake, at_most: int = 1_000_000) -> KnownTokens:
    """Tokens and keys of a lake's register, so many at most; a national register is too large, its shapes must do."""
    if not lake.exists("subscribers"):
        return KnownTokens()
    secret = [n for n, c in lake.contracts.table("subscribers").columns.items() if c.sensitivity == "secret"]
    rows = lake.read_pandas("subscribers", columns=secret).head(at_most // len(secret))
    return KnownTokens(token for column in secret for token in rows[column])


def _leaks(file: Path, shapes: list[re.Pattern[str]], known: KnownTokens) -> Iterator[Leak]:
    shown = file.parent if _kind(file.name, shapes, known) else file  # a name that is a token is not repeated either
    for place, text in texts_of(file):
        if kind := _kind(text, shapes, known):
            yield Leak(str(shown), place, kind)


def _kind(text: str, shapes: list[re.Pattern[str]], known: KnownTokens) -> str | None:
    if any(known.within(word) for word in WORD.findall(text)):
        return "known token"
    for shape in shapes:
        for match in shape.finditer(text):
            if not BEFORE.search(text[max(0, match.start() - 80) : match.start()]):
                return "shape of a token"
    return None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (file for file in path.rglob("*") if file.is_file())


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.lower().encode()).digest()[:12]
