"""The audit of a lake: which dates are to be looked at, what is read for it, and what is stamped afterwards.

Of a date that bears a stamp nothing is read, as long as its files are those that the stamp saw. Reads by delta-rs,
without Java.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from popflow.audit.auditor import audit
from popflow.audit.chains import chains_of, owners
from popflow.audit.counts import wide_base_cells
from popflow.audit.differences import Limits
from popflow.audit.digests import NO_ROWS, auditors_version, digest_of, rows_digest
from popflow.audit.files import Files
from popflow.audit.history import KEY, Candidate, ReleaseKey, Seen, keyed
from popflow.audit.shape import indicator_findings
from popflow.audit.stamps import Stamp, read_stamps, stamped_months, stamps_key, write_stamps
from popflow.audit.verdict import Finding, Verdict
from popflow.dates import ONE_DAY
from popflow.errors import PopflowError
from popflow.geography.cells import covered_counties
from popflow.lake import Lake

Covered = Callable[[dt.date], Collection[str]]


def audit_lake(
    lake: Lake,
    *,
    candidate: Candidate | None = None,
    candidate_mnos: Collection[str] = (),
    covered: Covered | None = None,
    every: bool = False,
    time_limit_s: float | None = None,
    **options: Any,
) -> Verdict:
    """Audit what a lake has published, and a candidate where there is one; stamp each date that is found good.

    Looked at are the candidate's date, or else the newest, and every date without a stamp that still holds; with
    `every` all dates, whatever was stamped. covered: the counties in which a date can have ended for somebody; where it
    is not given, those that `cell_to_county` names as the county of a cell on it (largest share, ties to the smaller
    code).
    time_limit_s: for each date that is looked at, as disclosure.yaml says where not given. options: as for `audit`.
    Never raises for what it reads: a history that cannot be read is a verdict that is not ok.
    """
    try:
        files = Files(lake)
        stamped = _Stamped(lake, files)
        mine = {key[1] for key in _keys(candidate)} if candidate else set(sorted(files.dates)[-1:])
        others = (files.dates | set(stamped.stamps) if every else stamped.unsure()) - mine
        reading = _Reading(lake, files, covered or _covered(lake))
        first = (sorted(mine), candidate, tuple(candidate_mnos))
        verdict = _audited(stamped, reading, *first, attack_all=every, limit=time_limit_s, **options)
        trusted = not any(finding.code in ("A7", "A8") for finding in verdict.findings)
        if trusted and candidate is None:
            stamped.write(verdict.good)
        for date in sorted(others):
            one = _audited(stamped, reading, [date], attack_all=every, limit=time_limit_s, **options | {"plant": False})
            if trusted:
                stamped.write(one.good)
            verdict = verdict.with_(one)
        known = {*lake.contracts.indicators, *lake.contracts.retired}
        strange = tuple(indicator_findings(files.indicators, known, "history"))
        return verdict.with_(Verdict(not strange, strange, {}, 0.0, "", notes=files.retired))
    except PopflowError as fault:
        return _unreadable(str(fault))
    except Exception as fault:  # noqa: BLE001 - whatever it is, without a verdict nothing is published
        return _unreadable(type(fault).__name__)


def _audited(
    stamped: _Stamped,
    reading: _Reading,
    dates: list[dt.date],
    candidate: Candidate | None = None,
    mnos: tuple[str, ...] = (),
    *,
    attack_all: bool,
    limit: float | None,
    **options: Any,
) -> Verdict:
    """The verdict on a date, the candidate's among them; one date is in memory at a time."""
    contracts = reading.lake.contracts
    return audit(
        candidate=candidate,
        areas=contracts.areas,
        rules=contracts.disclosure,
        contract=contracts.table("flows"),
        indicators=contracts.indicators,
        time_limit_s=contracts.disclosure.audit_seconds if limit is None else limit,
        known=stamped.known(dates, attack_all=attack_all),
        history_version=reading.files.version,
        **reading.of(dates, candidate, mnos),
        **options,
    )


def stamp_published(lake: Lake, verdict: Verdict, date: dt.date) -> bool:
    """Stamp a date whose candidate was published since; False where what stands there is not what the verdict saw."""
    good, files = verdict.good.get(date), Files(lake)
    if good is None or not verdict.ok:
        return False
    rows = _rows_of(lake, [date]) if date in files.dates else pd.DataFrame()
    areas = lake.contracts.areas
    stands: dict[str, str] = {}
    for key, frame in (keyed(rows) if len(rows) else {}).items():
        chains = chains_of(areas, lake.contracts.indicators[key[0]])
        owner = owners(chains, areas, frame)
        for place, chain in enumerate(chains):
            stands[f"{key[0]} {chain.name} release {key[2]}"] = rows_digest(frame[owner == place])
    if any(seen.rows != stands.get(name, NO_ROWS) for name, seen in good.items()):
        return False
    _Stamped(lake, files).write({date: good})
    return True


class _Stamped:
    """The stamps of a lake beside the files that it has now."""

    def __init__(self, lake: Lake, files: Files) -> None:
        self._lake, self._files = lake, files
        known = lake.contracts
        by = [sorted(known.areas.items()), sorted(known.indicators.items())]
        self._rules = digest_of((Limits.of(known.disclosure), *by))
        months = stamped_months(lake)  # of all: where every row of a month is gone, its stamps alone tell of them
        self.stamps = read_stamps(lake, self._key, months) if months else {}

    @cached_property
    def _key(self) -> bytes:
        """Asked for where there is something to stamp: an audit of nothing makes no key."""
        return stamps_key(self._lake)

    def unsure(self) -> set[dt.date]:
        """Dates without a stamp that holds: for these rules, this auditor and these files."""
        return {date for date in self._files.dates | set(self.stamps) if not self._holds(date)}

    def known(self, dates: Collection[dt.date], *, attack_all: bool) -> dict[dt.date, dict[str, Seen]]:
        """What was found good of some dates; of another auditor, of other rules, or for attack_all, the rows alone."""
        return {
            date: {
                name: Seen(seen.rows, "", "") if attack_all or not self._is_ours(self.stamps[date]) else seen
                for name, seen in self.stamps[date].seen.items()
            }
            for date in dates
            if date in self.stamps
        }

    def write(self, good: Mapping[dt.date, dict[str, Seen]]) -> None:
        """Stamp dates as found good now."""
        rows, base_cells = self._files.rows, self._files.base_cells
        stamps = [
            Stamp(date, rows.get(date, ""), base_cells.get(date, ""), self._rules, auditors_version(), dict(seen))
            for date, seen in good.items()
        ]
        if new := [one for one in stamps if self.stamps.get(one.date) != one]:
            write_stamps(self._lake, self._key, new)

    def _holds(self, date: dt.date) -> bool:
        stamp = self.stamps.get(date)
        if stamp is None or not self._is_ours(stamp) or stamp.files != self._files.rows.get(date, ""):
            return False
        return self._files.base_cells.get(date, "") == stamp.base_cell_files or bool(self._files.gone([date]))

    def _is_ours(self, stamp: Stamp) -> bool:
        return (stamp.rules, stamp.auditor) == (self._rules, auditors_version())


@dataclass
class _Reading:
    """Reads what an audit needs of some dates."""

    lake: Lake
    files: Files
    covered: Covered

    def of(self, dates: list[dt.date], candidate: Candidate | None, candidate_mnos: tuple[str, ...]) -> dict[str, Any]:
        """Rows, base cells and what is known of the nights, as `audit` takes it."""
        lake, there = self.lake, [date for date in dates if date in self.files.dates]
        rows = _rows_of(lake, there) if there else _nothing(lake, "flows")
        new = _keys(candidate) if candidate else set()
        keys = set(keyed(rows)) | new
        return {
            "history": rows,
            "base_cells": lambda indicator, date, release: wide_base_cells(
                lake.read_arrow("base_cells", indicator=indicator, date=date, release=release)
            ),
            "covered": {key: frozenset(self.covered(key[1])) for key in keys},
            "covered_before": {key: frozenset(self.covered(key[1] - ONE_DAY)) for key in keys},
            "mnos": _mnos(lake, there) | dict.fromkeys(new, candidate_mnos),
            "gone": self.files.gone(there),
        }


def _rows_of(lake: Lake, dates: list[dt.date]) -> pd.DataFrame:
    return lake.read_pandas("flows", indicator=list(lake.contracts.indicators), date=dates)


def _keys(candidate: Candidate) -> set[ReleaseKey]:
    return set(keyed(candidate.rows)) | set(keyed(candidate.base_cells[KEY]))


def _unreadable(why: str) -> Verdict:
    return Verdict(False, (Finding("A8", "audit", (), f"the history cannot be read: {why}"),), {}, 0.0, "")


def _nothing(lake: Lake, name: str) -> pd.DataFrame:
    return lake.contracts.table(name).arrow_schema().empty_table().to_pandas()


def _mnos(lake: Lake, dates: list[dt.date]) -> dict[ReleaseKey, tuple[str, ...]]:
    if not dates or not lake.exists("releases"):
        return {}
    releases = lake.read_pandas("releases", ["indicator", "date", "release", "mnos", "status"], date=dates)
    released = releases[releases["status"] != "withdrawn"]
    return {
        (str(i), pd.Timestamp(d).date(), int(r)): tuple(mnos)
        for i, d, r, mnos in zip(*(released[c] for c in ("indicator", "date", "release", "mnos")), strict=True)
    }


def _covered(lake: Lake) -> Covered:
    cells = lake.read_pandas("cell_to_county")
    return lambda date: covered_counties(cells, date)
