"""The audit of a lake's figures in hundreds: which dates are looked at, what is read for it, and what is stamped.

As with the chains, of a date that bears a stamp nothing is read while its files are those that the stamp saw. Where the
exact table of a date is kept no more, its rows are looked at alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow.audit.arrived import Trees
from popflow.audit.counts import wide_base_cells
from popflow.audit.digests import auditors_version, digest_of
from popflow.audit.files import data_files, files_by_date
from popflow.audit.history import Seen
from popflow.audit.hundreds import Figures, figures_findings
from popflow.audit.planted_counts import plant_in
from popflow.audit.stamps import COUNTS_FOLDER, Stamp, read_stamps, stamped_months, stamps_key, write_stamps
from popflow.audit.verdict import Finding, Planted, Verdict
from popflow.errors import PopflowError
from popflow.hundreds import Hundreds
from popflow.lake import Lake
from popflow.offset_key import offset_key

Covered = Callable[[dt.date], Collection[str]]
ATTACKED = 1  # prefectures that are attacked by linear programs, of each date that is looked at
CANDIDATE, NEWEST, OTHER = "candidate", "newest", "other"  # what is looked at; leaks are planted in the first two


@dataclass(frozen=True)
class CountsCandidate:
    """One date of an indicator in hundreds that is about to be published, and the MNOs of its night.

    draws: how often the offsets of a prefecture were drawn before they passed the public test; secret.
    """

    indicator: str
    date: dt.date
    rows: pa.Table
    mnos: tuple[str, ...]
    draws: Mapping[str, int]


@dataclass
class _Looked:
    findings: list[Finding] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    good: dict[dt.date, dict[str, Seen]] = field(default_factory=dict)
    rows_alone: set[dt.date] = field(default_factory=set)
    rows: int = 0


def audit_counts_lake(
    lake: Lake,
    *,
    candidate: CountsCandidate | None = None,
    covered: Covered | None = None,
    every: bool = False,
    time_limit_s: float | None = None,
    plant: bool = True,
    seed: int | None = None,
) -> Verdict:
    """Audit the figures in hundreds that a lake has published, and a candidate; stamp each date that is found good.

    covered: the counties in which a date can have ended for somebody; where not given, those of its exact cells.
    Looked at are the candidate, or else the newest date, and every date without a stamp that still holds; with `every`
    all dates. time_limit_s: for all of it, as disclosure.yaml says for a date where not given. Never raises for what
    it reads: what cannot be read is a verdict that is not ok.
    """
    started, looked = time.monotonic(), _Looked()
    limit = lake.contracts.disclosure.audit_seconds if time_limit_s is None else time_limit_s
    rng = np.random.default_rng(seed)
    digest = ""
    try:
        published = _Published(lake, covered, rng)
        digest = counts_digest(candidate.rows, lake) if candidate else digest_of(("counts", published.version))
        for figures, whose in published.to_look_at(candidate, every):
            _look(figures, whose, looked, rng, plant and whose != OTHER)
            limit += 0 if whose == CANDIDATE else lake.contracts.disclosure.audit_seconds
            if time.monotonic() - started > limit:
                looked.findings.append(Finding("A8", figures.where, (), f"not done after {limit:g} s"))
                break
        if not looked.findings:
            published.stamp(looked.good)
    except PopflowError as fault:
        looked.findings.append(Finding("A8", "counts", (), f"they cannot be read: {fault}"))
    except Exception as fault:  # noqa: BLE001 - whatever it is, without a verdict nothing is published
        looked.findings.append(Finding("A8", "counts", (), f"the audit broke off: {type(fault).__name__}"))
    return Verdict(
        ok=not looked.findings and bool(digest),
        findings=tuple(looked.findings),
        counts={"dates in hundreds": len(looked.good), "rows in hundreds": looked.rows},
        seconds=time.monotonic() - started,
        digest=digest,
        planted=tuple(looked.planted),
        rows_alone=tuple(sorted(looked.rows_alone)),
        limit_s=limit,
    )


def counts_digest(rows: pa.Table, lake: Lake) -> str:
    """SHA-256 of a candidate's rows and of how often anything was committed to `counts` before."""
    seen = hashlib.sha256(repr(("counts", lake.commits("counts"))).encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    seen.update(sink.getvalue())
    return seen.hexdigest()


def _look(figures: Figures, whose: str, looked: _Looked, rng: np.random.Generator, plant: bool) -> None:
    found = list(figures_findings(figures))
    looked.findings += found
    looked.rows += len(figures.rows)
    if figures.exact is None:
        looked.rows_alone.add(figures.date)
    if not found and whose != CANDIDATE:
        seen = Seen(_digest(figures.rows), digest_of(figures.mnos), "")
        looked.good.setdefault(figures.date, {})[figures.indicator.indicator] = seen
    if plant and figures.exact is not None:
        planted = list(plant_in(figures, rng, found))
        looked.planted += planted
        looked.findings += [
            Finding("A7", leak.where, (), f"planted and not caught: {leak.leak}")
            for leak in planted
            if leak.outcome == "missed"
        ]


def _digest(rows: pd.DataFrame) -> str:
    """SHA-256 of published rows, whatever their order; made of text alone, as stamps of chains are."""
    columns = [rows[name].astype(str) for name in sorted(rows.columns)]
    lines = sorted("\x1f".join(row) for row in zip(*columns, strict=True))
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()


class _Published:
    """The figures in hundreds that a lake has, and the stamps of their dates."""

    def __init__(self, lake: Lake, covered: Covered | None, rng: np.random.Generator) -> None:
        self._lake, self.version = lake, lake.commits("counts")
        self._covered, self._rng = covered, rng
        known = lake.contracts
        self._files = data_files(lake, "counts")
        self._by_date = files_by_date(lake, "counts", self._files, known.hundreds)
        strange = {str(file.partition["indicator"]) for file in self._files} - set(known.hundreds)
        if strange:
            raise PopflowError(f"indicator '{min(strange)}' is unknown, and nothing that is unknown is published")
        rules = (
            known.disclosure.model_dump_json(),
            sorted((n, h.model_dump_json()) for n, h in known.hundreds.items()),
        )
        self._rules = digest_of(rules)
        months = stamped_months(lake, COUNTS_FOLDER)
        self._stamps = read_stamps(lake, stamps_key(lake), months, COUNTS_FOLDER) if months else {}
        self._mnos = _mnos(lake)

    def to_look_at(self, candidate: CountsCandidate | None, every: bool) -> Iterator[tuple[Figures, str]]:
        """The candidate or else the newest date, then every date that bears no stamp that holds; every: all."""
        unsure = {date for date in self._by_date if not self._holds(date)}
        newest = sorted(self._by_date)[-1:] if candidate is None else []
        dates = set(self._by_date) if every else unsure | set(newest)
        gone = sorted(set(self._stamps) - set(self._by_date))
        if gone:
            raise PopflowError(f"what was told of {gone[0]} is gone from counts")
        if candidate is not None:
            yield self._of_candidate(candidate), CANDIDATE
        for date in sorted(dates):
            for name in sorted({str(f.partition["indicator"]) for f in self._files if _date(f.partition) == date}):
                yield self._of_lake(name, date), NEWEST if date in newest else OTHER

    def stamp(self, good: dict[dt.date, dict[str, Seen]]) -> None:
        """Stamp dates as found good now."""
        stamps = [
            Stamp(date, self._by_date.get(date, ""), "", self._rules, auditors_version(), seen)
            for date, seen in good.items()
        ]
        if new := [one for one in stamps if self._stamps.get(one.date) != one]:
            write_stamps(self._lake, stamps_key(self._lake), new, COUNTS_FOLDER)

    def _holds(self, date: dt.date) -> bool:
        stamp = self._stamps.get(date)
        ours = stamp is not None and (stamp.rules, stamp.auditor) == (self._rules, auditors_version())
        return ours and stamp is not None and stamp.files == self._by_date[date]

    def _of_candidate(self, candidate: CountsCandidate) -> Figures:
        indicator = self._lake.contracts.hundreds[candidate.indicator]
        exact = self._exact(indicator, candidate.date)
        if exact is None:
            raise PopflowError(f"{indicator.exact} has nothing of {candidate.date}")
        rows = candidate.rows.to_pandas(date_as_object=True)
        told = (candidate.indicator, candidate.date) in {
            (str(file.partition["indicator"]), _date(file.partition)) for file in self._files
        }
        found = self._figures(indicator, candidate.date, rows, candidate.mnos, exact, told_before=told)
        return found.planted(draws=candidate.draws)

    def _of_lake(self, name: str, date: dt.date) -> Figures:
        indicator = self._lake.contracts.hundreds[name]
        rows = self._lake.read_pandas("counts", indicator=name, date=date)
        mnos = self._mnos.get((name, date), ())
        return self._figures(indicator, date, rows, mnos, self._exact(indicator, date) if mnos else None)

    def _figures(
        self,
        indicator: Hundreds,
        date: dt.date,
        rows: pd.DataFrame,
        mnos: Sequence[str],
        exact: pd.DataFrame | None,
        told_before: bool = False,
    ) -> Figures:
        key = offset_key(self._lake) if exact is not None else None
        rules = self._lake.contracts.disclosure
        found = Figures(indicator, date, rows, tuple(mnos), rules, exact, key, told_before)
        if not indicator.movers or exact is None:
            return found
        trees = self._trees(date)
        return found.planted(trees=trees, drawn=self._drawn(rows) if trees else ())

    def _trees(self, date: dt.date) -> Trees | None:
        """The flows of a date with its exact cells; None where there are none."""
        name = {"indicator": self._lake.contracts.headline.indicator, "date": date, "release": 1}
        if not self._lake.exists("base_cells"):
            return None
        cells = wide_base_cells(self._lake.read_arrow("base_cells", **name))
        counties = self._covered(date) if self._covered else cells["destination_code"]
        areas = self._lake.contracts.headline.areas_of(self._lake.contracts.areas)
        return Trees(self._lake.read_pandas("flows", **name), cells, areas, frozenset(counties)) if len(cells) else None

    def _drawn(self, rows: pd.DataFrame) -> tuple[str, ...]:
        """Some prefectures that have figures, drawn anew."""
        there = sorted({f"{code[:4]}00" for code in rows["county_code"].astype(str)})
        return tuple(self._rng.permutation(there)[:ATTACKED].tolist())

    def _exact(self, indicator: Hundreds, date: dt.date) -> pd.DataFrame | None:
        """The exact table of a date by the indicator's definition; None where it is not kept any more."""
        if not self._lake.exists(indicator.exact):
            return None
        table = self._lake.read_arrow(indicator.exact, date=date)
        rows = table.to_pandas(date_as_object=True, maps_as_pydicts="strict")
        mine = rows[rows["definition"] == indicator.definition]
        return mine if len(mine) else None


def _date(partition: dict[str, object]) -> dt.date:
    return dt.date.fromisoformat(str(partition["date"])[:10])


def _mnos(lake: Lake) -> dict[tuple[str, dt.date], tuple[str, ...]]:
    if not lake.exists("releases"):
        return {}
    columns = ["indicator", "date", "mnos", "status"]
    releases = lake.read_pandas("releases", columns, indicator=list(lake.contracts.hundreds))
    told = releases[releases["status"] != "withdrawn"]
    return {(str(i), d): tuple(mnos) for i, d, mnos in zip(told["indicator"], told["date"], told["mnos"], strict=True)}
