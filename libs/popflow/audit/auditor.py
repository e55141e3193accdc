"""The audit: everything ever published and the candidate, attacked together; fails closed.

Nothing here is shared with the code that protects: only the contracts are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd

from popflow import contracts as contracts_module
from popflow.audit.attack import Attack
from popflow.audit.counts import Malformed
from popflow.audit.differences import Limits
from popflow.audit.history import (
    KEY,
    Atoms,
    Candidate,
    History,
    PerNight,
    audited_digest,
    read_history,
    release_of,
)
from popflow.audit.planted import plant_all
from popflow.audit.shape import candidate_findings, frame_findings
from popflow.audit.verdict import Finding, Overtime, Planted, Verdict
from popflow.contracts import Area, Disclosure, Table


def audit(
    history: pd.DataFrame,
    atoms: Atoms,
    *,
    covered: PerNight,
    mnos: PerNight,
    candidate: Candidate | None = None,
    areas: Mapping[str, Area] | None = None,
    rules: Disclosure | None = None,
    contract: Table | None = None,
    time_limit_s: float = 60,
    passed: Mapping[str, str] | None = None,
    history_version: str | int | None = None,
    plant: bool = True,
    seed: int | None = None,
) -> Verdict:
    """Attack everything ever published, with the candidate, and the auditor itself with planted leaks.

    history: rows of the contract `flows`, of all indicators, dates and releases. atoms: rows of `atoms`, or a
    function from indicator, date and release to them (then those found good before are not loaded again).
    persons_without may stand as columns without_<mno>.
    covered: the counties with a cell that night, and mnos, the MNOs of the night: by (indicator, date, release), by
    date, or the same for all. Counties without persons count as children of the chain; codes in the atoms are added.
    candidate: the release about to be published. areas, rules, contract: as the contracts say where not given.
    passed: `Verdict.passed` of an earlier audit with the same rules: what has not changed since is not attacked again,
    save where a block or a correction links it with something new.
    history_version: goes into the digest. plant: also plant leaks in a copy, at places drawn with seed.

    Never raises for what it audits: what cannot be read, is not known or takes too long is a verdict that is not ok.
    """
    started = time.monotonic()
    digest = ""
    counts: dict[str, int] = {}
    good: dict[str, str] = {}
    planted: tuple[Planted, ...] = ()
    findings: list[Finding] = []
    attack: Attack | None = None
    try:
        known = contracts_module.load()
        areas, rules, contract = areas or known.areas, rules or known.disclosure, contract or known.table("flows")
        of_candidate = candidate or Candidate(history.iloc[:0], _no_atoms())
        digest = audited_digest(of_candidate.rows, of_candidate.atoms, history_version)
        attack = Attack(areas, Limits.of(rules), started + time_limit_s, _for_rules(passed, rules, areas))
        findings = list(_frames(history, candidate, contract))
        if not findings:
            complete = read_history(history, atoms, covered, mnos)
            complete, new = _with_candidate(complete, candidate, covered, mnos, findings)
            # The candidate is attacked whatever was found good before: its rows may be the same and its atoms others.
            attack.passed = (
                {n: d for n, d in attack.passed.items() if not n.startswith(tuple(new))} if new else attack.passed
            )
            findings += attack.findings(complete)
            attack.found = frozenset(findings)
            planted = tuple(plant_all(attack, complete, np.random.default_rng(seed))) if plant else ()
            findings += [
                Finding("A7", leak.where, (), f"planted and not caught: {leak.leak}")
                for leak in planted
                if leak.outcome == "missed"
            ]
    except Overtime:
        findings.append(Finding("A8", "audit", (), f"not done after {time_limit_s:g} s"))
    except Malformed as fault:
        findings.append(Finding("A6", "audit", (), str(fault)))
    except Exception as fault:  # noqa: BLE001 - whatever it is, without a verdict nothing is published
        # The type alone: a message may hold a count.
        findings.append(Finding("A8", "audit", (), f"the audit broke off: {type(fault).__name__}{_place(fault)}"))
    if attack is not None:
        counts, good = attack.counts, attack.good
    seconds = time.monotonic() - started
    if seconds > time_limit_s and not any(finding.code == "A8" for finding in findings):
        findings.append(Finding("A8", "audit", (), f"took {seconds:.0f} s of {time_limit_s:g}"))
    ok = not findings and bool(digest)
    stamped = good | ({_RULES: _stamp(rules, areas)} if rules else {})
    return Verdict(ok, tuple(findings), counts, seconds, digest, planted, stamped)


_RULES = "rules"


def _stamp(rules: Disclosure | None, areas: Mapping[str, Area] | None) -> str:
    return hashlib.sha256(repr((rules, sorted((areas or {}).items()))).encode()).hexdigest()


def _for_rules(passed: Mapping[str, str] | None, rules: Disclosure, areas: Mapping[str, Area]) -> Mapping[str, str]:
    return passed if passed and passed.get(_RULES) == _stamp(rules, areas) else {}


def _place(fault: BaseException) -> str:
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""


def _no_atoms() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in [*KEY, "origin_code", "destination_code"]})


def _frames(history: pd.DataFrame, candidate: Candidate | None, contract: Table) -> Iterator[Finding]:
    yield from frame_findings(history, contract, "history")
    if candidate is not None:
        yield from frame_findings(candidate.rows, contract, "candidate")


def _with_candidate(
    history: History, candidate: Candidate | None, covered: PerNight, mnos: PerNight, findings: list[Finding]
) -> tuple[History, list[str]]:
    """The history with the candidate in it, and the candidate's releases in words."""
    if candidate is None:
        return history, []
    keys = {(str(i), pd.Timestamp(d).date(), int(r)) for i, d, r in candidate.rows[KEY].itertuples(index=False)}
    keys |= {(str(i), pd.Timestamp(d).date(), int(r)) for i, d, r in candidate.atoms[KEY].drop_duplicates().values}
    names = []
    for key in sorted(keys):
        rows = candidate.rows[_is(candidate.rows, key)]
        parts = candidate.atoms[_is(candidate.atoms, key)]
        release = release_of(key, rows, covered, mnos, partial(pd.DataFrame, parts))
        findings.extend(candidate_findings(history, release))
        history = history.with_(release)
        names.append(release.where)
    return history, names


def _is(frame: pd.DataFrame, key: tuple[str, dt.date, int]) -> np.ndarray:
    same_date = pd.to_datetime(frame["date"]) == pd.Timestamp(key[1])
    return ((frame["indicator"] == key[0]) & same_date & (frame["release"] == key[2])).to_numpy()
