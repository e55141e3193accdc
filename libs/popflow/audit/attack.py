"""Every attack on one date: on each chain of each release, and on what links it with earlier ones of the date."""

from __future__ import annotations

import datetime as dt
import functools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from popflow.audit.counts import Malformed
from popflow.audit.differences import Limits, chain_findings
from popflow.audit.digests import NO_ROWS
from popflow.audit.history import Night, Part, ReleaseKey, Seen, Strand
from popflow.audit.linked import stray_findings
from popflow.audit.releases import correction_findings, newly_shown_findings, shown_no_more_findings
from popflow.audit.rests import feasibility_findings
from popflow.audit.shape import candidate_findings, part_findings, release_findings
from popflow.audit.verdict import Finding, Overtime
from popflow.contracts import Area
from popflow.indicators import Indicator

Good = Mapping[str, Seen]  # by part, what was found good before
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]  # as `map` calls a function for each of many


@dataclass
class Outcome:
    """What was found out about one chain of a date. seen: by part, digests of what was looked at."""

    strand: Strand
    findings: list[Finding] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    rows_alone: bool = False
    overtime: bool = False


@dataclass
class Attack:
    """The rules by which dates are attacked, the time that is left, and counts of what was looked at."""

    areas: Mapping[str, Area]
    indicators: Mapping[str, Indicator]
    limits: Limits
    until: float
    counts: dict[str, int] = field(default_factory=dict)

    def tick(self) -> float:
        """Seconds that are left; raises Overtime when none are."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise Overtime
        return left

    def count(self, name: str, number: int = 1) -> None:
        """Count what was looked at."""
        self.counts[name] = self.counts.get(name, 0) + number

    def night(self, night: Night, good: Good, each: Each = map) -> tuple[list[Outcome], list[Finding]]:
        """What was found out about each chain of a date, and everything wrong with it.

        What was found good before is not attacked again, except the candidate: its rows may be the same, its base cells
        others. each: how a function is called for every chain.
        """
        findings = list(candidate_findings(night))
        self.count("dates")
        for release in night.releases:
            self.tick()
            self.count("releases")
            self.count("rows", len(release.rows))
            findings += release_findings(release, self.areas, self.indicators[release.key[0]])
        try:
            strands = night.strands(self.areas, self.indicators)
        except Malformed as fault:
            return [], [*findings, Finding("A6", str(night.date), (), str(fault))]
        work = functools.partial(_look_at, replace(self, counts={}, until=0.0), self.tick(), good, night.candidate)
        outcomes = list(each(work, strands))
        for one in outcomes:
            findings += one.findings
            for name, number in one.counts.items():
                self.count(name, number)
            if one.overtime:
                raise Overtime
        seen = {name for one in outcomes for name in one.seen}
        return outcomes, findings + list(vanished(seen, good, night.date))

    def strand(self, strand: Strand, good: Good, candidate: ReleaseKey | None) -> Outcome:
        """What is found out about one chain of a date."""
        found = Outcome(strand)
        try:
            parts = strand.parts()
            for part in parts:
                found.findings += self._looked_at(part, {} if part.key == candidate else good)
                found.seen[part.name] = part.seen
                found.rows_alone |= part.counts is None
        except Malformed as fault:
            found.findings.append(Finding("A6", f"{strand.slices[0].key[1]} {strand.chain.name}", (), str(fault)))
        except Overtime:
            found.overtime = True
        found.counts = self.counts
        return found

    def _looked_at(self, part: Part, good: Good) -> list[Finding]:
        before = good.get(part.name)
        if part.seen.is_held_by(before):
            self.count("skipped")
            return []
        changed = before is not None and before.rows != part.rows_digest
        text = "the rows are not those that were audited when they were published; first write wins"
        return [*([Finding("A6", part.where, (), text)] if changed else []), *self.part(part)]

    def part(self, part: Part) -> Iterator[Finding]:
        """Everything wrong with one chain of one release; what cannot be read is a failure."""
        self.count("parts")
        try:
            for finding in self._part(part):
                yield finding
                self.tick()
        except Malformed as fault:
            yield Finding("A6", part.where, (), str(fault))

    def _part(self, part: Part) -> Iterator[Finding]:
        limits = self._limits(part)
        if part.key[0] not in self.indicators:
            yield Finding("A6", part.where, (), f"indicator '{part.key[0]}' is not published any more")
        yield from part_findings(part, limits.k)
        if not len(part.rows) and not any(len(one.rows) for one in part.earlier):
            return  # nothing tells of it, but that its root is small to somebody
        tree = part.tree
        self.count("cells", sum(int(grid.is_cell.sum()) for grid in tree.grids))
        self.tick()
        yield from chain_findings(tree, limits, part.where)
        self.tick()
        before = [one.tree for one in part.earlier]
        yield from feasibility_findings(tree, limits, part.where, self.counts, before)
        strays = part.rows.iloc[sorted(set(range(len(part.rows))) - tree.used)]
        if len(strays):
            yield from stray_findings(tree, strays, self.areas, limits, part.where, self.tick())
        for old in part.earlier:
            self.tick()
            yield from self._correction(part, old)

    def _limits(self, part: Part) -> Limits:
        """The limits of a part's indicator, which its contract can raise."""
        indicator = self.indicators.get(part.key[0])
        return self.limits.raised(indicator.thresholds) if indicator else self.limits

    def _correction(self, new: Part, old: Part) -> Iterator[Finding]:
        name = f"{new.where} against release {old.key[2]}"
        yield from newly_shown_findings(new.tree, old.tree, name)
        yield from shown_no_more_findings(new.tree, old.tree, name)
        if not len(old.rows) or new.counts is None or old.counts is None:
            return
        self.count("corrections")
        if old.key[2] not in new.changes:
            raise Malformed(f"base_cells: who joined and who left since release {old.key[2]} is not there")
        yield from correction_findings(new.tree, old.tree, *new.changes[old.key[2]], self._limits(new), name)


def _look_at(attack: Attack, seconds: float, good: Good, candidate: ReleaseKey | None, strand: Strand) -> Outcome:
    """Look at one chain on any machine: time is told as seconds that are left, since clocks differ."""
    return replace(attack, counts={}, until=time.monotonic() + seconds).strand(strand, good, candidate)


def vanished(there: Collection[str], good: Good, date: dt.date) -> Iterator[Finding]:
    """A6 for each part of a date that had rows when it was found good, and is not there any more."""
    with_rows = {name for name, seen in good.items() if seen.rows != NO_ROWS}
    for name in sorted(with_rows - set(there)):
        yield Finding("A6", f"{date} {name}", (), "rows that were audited when they were published are gone")
