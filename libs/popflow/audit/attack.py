"""One pass over a history: every attack on every release, and on what links them."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from popflow.audit.blocks import block_findings, days_of
from popflow.audit.counts import Malformed
from popflow.audit.differences import Limits, chain_findings
from popflow.audit.feasible import feasibility_findings
from popflow.audit.history import History, Release
from popflow.audit.lattice import SPECS, Tree, build_tree, chains_of, place_rows, split_by_chain
from popflow.audit.linked import stray_findings
from popflow.audit.releases import correction_findings
from popflow.audit.shape import release_findings
from popflow.audit.verdict import Finding, Overtime
from popflow.contracts import Area

TREES_KEPT = 64  # a block needs those of its 14 days; a national day's tree takes some 15 MB


@dataclass
class Attack:
    """One pass over a history.

    passed: what was found good before, by name, with its digest; good: the same after this pass. found: the findings of
    a pass before this one.
    """

    areas: Mapping[str, Area]
    limits: Limits
    until: float
    passed: Mapping[str, str] = field(default_factory=dict)
    good: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    trees: dict[str, list[Tree]] = field(default_factory=dict)
    found: frozenset[Finding] = frozenset()

    def tick(self) -> float:
        """Seconds that are left; raises Overtime when none are."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise Overtime
        return left

    def count(self, name: str, number: int = 1) -> None:
        """Count what was looked at."""
        self.counts[name] = self.counts.get(name, 0) + number

    def findings(self, history: History) -> Iterator[Finding]:
        """Everything wrong with a history: each release, each block with its days, each correction."""
        for release in history.releases.values():
            yield from self._checked(release.where, release.rows_digest, self._release(release), [release])
        for release in history.releases.values():
            if release.key[0] == "outflow_block":
                yield from self._block(history, release)
            if release.key[2] > 1:
                yield from self._correction(history, release)

    def _checked(self, name: str, light: str, attack: Iterator[Finding], releases: list[Release]) -> Iterator[Finding]:
        """Run an attack unless the same was found good before; what cannot be read is a failure."""
        self.tick()
        if self.passed.get(name) == light:
            self.count("skipped")
            self.good[name] = light
            return
        found = False
        try:
            for finding in attack:
                found = True
                yield finding
                self.tick()
        except Malformed as fault:
            found = True
            yield Finding("A6", name, (), str(fault))
        if not found:
            self.good[name] = light

    def _release(self, release: Release) -> Iterator[Finding]:
        self.count("releases")
        self.count("rows", len(release.rows))
        yield from release_findings(release, self.limits.k)
        used: set[int] = set()
        trees = self.trees_of(release)
        for tree in trees:
            used |= tree.used
            yield from chain_findings(tree, self.limits, release.where)
            self.tick()
            yield from feasibility_findings(tree, self.limits, release.where, self.counts)
        strays = release.rows.iloc[sorted(set(range(len(release.rows))) - used)] if trees else release.rows
        if len(strays):
            for tree in trees:
                yield from stray_findings(tree, strays, self.areas, self.limits, release.where, self.tick())

    def trees_of(self, release: Release) -> list[Tree]:
        """The chains of a release with its rows in place."""
        kept = self.trees.get(release.rows_digest)
        if kept is not None:
            return kept
        while len(self.trees) >= TREES_KEPT:
            self.trees.pop(next(iter(self.trees)))
        indicator = release.key[0]
        chains = chains_of(self.areas)
        by_chain = split_by_chain(chains, self.areas, release.counts, indicator)
        trees = [
            build_tree(
                chain,
                SPECS[indicator],
                by_chain[chain.name],
                release.covered,
                prefectures_only=indicator == "outflow_block",
            )
            for chain in chains
        ]
        for tree in trees:
            place_rows(tree, release.rows)
            self.count("cells", sum(int(grid.is_cell.sum()) for grid in tree.grids))
        if sum(int(tree.values[0].sum()) for tree in trees) != int(release.counts.values[0].sum()):
            raise Malformed("atoms: persons whose origin belongs to no chain, or to two")
        self.trees[release.rows_digest] = trees
        return trees

    def _block(self, history: History, block: Release) -> Iterator[Finding]:
        days = {date: history.of("outflow", date) for date in days_of(block.key[1])}
        linked = [block, *(release for releases in days.values() for release in releases)]
        name = f"{block.where} beside its days"
        self.count("blocks")
        yield from self._checked(name, _joint(linked), self._block_attack(block, days, name), linked)

    def _block_attack(self, block: Release, days: Mapping[dt.date, list[Release]], name: str) -> Iterator[Finding]:
        for i, tree in enumerate(self.trees_of(block)):
            of_days = {date: [self.trees_of(r)[i] for r in releases] for date, releases in days.items()}
            yield from block_findings(tree, of_days, block.key[1], self.limits, name)

    def _correction(self, history: History, new: Release) -> Iterator[Finding]:
        for old in history.of(*new.key[:2]):
            if old.key[2] < new.key[2] and len(old.rows):
                name = f"{new.where} against release {old.key[2]}"
                self.count("corrections")
                yield from self._checked(name, _joint([new, old]), self._correction_attack(new, old, name), [new, old])

    def _correction_attack(self, new: Release, old: Release, name: str) -> Iterator[Finding]:
        if old.key[2] not in new.changes:
            raise Malformed(f"atoms: who joined and who left since release {old.key[2]} is not there")
        chains = chains_of(self.areas)
        joined, left = (split_by_chain(chains, self.areas, part, new.key[0]) for part in new.changes[old.key[2]])
        for tree, earlier in zip(self.trees_of(new), self.trees_of(old), strict=True):
            of_chain = joined[tree.chain.name], left[tree.chain.name]
            yield from correction_findings(tree, earlier, *of_chain, self.limits, name)


def _joint(releases: list[Release]) -> str:
    return hashlib.sha256(repr([release.rows_digest for release in releases]).encode()).hexdigest()
