"""The audit: dates attacked one after another, the candidate's among them; fails closed.

Nothing here is shared with the code that protects: only the contracts are.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from popflow import contracts as contracts_module
from popflow.audit.attack import Attack, Each, Good, vanished
from popflow.audit.counts import Malformed
from popflow.audit.differences import Limits
from popflow.audit.digests import audited_digest
from popflow.audit.history import KEY, BaseCells, Candidate, Known, Night, PerNight, Seen, Strand, nights
from popflow.audit.planted import plant_all
from popflow.audit.shape import frame_findings, retired_text
from popflow.audit.verdict import Finding, Overtime, Planted, Verdict
from popflow.contracts import Area, Disclosure
from popflow.indicators import Indicator
from popflow.tables import Table


@dataclass
class Looked:
    """What an audit has found out so far."""

    findings: list[Finding] = field(default_factory=list)
    good: dict[dt.date, dict[str, Seen]] = field(default_factory=dict)
    rows_alone: list[dt.date] = field(default_factory=list)
    planted: tuple[Planted, ...] = ()
    for_plants: list[Strand] = field(default_factory=list)
    known: list[Finding] = field(default_factory=list)


def audit(
    history: pd.DataFrame,
    base_cells: BaseCells,
    *,
    covered: PerNight,
    mnos: PerNight,
    covered_before: PerNight | None = None,
    candidate: Candidate | None = None,
    areas: Mapping[str, Area] | None = None,
    rules: Disclosure | None = None,
    contract: Table | None = None,
    indicators: Mapping[str, Indicator] | None = None,
    time_limit_s: float = 60,
    known: Mapping[dt.date, Good] | None = None,
    gone: Collection[dt.date] = (),
    history_version: str | int | None = None,
    plant: bool = True,
    seed: int | None = None,
    each: Each = map,
) -> Verdict:
    """Attack some dates that were published, with the candidate, and the auditor itself with planted leaks.

    history: rows of the contract `flows`, of any dates and releases; of a date all releases. base_cells: rows of that
    contract, or a function from indicator, date and release to them. persons_without may stand as columns
    without_<mno>.
    covered, covered_before: the counties in which the date, and the day before, can have ended for somebody (the same
    where not given), and mnos, the MNOs of the night: by (indicator, date, release), by date, or the same for all.
    Counties without persons count as children of the chain; codes in the base cells are added.
    candidate: the release about to be published. areas, rules, contract, indicators: as the contracts say where not
    given.
    known: by date what was found good before by this auditor and these rules; what is the same is not attacked again.
    gone: dates whose base cells are not kept any more, of which the rows alone are looked at.
    history_version: goes into the digest. plant: also plant leaks, at places drawn with seed, in the candidate's date
    or the last one with base cells. each: how a function is called for every chain of a date; chains share no person,
    so any order and any machine will do.

    Never raises for what it audits: what cannot be read, is not known or takes too long is a verdict that is not ok.
    """
    started = time.monotonic()
    digest, attack, looked = "", None, Looked()
    notes: tuple[str, ...] = ()
    try:
        contracts = contracts_module.load()
        retired, indicators = contracts.retired, indicators or contracts.indicators
        old = history["indicator"].isin(retired) if "indicator" in history else pd.Series(False, index=history.index)
        notes = (retired_text(f"{int(old.sum()):,}", retired),) if old.any() else ()
        rules, contract = rules or contracts.disclosure, contract or contracts.table("flows")
        of_candidate = candidate or Candidate(history.iloc[:0], _no_base_cells())
        digest = audited_digest(of_candidate.rows, of_candidate.base_cells, history_version)
        attack = Attack(areas or contracts.areas, indicators, Limits.of(rules), started + time_limit_s)
        looked.findings += _frames(history[~old], candidate, contract, indicators)
        if not looked.findings:
            about = Known(mnos, covered, covered if covered_before is None else covered_before)
            dates = nights(history[~old], base_cells, about, candidate, gone)
            _look(attack, dates, known or {}, looked, plant, each)
            if plant:
                _plant(attack, looked, np.random.default_rng(seed))
    except Overtime:
        looked.findings.append(Finding("A8", "audit", (), f"not done after {time_limit_s:g} s"))
    except Malformed as fault:
        looked.findings.append(Finding("A6", "audit", (), str(fault)))
    except Exception as fault:  # noqa: BLE001 - whatever it is, without a verdict nothing is published
        # The type alone: a message may hold a count.
        looked.findings.append(
            Finding("A8", "audit", (), f"the audit broke off: {type(fault).__name__}{_place(fault)}")
        )
    seconds = time.monotonic() - started
    if seconds > time_limit_s and not any(finding.code == "A8" for finding in looked.findings):
        looked.findings.append(Finding("A8", "audit", (), f"took {seconds:.0f} s of {time_limit_s:g}"))
    return Verdict(
        ok=not looked.findings and bool(digest),
        findings=tuple(looked.findings),
        counts=attack.counts if attack else {},
        seconds=seconds,
        digest=digest,
        planted=looked.planted,
        good=looked.good,
        rows_alone=tuple(looked.rows_alone),
        notes=notes,
        limit_s=time_limit_s,
    )


def _look(
    attack: Attack, dates: Iterator[Night], known: Mapping[dt.date, Good], looked: Looked, plant: bool, each: Each
) -> None:
    gone = set(known)
    for night in dates:
        gone.discard(night.date)
        outcomes, findings = attack.night(night, known.get(night.date, {}), each)
        looked.findings += findings
        if not findings:
            looked.good[night.date] = {name: seen for one in outcomes for name, seen in one.seen.items()}
        if any(one.rows_alone for one in outcomes):
            looked.rows_alone.append(night.date)
        elif plant and (night.candidate or any(len(release.rows) for release in night.releases)):
            looked.for_plants = [one.strand for one in outcomes]
    for date in sorted(gone):
        findings = list(vanished((), known[date], date))
        looked.findings += findings
        if not findings:
            looked.good[date] = dict(known[date])


def _plant(attack: Attack, looked: Looked, rng: np.random.Generator) -> None:
    looked.planted = tuple(plant_all(attack, looked.for_plants, frozenset(looked.findings), rng))
    looked.findings += [
        Finding("A7", leak.where, (), f"planted and not caught: {leak.leak}")
        for leak in looked.planted
        if leak.outcome == "missed"
    ]


def _place(fault: BaseException) -> str:
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""


def _no_base_cells() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in [*KEY, "origin_code", "destination_code"]})


def _frames(
    history: pd.DataFrame, candidate: Candidate | None, contract: Table, known: Collection[str]
) -> Iterator[Finding]:
    yield from frame_findings(history, contract, known, "history")
    if candidate is not None:
        yield from frame_findings(candidate.rows, contract, known, "candidate")
