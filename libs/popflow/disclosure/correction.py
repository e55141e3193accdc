"""Corrections: what a later release of a date may show beside what earlier ones have shown.

Whoever compares two releases sees, cell by cell, how many more or fewer there are. So the persons who joined a cell and
those who left it are each nobody or publishable, also for somebody who knows that nobody left, as when files came late,
or that nobody joined.

Under a parent a correction shows the very children that every earlier release showed, or none. A child that came out of
a rest would let its former number be told from the rest's. One that went into the rest would have fallen below 20:
where it had 39, and 20 left in all, it has 19.

Who joined and who left goes by person and places alone. After a reload of the register everybody may have other SIMs;
whoever stayed all the same changed no figure. Counted as one who left and one who joined, as all of them once were,
they would only be a crowd in which the few who did leave or join pass every threshold.

A joined or left person counts with the less favourable of what the two editions of the register say: as registered
where both know the SIM, as without an MNO where neither gives them a SIM of it. An MNO knows its own customers,
whichever edition is right, and a group that is large enough so counted is large enough by either.

That a parent shows no children any more tells that some group below it changed by few, or fell below 20. From k = 3 on
several numbers fit that (k is at least 20). The tests of corrections try all small worlds of two releases.

A date is corrected once. Of three releases of which the second only adds and the third only takes away, single persons
can be worked out, though each change is large. A cell has 21 persons, then 46, then 26: 25 joined and 20 left. Were any
of the 20 among the 25, fewer than 20 of the first 21 had left; so 20 of the 21 did, and one person stands in all three.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from popflow.disclosure.chain import Nodes, Tree
from popflow.disclosure.exact import finest_cells
from popflow.disclosure.rules import (
    PERSONS,
    REGISTERED,
    WITHOUT,
    Bools,
    Ints,
    Rules,
    nobody_or_publishable,
    summed,
)
from popflow.disclosure.suppression import Folded
from popflow.errors import PopflowError

CHANGES = ("joined", "left")


@dataclass(frozen=True)
class EarlierRelease:
    """A release of the date that somebody may have read, withdrawn or not, and what changed since.

    rows: contract `flows`, that release's. changes: contract `base_cells` without its first three columns, the persons
    who joined and who left each finest cell since, person by person; cells without a change may be left out. mnos:
    those of that release's night, None where they are this one's.
    """

    release: int
    rows: pd.DataFrame
    changes: pd.DataFrame
    mnos: Collection[str] | None = None

    def within(self, digits: str) -> EarlierRelease:
        """The release with the changes alone whose origin's code begins so."""
        return replace(self, changes=self.changes[self.changes["origin_code"].str.startswith(digits)])


def refuse_second(earlier: Sequence[int], date: dt.date) -> None:
    """Raise PopflowError where a date has been corrected; earlier: the numbers of its releases so far."""
    if len(earlier) > 1:
        raise PopflowError(
            f"correction refused: {date} was corrected before (release {max(earlier)}), and a date is corrected once; "
            "from three releases single persons can be worked out. A wrong release can be withdrawn (popflow withdraw)"
        )


def refuse_other_mnos(earlier: Sequence[EarlierRelease], mnos: Sequence[str]) -> None:
    """Raise PopflowError where a release was made without an MNO that is there now, or the other way round."""
    for one in earlier:
        if others := set(mnos) ^ set(mnos if one.mnos is None else one.mnos):
            raise PopflowError(
                f"correction refused: release {one.release} and this one differ in {', '.join(sorted(others))}, and "
                "the difference would be that MNO's own count; a night without an MNO cannot be mended"
            )


def key_of(codes: pd.DataFrame) -> pd.Series:
    """Levels and codes of a cell as one text."""
    return _joined(codes, "origin") + "|" + _joined(codes, "destination")


def _joined(codes: pd.DataFrame, end: str) -> pd.Series:
    return codes[f"{end}_level"] + "|" + codes[f"{end}_code"]


def shown_before(tree: Tree, earlier: Sequence[EarlierRelease]) -> list[Bools] | None:
    """For each step which nodes every earlier release with rows showed; None where there is no such release."""
    seen = [set(key_of(release.rows)) for release in earlier if len(release.rows)]
    if not seen:
        return None
    return [key_of(nodes.codes).isin(set.intersection(*seen)).to_numpy() for nodes in tree.steps]


@dataclass(frozen=True)
class Changes:
    """The veto on children of which too few joined or left since an earlier release, or not all are shown again."""

    tree: Tree
    cells: tuple[Ints, ...]  # for each earlier release who joined and who left each finest cell
    rules: Rules
    mnos: tuple[str, ...]
    before: list[Bools] | None  # as `shown_before` has it

    @classmethod
    def since(
        cls,
        earlier: Sequence[EarlierRelease],
        tree: Tree,
        mnos: Sequence[str],
        rules: Rules,
        before: list[Bools] | None,
    ) -> Changes:
        """The changes since every earlier release."""
        parts = [(one.changes, change) for one in earlier for change in CHANGES]
        for one in earlier:
            tree.refuse_uncovered(one.changes)
        frames = [frame[frame["change"] == change] for frame, change in parts]
        cells = tuple(tree.counts(finest_cells(frame, mnos), mnos) for frame in frames)
        return cls(tree, cells, rules, tuple(mnos), before)

    def refuse_at_root(self) -> None:
        """Raise PopflowError where too few persons joined or left a whole chain, or one MNO's customers alone."""
        roots = self.tree.steps[0]
        for joined, left in zip(self.cells[::2], self.cells[1::2], strict=True):
            moved = joined.sum(axis=0) + left.sum(axis=0)
            alone = [mno for mno, without in zip(self.mnos, moved[WITHOUT:], strict=False) if without == 0]
            if alone and moved[PERSONS] and moved[PERSONS] == moved[REGISTERED]:
                raise PopflowError(
                    f"correction refused: all who joined or left have a SIM at {alone[0]}, which would know that "
                    "nobody else did; what one MNO alone delivered late stays out"
                )
        if not all(nobody_or_publishable(roots.counts(cells), self.rules).all() for cells in self.cells):
            raise PopflowError("correction refused: the whole of a chain changed by a group too small to be shown")

    def __call__(self, step: int, folded: Folded) -> Bools:
        """For each parent of a step whether a shown child or the rest changed by few, or a child is not shown again."""
        nodes, parents = self.tree.steps[step], len(self.tree.steps[step - 1].codes)
        bad = np.zeros(parents, dtype=bool)
        if self.before is not None:
            bad[nodes.parent[self.before[step] & ~folded.shown]] = True
        for cells in self.cells:
            counts = nodes.counts(cells)
            small = folded.shown & ~nobody_or_publishable(counts, self.rules)
            bad[nodes.parent[small]] = True
            bad |= ~nobody_or_publishable(rest_counts(nodes, counts, folded, parents), self.rules)
        return bad


def rest_counts(nodes: Nodes, counts: Ints, folded: Folded, parents: int) -> Ints:
    """Counts of each parent's rest; zeros where it has none."""
    return summed(counts[folded.in_rest], nodes.parent[folded.in_rest], parents)
