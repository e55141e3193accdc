"""Everything ever published and its atoms, release by release; atoms are loaded when something needs them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from popflow.audit.counts import Counts, Malformed, counts_of

ReleaseKey = tuple[str, dt.date, int]  # indicator, date, release
Atoms = pd.DataFrame | Callable[[str, dt.date, int], pd.DataFrame]
PerNight = Mapping[ReleaseKey, Collection[str]] | Mapping[dt.date, Collection[str]] | Collection[str]
ABSENT = -1  # in a digest: no figure for this MNO
KEY = ["indicator", "date", "release"]
PLACE = ["origin_level", "origin_code", "destination_level", "destination_code"]


@dataclass(frozen=True)
class Candidate:
    """The release about to be published: rows of the contract `flows`, and its `atoms`."""

    rows: pd.DataFrame
    atoms: pd.DataFrame


Changes = dict[int, tuple[Counts, Counts]]  # by earlier release, those who joined and those who left since


@dataclass
class Release:
    """One release: its rows, its MNOs, the counties with a cell that night, and its atoms behind a function.

    known: counts and changes of a copy in which a leak is planted, in place of what the atoms say.
    """

    key: ReleaseKey
    rows: pd.DataFrame
    mnos: tuple[str, ...]
    covered: frozenset[str]
    load: Callable[[], pd.DataFrame]
    known: tuple[Counts, Changes] | None = None

    @property
    def where(self) -> str:
        """The release in words."""
        return f"{self.key[0]} {self.key[1]} release {self.key[2]}"

    @cached_property
    def _read(self) -> tuple[Counts, Changes]:
        if self.known is not None:
            return self.known
        atoms = self.load()
        kinds = set(atoms["change"].unique()) - {"all", "joined", "left"}
        if kinds:
            raise Malformed(f"atoms: unknown change {', '.join(sorted(map(str, kinds)))}")
        against = sorted(set(atoms.loc[atoms["change"] != "all", "against_release"]))
        changes = {int(n): (self._changed(atoms, "joined", n), self._changed(atoms, "left", n)) for n in against}
        return counts_of(atoms[atoms["change"] == "all"], self.mnos), changes

    def _changed(self, atoms: pd.DataFrame, change: str, number: int) -> Counts:
        return counts_of(atoms[(atoms["change"] == change) & (atoms["against_release"] == number)], self.mnos)

    @property
    def counts(self) -> Counts:
        """The persons of the release in its finest cells."""
        return self._read[0]

    @property
    def changes(self) -> Changes:
        """By earlier release, those who joined and those who left since."""
        return self._read[1]

    @cached_property
    def rows_digest(self) -> str:
        """SHA-256 of the published rows and of what is known about the night; of planted counts too."""
        planted = self.known[0].digest() if self.known else ""
        seen = hashlib.sha256(repr((self.key, self.mnos, sorted(self.covered), planted)).encode())
        return _hash_frame(self.rows, PLACE, seen).hexdigest()

    def planted(
        self,
        rows: pd.DataFrame,
        counts: Counts | None = None,
        changes: Changes | None = None,
        key: ReleaseKey | None = None,
    ) -> Release:
        """A copy with other rows, counts or changes."""
        known = (self.counts if counts is None else counts, self.changes if changes is None else changes)
        return replace(self, key=key or self.key, rows=rows.reset_index(drop=True), known=known)


@dataclass
class History:
    """All releases by key."""

    releases: dict[ReleaseKey, Release]

    def of(self, indicator: str, date: dt.date) -> list[Release]:
        """The releases of a date, the newest last."""
        found = [release for key, release in self.releases.items() if key[:2] == (indicator, date)]
        return sorted(found, key=lambda release: release.key[2])

    def with_(self, *releases: Release) -> History:
        """A copy in which these take the place of those with their key, or come to them."""
        return History(self.releases | {release.key: release for release in releases})


def read_history(rows: pd.DataFrame, atoms: Atoms, covered: PerNight, mnos: PerNight) -> History:
    """History of frames; covered and mnos by release, by date, or the same for all."""
    load = atoms if callable(atoms) else _loader(atoms)
    return History({release.key: release for release in _releases(rows, load, covered, mnos)})


def _releases(
    rows: pd.DataFrame, load: Callable[[str, dt.date, int], pd.DataFrame], covered: PerNight, mnos: PerNight
) -> Iterator[Release]:
    for key, frame in rows.groupby(KEY, sort=True):
        indicator, date, number = key
        name = (str(indicator), _date(date), int(str(number)))
        yield release_of(name, frame, covered, mnos, partial(load, *name))


def release_of(
    key: ReleaseKey, rows: pd.DataFrame, covered: PerNight, mnos: PerNight, load: Callable[[], pd.DataFrame]
) -> Release:
    """One release with what is known about its night; nothing known is an error."""
    names, counties = _known(mnos, key, "MNOs"), _known(covered, key, "counties with a cell")
    return Release(key, rows.reset_index(drop=True), tuple(sorted(names)), frozenset(counties), load)


def _known(per_night: PerNight, key: ReleaseKey, what: str) -> Sequence[str]:
    if not isinstance(per_night, Mapping):
        return list(per_night)
    found = per_night.get(key, per_night.get(key[1]))  # type: ignore[call-overload]
    if not found:
        raise Malformed(f"{key[0]} {key[1]} release {key[2]}: its {what} are not known")
    return list(found)


def _loader(atoms: pd.DataFrame) -> Callable[[str, dt.date, int], pd.DataFrame]:
    parts = {(str(i), _date(d), int(str(r))): part for (i, d, r), part in atoms.groupby(KEY, sort=False)}

    def load(indicator: str, date: dt.date, release: int) -> pd.DataFrame:
        return parts.get((indicator, date, release), atoms.iloc[:0])

    return load


def _date(value: Any) -> dt.date:
    return pd.Timestamp(value).date()


def audited_digest(rows: pd.DataFrame, atoms: pd.DataFrame, history_version: str | int | None = None) -> str:
    """SHA-256 of a candidate and of the history it was audited with, whatever the order of rows and columns.

    Publishing compares it with the verdict's just before the commit.
    """
    seen = hashlib.sha256(repr(("history", history_version)).encode())
    _hash_frame(rows, [*KEY, *PLACE], seen)
    if len(atoms) and "persons_without" in atoms:
        maps = [one if isinstance(one, dict) else dict(one) for one in atoms["persons_without"]]
        names = sorted({name for one in maps for name in one})
        wide = {f"without_{name}": [one.get(name, ABSENT) for one in maps] for name in names}
        atoms = atoms.drop(columns="persons_without").assign(**wide)
    _hash_frame(atoms, [*KEY, "change", "against_release", "origin_code", "destination_code"], seen)
    return seen.hexdigest()


def _hash_frame(frame: pd.DataFrame, order: Sequence[str], seen: hashlib._Hash) -> hashlib._Hash:
    """Hash a frame's values in the order of its key; numbers and texts of the same look are the same."""
    names = sorted(map(str, frame.columns))
    table = pa.table({name: _plain(frame[name]) for name in names})
    keys = [(name, "ascending") for name in order if name in names]
    if keys and len(frame):
        table = table.take(pc.sort_indices(table, sort_keys=keys))
    for name in names:
        seen.update(f"\x1e{name}\x1f{len(frame)}\x1f".encode())
        for buffer in pa.concat_arrays(table[name].chunks).buffers() if len(frame) else ():
            seen.update(buffer if buffer is not None else b"-")
    return seen


def _plain(column: pd.Series) -> pa.Array:
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return pa.array(column.to_numpy(dtype=np.int64))
    places, distinct = pd.factorize(column, use_na_sentinel=False)
    return pa.array(np.array([str(one) for one in distinct], dtype=object), type=pa.large_string()).take(
        pa.array(places)
    )
