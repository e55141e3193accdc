"""Releases as the auditor looks at them: date by date, and of each release chain by chain.

Chains share no person on a date, and the daily rows of two dates share none that anybody could tell of
(docs/explanation/auditor.md has the proof). So one chain of one release, beside the earlier releases of its date, is
all that is ever looked at together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from popflow.audit.chains import NO_CHAIN, Chain, chains_of, owners
from popflow.audit.counts import Counts, Malformed, counts_of
from popflow.audit.digests import digest_of, rows_digest
from popflow.audit.tree import Tree, build_tree, place_rows, take_figures_from_rows
from popflow.contracts import Area
from popflow.indicators import Indicator

ReleaseKey = tuple[str, dt.date, int]  # indicator, date, release
Load = Callable[[str, dt.date, int], pd.DataFrame]
BaseCells = pd.DataFrame | Load
PerNight = Mapping[ReleaseKey, Collection[str]] | Mapping[dt.date, Collection[str]] | Collection[str]
Changes = dict[int, tuple[Counts, Counts]]  # by earlier release, those who joined and those who left since
KEY = ["indicator", "date", "release"]
COUNTIES = "counties with a cell"
PLACE = ["origin_level", "origin_code", "destination_level", "destination_code"]


@dataclass(frozen=True)
class Candidate:
    """The release about to be published: rows of the contract `flows`, and its `base_cells`."""

    rows: pd.DataFrame
    base_cells: pd.DataFrame


@dataclass(frozen=True)
class Seen:
    """Digests of what was looked at of one chain of one release: its rows, what is known of its night, its base cells.

    base cells is empty where they were gone.
    """

    rows: str
    night: str
    base_cells: str

    def is_held_by(self, earlier: Seen | None) -> bool:
        """Whether an earlier look saw the same. Base cells that are gone since cannot have changed the rows."""
        if earlier is None or (self.rows, self.night) != (earlier.rows, earlier.night):
            return False
        return self.base_cells in ("", earlier.base_cells)


@dataclass
class Part:
    """One chain of one release, beside the same chain in the earlier releases of its date.

    covered, covered_before: counties in which the date, and the day before it, can have ended for somebody.
    counts: its persons in their finest cells; None where the base cells are gone.
    """

    chain: Chain
    key: ReleaseKey
    rows: pd.DataFrame
    mnos: tuple[str, ...]
    covered: frozenset[str]
    covered_before: frozenset[str]
    counts: Counts | None
    changes: Changes
    earlier: tuple[Part, ...]

    @property
    def name(self) -> str:
        """The part among those of its date."""
        return f"{self.key[0]} {self.chain.name} release {self.key[2]}"

    @property
    def where(self) -> str:
        """The part in words."""
        return f"{self.key[0]} {self.key[1]} {self.chain.name} release {self.key[2]}"

    @cached_property
    def tree(self) -> Tree:
        """The chain's grids with the rows in place; with the figures of the rows where there are no base cells."""
        tree = build_tree(self.chain, self.counts, self.covered, self.covered_before)
        place_rows(tree, self.rows)
        if self.counts is None:
            take_figures_from_rows(tree)
        return tree

    @cached_property
    def rows_digest(self) -> str:
        """Digest of the published rows."""
        return rows_digest(self.rows)

    @cached_property
    def seen(self) -> Seen:
        """Digests of all that the part is judged by, but the rules."""
        night = (
            self.mnos,
            sorted(self.covered),
            sorted(self.covered_before),
            [one.rows_digest for one in self.earlier],
        )
        moved = [(number, joined.digest(), left.digest()) for number, (joined, left) in sorted(self.changes.items())]
        base_cells = digest_of((self.counts.digest(), moved)) if self.counts else ""
        return Seen(self.rows_digest, digest_of(night), base_cells)

    def planted(
        self,
        rows: pd.DataFrame,
        counts: Counts | None = None,
        changes: Changes | None = None,
    ) -> Part:
        """A copy with other rows, counts or changes."""
        return replace(
            self,
            rows=rows.reset_index(drop=True),
            counts=counts or self.counts,
            changes=self.changes if changes is None else changes,
        )


@dataclass
class Slice:
    """One chain's share of a release: its rows, and its base cells as they were read, None where they are gone."""

    key: ReleaseKey
    rows: pd.DataFrame
    mnos: tuple[str, ...]
    covered: frozenset[str]
    covered_before: frozenset[str]
    base_cells: pd.DataFrame | None
    against: tuple[int, ...] = ()  # earlier releases since which the release tells who joined and left

    def part(self, chain: Chain, earlier: tuple[Part, ...]) -> Part:
        """The share as the part that is attacked. Raises Malformed where its base cells do not fit their contract."""
        night = (self.mnos, self.covered, self.covered_before)
        if self.base_cells is None:
            return Part(chain, self.key, self.rows, *night, None, {}, earlier)
        kinds = set(self.base_cells["change"].unique()) - {"all", "joined", "left"}
        if kinds:
            raise Malformed(f"base_cells: unknown change {', '.join(sorted(map(str, kinds)))}")
        counts = counts_of(self.base_cells[self.base_cells["change"] == "all"], self.mnos)
        changes = {number: (self._changed("joined", number), self._changed("left", number)) for number in self.against}
        return Part(chain, self.key, self.rows, *night, counts, changes, earlier)

    def _changed(self, change: str, number: int) -> Counts:
        assert self.base_cells is not None
        mine = (self.base_cells["change"] == change) & (self.base_cells["against_release"] == number)
        return counts_of(self.base_cells[mine], self.mnos)


@dataclass
class Strand:
    """One chain through all releases of a date, the newest last: all that is ever looked at together."""

    chain: Chain
    slices: list[Slice]

    @property
    def is_empty(self) -> bool:
        """Whether it has neither rows nor persons."""
        return not any(len(one.rows) or (one.base_cells is not None and len(one.base_cells)) for one in self.slices)

    def parts(self) -> list[Part]:
        """The strand, each part beside the earlier ones."""
        parts: list[Part] = []
        for one in self.slices:
            parts.append(one.part(self.chain, tuple(parts)))
        return parts


@dataclass
class Release:
    """One release with all its chains, its night as of a part. load: its base cells, None where they are gone."""

    key: ReleaseKey
    rows: pd.DataFrame
    mnos: tuple[str, ...]
    covered: frozenset[str]
    covered_before: frozenset[str]
    load: Load | None

    @property
    def where(self) -> str:
        """The release in words."""
        return f"{self.key[0]} {self.key[1]} release {self.key[2]}"

    def by_chain(self, chains: Sequence[Chain], areas: Mapping[str, Area]) -> list[Slice]:
        """The release chain by chain. Raises Malformed for persons of an origin in no chain."""
        rows = _split(self.rows, owners(chains, areas, self.rows), len(chains))
        base_cells: Sequence[pd.DataFrame | None] = [None] * len(chains)
        against: tuple[int, ...] = ()
        if self.load is not None:
            loaded = self.load(*self.key)
            owner = owners(chains, {}, loaded)
            if (owner == NO_CHAIN).any():
                raise Malformed("base_cells: persons whose origin belongs to no chain")
            base_cells = _split(loaded, owner, len(chains))
            against = tuple(sorted(set(map(int, loaded.loc[loaded["change"] != "all", "against_release"]))))
        night = (self.mnos, self.covered, self.covered_before)
        return [Slice(self.key, mine, *night, of, against) for mine, of in zip(rows, base_cells, strict=True)]

    def without_chain(self, areas: Mapping[str, Area], of: Indicator) -> pd.DataFrame:
        """Rows whose origin belongs to no chain."""
        return self.rows[owners(chains_of(areas, of), areas, self.rows) == NO_CHAIN]


def _split(frame: pd.DataFrame, owner: np.ndarray, chains: int) -> list[pd.DataFrame]:
    """A frame by the place of each row's owner; rows that nobody owns are left out."""
    there = set(np.unique(owner).tolist())
    return [
        frame[owner == place].reset_index(drop=True) if place in there else frame.iloc[:0] for place in range(chains)
    ]


@dataclass
class Night:
    """All releases of one date, by indicator, the newest last; and which of them is the candidate, if any."""

    date: dt.date
    releases: list[Release]
    candidate: ReleaseKey | None = None

    def strands(self, areas: Mapping[str, Area], indicators: Mapping[str, Indicator]) -> list[Strand]:
        """Every chain of every indicator of the date that has any rows or persons.

        Raises Malformed for a release that cannot be divided.
        """
        found: list[Strand] = []
        for name in dict.fromkeys(release.key[0] for release in self.releases):
            chains = chains_of(areas, indicators[name])
            of_releases = [one.by_chain(chains, areas) for one in self.releases if one.key[0] == name]
            found += [Strand(chain, list(of)) for chain, of in zip(chains, zip(*of_releases, strict=True), strict=True)]
        return [one for one in found if not one.is_empty]


@dataclass(frozen=True)
class Known:
    """What is known about nights: their MNOs, and the counties in which a date and the day before can have ended."""

    mnos: PerNight
    covered: PerNight
    covered_before: PerNight

    def release(self, key: ReleaseKey, rows: pd.DataFrame, load: Load | None) -> Release:
        """A release with what is known about its night. Raises Malformed where that is nothing."""
        sets = [_known(known, key, what) for known, what in ((self.covered, COUNTIES), (self.covered_before, COUNTIES))]
        names = tuple(sorted(_known(self.mnos, key, "MNOs")))
        return Release(key, rows.reset_index(drop=True), names, frozenset(sets[0]), frozenset(sets[1]), load)


def nights(
    rows: pd.DataFrame,
    base_cells: BaseCells,
    known: Known,
    candidate: Candidate | None = None,
    gone: Collection[dt.date] = (),
) -> Iterator[Night]:
    """The dates of some rows and of a candidate, one after another; gone: dates whose base cells are no longer kept."""
    load = base_cells if callable(base_cells) else _loader(base_cells)
    found: dict[dt.date, list[Release]] = {}
    for key, frame in keyed(rows).items():
        of_date = None if key[1] in gone else load
        found.setdefault(key[1], []).append(known.release(key, frame, of_date))
    new = _candidate_release(candidate, known) if candidate is not None else None
    if new is not None:
        found.setdefault(new.key[1], []).append(new)
    for date, releases in sorted(found.items()):
        releases.sort(key=lambda one: (one.key[0], one.key[2], one is new))
        yield Night(date, releases, new.key if new is not None and new.key[1] == date else None)


def _candidate_release(candidate: Candidate, known: Known) -> Release | None:
    keys = set(keyed(candidate.rows)) | set(keyed(candidate.base_cells))
    if not keys:
        return None
    if len(keys) > 1:
        raise Malformed(f"the candidate holds {len(keys)} releases, and one is published at a time")
    return known.release(keys.pop(), candidate.rows, lambda *_: candidate.base_cells)


def keyed(frame: pd.DataFrame) -> dict[ReleaseKey, pd.DataFrame]:
    """A frame's rows by indicator, date and release."""
    groups: Iterator[Any] = iter(frame.groupby(KEY, sort=True))
    return {(str(i), pd.Timestamp(d).date(), int(r)): part for (i, d, r), part in groups}


def _known(per_night: PerNight, key: ReleaseKey, what: str) -> Sequence[str]:
    if not isinstance(per_night, Mapping):
        return list(per_night)
    by_any: Mapping[Any, Collection[str]] = per_night
    found = by_any.get(key, by_any.get(key[1]))
    if not found:
        raise Malformed(f"{key[0]} {key[1]} release {key[2]}: its {what} are not known")
    return list(found)


def _loader(base_cells: pd.DataFrame) -> Load:
    parts = keyed(base_cells)

    def load(indicator: str, date: dt.date, release: int) -> pd.DataFrame:
        return parts.get((indicator, date, release), base_cells.iloc[:0])

    return load
