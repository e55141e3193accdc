"""A5 over releases of one date: who joined and who left between what two releases show.

A reader subtracts an earlier figure from a later one. What joined and what left each cell and each rest, person by
person, must each be nobody or a group that may be shown; and what was withheld once is not shown later.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from popflow.audit.counts import Counts, Malformed
from popflow.audit.differences import MOST_EACH, Limits, small_group, too_small
from popflow.audit.finest_rows import NOWHERE, finest, finest_rows, row_label, sums_by
from popflow.audit.tree import NOT_SHOWN, Tree, not_shown_by
from popflow.audit.verdict import Finding


def correction_findings(
    new: Tree, old: Tree, joined: Counts, left: Counts, limits: Limits, where: str
) -> Iterator[Finding]:
    """All that a release gives away beside an earlier one of the same date."""
    axes = sorted({*new.origins, *old.origins}), sorted({*new.destinations, *old.destinations})
    came, went = joined.on(*axes), left.on(*axes)
    # In persons alone: the register may say of those who stayed that they have other SIMs now.
    change = _on(new, axes)[:1] - _on(old, axes)[:1] - came[:1] + went[:1]
    if change.any():
        raise Malformed(f"{where}: joined and left do not make one release's base cells into the other's")
    rows = _spread(finest_rows(new, finest(new).step), new, axes)
    for verb, moved in (("joined", came), ("left", went)):
        names, totals = sums_by(rows, moved)
        reader, mno = too_small(totals, limits)
        for at in np.flatnonzero(reader | mno.any(axis=0))[:MOST_EACH]:
            label = row_label(new, int(names[at]))
            for code, text in small_group(f"those who {verb} {label}", totals[:, at], new.mnos, limits):
                yield Finding("A5", where, (label,), f"{text} ({code} over releases)")
    yield from _known_changes(new, old, axes, (came, went), limits, where)


def newly_shown_findings(new: Tree, old: Tree, where: str) -> Iterator[Finding]:
    """What an earlier release withheld and this one shows: the two rests beside it would tell what it was before."""
    for grid, before in zip(new.grids, old.grids, strict=True):
        again = (grid.shown != NOT_SHOWN) & not_shown_by(before, grid)
        for i, j in np.argwhere(again)[:MOST_EACH]:
            label = grid.label(int(i), int(j))
            yield Finding("A5", where, (label,), f"{label} is shown, and the earlier release withheld it")


def shown_no_more_findings(new: Tree, old: Tree, where: str) -> Iterator[Finding]:
    """What an earlier release showed and this one hides beside shown siblings: it went into the rest, so it is small.

    The rests beside it tell how many it had lost, for anyone who supposes that the others stayed as they were.
    """
    for grid, before in zip(new.grids[1:], old.grids[1:], strict=True):
        shown = grid.shown != NOT_SHOWN
        beside = np.bincount(grid.parents()[shown.ravel()], minlength=grid.rest.size) > 0
        lost = ~shown & ~not_shown_by(before, grid) & beside[grid.parents()].reshape(shown.shape)
        for i, j in np.argwhere(lost)[:MOST_EACH]:
            label = grid.label(int(i), int(j))
            text = f"{label} is withheld beside others that are shown, and the earlier release showed it"
            yield Finding("A5", where, (label,), text)


def _known_changes(
    new: Tree,
    old: Tree,
    axes: tuple[list[str], list[str]],
    moved: tuple[np.ndarray, np.ndarray],
    limits: Limits,
    where: str,
) -> Iterator[Finding]:
    """What somebody who knows that no one else changed gets from two foldings of the same persons.

    A reader where the release changed nothing; an MNO where all who joined or left have a SIM of its own.
    """
    if new.mnos != old.mnos:
        return
    total = moved[0].sum(axis=(1, 2)) + moved[1].sum(axis=(1, 2))
    blind = [i for i in range(len(new.mnos)) if total[2 + i] == 0 and total[0] == total[1] and len(new.mnos) > 1]
    everybody = total[0] == 0
    if not blind and not everybody:
        return
    for first, second in ((new, old), (old, new)):
        for measures, label in _remainders(first, second, axes):
            small_to_reader = everybody and measures[0] > 0 and measures[1] < limits.k
            small_to = [new.mnos[i] for i in blind if 0 < measures[2 + i] < limits.floor]
            if small_to_reader or small_to:
                equation = f"{label} leaves {measures[0]} persons"
                for mno in small_to:
                    equation += f"; {mno}, whose persons alone changed, keeps {measures[2 + new.mnos.index(mno)]}"
                yield Finding("A5", where, (label,), f"{equation} (two foldings of the same persons)")


def _remainders(first: Tree, second: Tree, axes: tuple[list[str], list[str]]) -> Iterator[tuple[np.ndarray, str]]:
    """What is left of each row of one tree without the rows of the other that lie within it."""
    mine = _spread(finest_rows(first, finest(first).step), first, axes).ravel()
    theirs = _spread(finest_rows(second, finest(second).step), second, axes).ravel()
    names, group = np.unique(theirs, return_inverse=True)
    low, high = np.full(len(names), np.iinfo(np.int64).max), np.full(len(names), np.iinfo(np.int64).min)
    np.minimum.at(low, group, mine)
    np.maximum.at(high, group, mine)
    within = (low == high) & (names != NOWHERE) & (low != NOWHERE)
    remains = np.where(within[group], NOWHERE, mine)
    touched = set(mine[within[group]].tolist())
    values = _on(first, axes)
    for number, measures in zip(*_columns(sums_by(remains, values)), strict=True):
        if number in touched:
            yield measures, f"{row_label(first, int(number))} less the rows of the other release within it"


def _columns(sums: tuple[np.ndarray, np.ndarray]) -> tuple[list[int], list[np.ndarray]]:
    names, totals = sums
    return names.tolist(), list(totals.T)


def _on(tree: Tree, axes: tuple[list[str], list[str]]) -> np.ndarray:
    return Counts(tree.origins, tree.destinations, tree.mnos, tree.values).on(*axes)


def _spread(labels: np.ndarray, tree: Tree, axes: tuple[list[str], list[str]]) -> np.ndarray:
    """Labels of a tree's finest cells on wider axes; NOWHERE in cells that it does not have."""
    wide = np.full((len(axes[0]), len(axes[1])), NOWHERE, dtype=np.int64)
    row, column = {c: i for i, c in enumerate(axes[0])}, {c: i for i, c in enumerate(axes[1])}
    places = np.ix_([row[c] for c in tree.origins], [column[c] for c in tree.destinations])
    wide[places] = np.where(finest(tree).is_cell, labels, NOWHERE)
    return wide
