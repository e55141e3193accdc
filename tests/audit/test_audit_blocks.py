"""A block beside its days: journeys that were not the last, days that must have held somebody."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import toy_publisher as toy
from toy_publisher import persons

from popflow.audit import Verdict, audit
from popflow.audit.blocks import ANCHOR, BLOCK_DAYS, days_of, is_block_end

END = ANCHOR + dt.timedelta(days=BLOCK_DAYS - 1)
COVERED = ("420102", "420202", "430102", "430202", "430302", "430402")
TARGETS = ("430102", "430202", "430302", "430402")


def day_atoms(counts: tuple[int, ...]) -> dict:
    """From Wuhan to four prefectures of Hunan; Huangshi's movers keep origins and sides open."""
    out = {("420102", target): persons(n) for target, n in zip(TARGETS, counts, strict=True) if n}
    return out | {("420202", "430102"): persons(100), ("420102", "420202"): persons(100)}


def block_atoms(counts: tuple[int, ...]) -> dict:
    out = {("420100", t[:4] + "00"): persons(n) for t, n in zip(TARGETS, counts, strict=True)}
    return out | {("420200", "430100"): persons(500), ("420100", "420200"): persons(500)}


def verdict_on(days: list[tuple[int, ...]], block: tuple[int, ...]) -> Verdict:
    plain = toy.Publisher(exposure_rule=False)
    rows, atoms = [], []
    for date, counts in zip(days_of(END), days, strict=True):
        cells = day_atoms(counts)
        rows.append(toy.flows_frame(toy.publish(cells, COVERED, publisher=plain), date))
        atoms.append(toy.atoms_frame(cells, date))
    cells = block_atoms(block)
    rows.append(toy.flows_frame(toy.publish(cells, COVERED, "outflow_block", plain), END, "outflow_block"))
    atoms.append(toy.atoms_frame(cells, END, "outflow_block"))
    history = pd.concat(rows, ignore_index=True)
    return audit(history, pd.concat(atoms, ignore_index=True), covered=COVERED, mnos=toy.MNOS, plant=False)


ALL_SHOWN = [(50, 60, 70, 80)] * BLOCK_DAYS  # 700, 840, 980, 1,120 journeys


def test_many_journeys_that_were_not_the_last_pass() -> None:
    verdict = verdict_on(ALL_SHOWN, (600, 700, 900, 1000))
    assert verdict.ok, verdict.text()
    assert verdict.counts["blocks"] == 1


def test_a_few_journeys_that_were_not_the_last() -> None:
    verdict = verdict_on(ALL_SHOWN, (695, 700, 900, 1000))
    assert (
        "[prefecture 420100 -> prefecture 430100]: S - D = 700 journeys of the 14 days - 695 of the block = 5 "
        "that were not the last"
    ) in verdict.text()
    assert {finding.code for finding in verdict.findings} == {"A5"}


def test_none_that_were_not_the_last_is_no_group() -> None:
    assert verdict_on(ALL_SHOWN, (700, 700, 900, 1000)).ok


def test_a_few_whose_last_departure_was_earlier() -> None:
    """Nobody went there before the last day but 5: the block less the last day is 5."""
    days = [(0, 60, 70, 80)] * (BLOCK_DAYS - 1) + [(50, 60, 70, 80)]
    days[0] = (5, 60, 70, 80)
    verdict = verdict_on(days, (55, 700, 900, 1000))
    assert "55 of the block - 50 on its last day = 5 whose last departure was earlier" in verdict.text()


def test_a_withheld_day_that_cannot_be_empty() -> None:
    """Thirteen days show 650; the block has 655; so the one withheld day holds at least 5."""
    days = [(50, 60, 70, 80)] * BLOCK_DAYS
    days[3] = (5, 60, 70, 80)
    verdict = verdict_on(days, (655, 700, 900, 1000))
    assert f"{days_of(END)[3]}, withheld, holds at least 5" in verdict.text()


def test_a_withheld_day_that_can_be_empty() -> None:
    days = [(50, 60, 70, 80)] * BLOCK_DAYS
    days[3] = (5, 60, 70, 80)
    verdict = verdict_on(days, (600, 700, 900, 1000))
    assert verdict.ok, verdict.text()


def test_two_withheld_days_hide_each_other() -> None:
    days = [(50, 60, 70, 80)] * BLOCK_DAYS
    days[3] = days[4] = (15, 60, 70, 80)
    verdict = verdict_on(days, (610, 700, 900, 1000))
    assert verdict.ok, verdict.text()


def test_an_mno_takes_off_its_own_journeys() -> None:
    """40 journeys were not the last, all but 3 of people with a SIM of the first MNO."""
    sums = np.array(persons(50)) * BLOCK_DAYS
    block = block_atoms((660, 700, 900, 1000))
    block["420100", "430100"] = (660, 660, int(sums[2]) - 3, int(sums[3]) - 20, int(sums[4]) - 20)
    plain = toy.Publisher(exposure_rule=False)
    rows, atoms = [], []
    for date in days_of(END):
        cells = day_atoms(ALL_SHOWN[0])
        rows.append(toy.flows_frame(toy.publish(cells, COVERED, publisher=plain), date))
        atoms.append(toy.atoms_frame(cells, date))
    rows.append(toy.flows_frame(toy.publish(block, COVERED, "outflow_block", plain), END, "outflow_block"))
    atoms.append(toy.atoms_frame(block, END, "outflow_block"))
    history, frame = pd.concat(rows, ignore_index=True), pd.concat(atoms, ignore_index=True)
    verdict = audit(history, frame, covered=COVERED, mnos=toy.MNOS, plant=False)
    assert "mobile keeps 3" in verdict.text()


def test_blocks_end_every_fourteen_days_from_the_anchor() -> None:
    ends = [date for date in (ANCHOR + dt.timedelta(days=i) for i in range(60)) if is_block_end(date)]
    assert ends == [END + dt.timedelta(days=14 * i) for i in range(4)]


def test_a_rolling_window_is_no_block() -> None:
    atoms = block_atoms((655, 700, 900, 1000))
    date = END + dt.timedelta(days=1)
    rows = toy.flows_frame(toy.publish(atoms, COVERED, "outflow_block"), date, "outflow_block")
    frame = toy.atoms_frame(atoms, date, "outflow_block")
    verdict = audit(rows, frame, covered=COVERED, mnos=toy.MNOS, plant=False)
    assert "is none: of two windows that overlap" in verdict.text()


def test_a_stock_of_the_whole_beside_the_stock_of_a_part() -> None:
    """130 persons who stayed in Hubei, 125 of them in Wuhan."""
    atoms = {
        ("stayed_in_wuhan", "430102"): persons(125),
        ("stayed_in_hubei", "430102"): persons(5),
        ("stayed_in_hubei", "430202"): persons(95),
        ("stayed_in_hubei", "430302"): persons(60),
        ("stayed_in_wuhan", "430302"): persons(60),
    }
    covered = ("430102", "430202", "430302")
    rows = [
        ("area", "hubei", "all", "all", 345),
        ("area", "stayed_in_wuhan", "all", "all", 185),
        ("area", "stayed_in_hubei", "all", "all", 160),
    ]
    good = toy.flows_frame(rows, END, "stock")
    assert audit(good, toy.atoms_frame(atoms, END, "stock"), covered=covered, mnos=toy.MNOS, plant=False).ok
    bad = [*rows, ("area", "stayed_in_wuhan", "province", "430000", 185), ("area", "hubei", "county", "430102", 130)]
    bad += [("area", "stayed_in_wuhan", *place, 125) for place in (("prefecture", "430100"), ("county", "430102"))]
    frame = toy.atoms_frame(atoms, END, "stock")
    verdict = audit(toy.flows_frame(bad, END, "stock"), frame, covered=covered, mnos=toy.MNOS, plant=False)
    equation = "130 [area hubei -> county 430102] - 125 [area stayed_in_wuhan -> county 430102] = 5 persons"
    assert equation in verdict.text()
