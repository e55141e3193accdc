"""Gate and auditor over a full-size history: 45 days, three blocks and stocks, day by day as the nights make it.

    python benchmarks/disclosure_history.py --folder DIR [--days 45] [--minutes 7] [--seed 1] [--results FILE]

The flows are those of `popflow.synthetic.counts` at full size (all 103 counties of Hubei to all counties, about 5
million movers a day, 25 % of persons with SIMs of two MNOs, 1 % of SIMs missing in the register): the model's 9 to 22
January over and over, each time with another seed. A departure was the person's last of its block with probability
LAST, on the block's last day always. Stock: residents, and a share of those who left in 14 days, where they
went. Each release goes through the gate, the auditor with everything before it in view and leaks planted, and is kept
in DIR: a run stops after so many minutes, and the next continues. --results writes the figures of all runs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from popflow import contracts, disclosure
from popflow.audit import Candidate, audit
from popflow.audit.counts import wide_atoms
from popflow.disclosure import ProtectedTable, ReleasedDay
from popflow.disclosure.rules import Rules, publishable
from popflow.geography.codes import prefecture_of
from popflow.synthetic.people import MNOS
from popflow.synthetic.places import shipped_places
from popflow.synthetic.scenario import counts

FIRST = dt.date(2020, 1, 9)
BLOCK_DAYS = 14
LAST = 0.75
STAYS = 0.7  # share of those who left who are still where they went
GROUPS = {"hubei": ["stayed_in_wuhan", "stayed_in_hubei_without_wuhan"]}
AUDIT_SECONDS = 60
FULL_SIZE = 5_000_000
PARTS = ["persons", "persons_registered", *MNOS]


class History:
    """What was released so far, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted(folder.glob("rows-*.parquet"))
        self.frames = [pq.read_table(file).to_pandas(date_as_object=True) for file in files]
        self.figures: list[dict[str, Any]] = self._json("figures", [])
        self.passed: dict[str, str] = self._json("passed", {})

    def _json(self, name: str, nothing: Any) -> Any:
        file = self.folder / f"{name}.json"
        return json.loads(file.read_text()) if file.exists() else nothing

    def has(self, indicator: str, date: dt.date) -> bool:
        """Whether the release is there."""
        return any(one["indicator"] == indicator and one["date"] == str(date) for one in self.figures)

    def rows(self) -> pd.DataFrame:
        """All rows so far."""
        if self.frames:
            return pd.concat(self.frames, ignore_index=True)
        return contracts.load().table("flows").arrow_schema().empty_table().to_pandas()

    def load(self, indicator: str, date: dt.date, release: int) -> pd.DataFrame:
        """Atoms of a release, as a lake gives them to the auditor."""
        return wide_atoms(self._atoms(indicator, date))

    def _atoms(self, indicator: str, date: dt.date) -> pa.Table:
        return pq.read_table(self.folder / f"atoms-{indicator}-{date}.parquet")

    def days(self, end: dt.date) -> list[ReleasedDay]:
        """The days of a block, with rows and atoms."""
        dates = {end - dt.timedelta(days=back) for back in range(BLOCK_DAYS)}
        own = [frame for frame in self.frames if frame["indicator"].iloc[0] == "outflow"]
        by_date = {frame["date"].iloc[0]: frame for frame in own}
        return [
            ReleasedDay(date, by_date[date], disclosure.read_exact(self._atoms("outflow", date)))
            for date in sorted(dates)
        ]

    def keep(self, table: ProtectedTable, figures: dict[str, Any], passed: dict[str, str]) -> None:
        """Add a release."""
        name = f"{table.indicator}-{table.date}"
        pq.write_table(pa.Table.from_pandas(table.atoms, contracts.load().table("atoms").arrow_schema(),
                                            preserve_index=False), self.folder / f"atoms-{name}.parquet")  # fmt: skip
        pq.write_table(pa.Table.from_pandas(table.rows, preserve_index=False), self.folder / f"rows-{name}.parquet")
        self.frames.append(table.rows)
        self.figures.append(figures)
        self.passed = passed
        (self.folder / "passed.json").write_text(json.dumps(passed))
        (self.folder / "figures.json").write_text(json.dumps(self.figures, indent=1))


class Runner:
    """Draws, protects and audits."""

    def __init__(self, history: History, seed: int) -> None:
        self.history, self.seed = history, seed
        self.known = contracts.load()
        self.covered = sorted(shipped_places().county_codes.tolist())
        self.common = {"mnos": list(MNOS), "rules": self.known.disclosure, "definition": "day-end-1", "release": 1}

    def release(self, indicator: str, date: dt.date, exact: pd.DataFrame) -> None:
        """Gate, auditor, and kept."""
        began, worked = time.perf_counter(), time.process_time()
        table = self._protected(indicator, date, exact)
        gate = {"gate_s": time.perf_counter() - began, "gate_cpu_s": time.process_time() - worked}
        worked = time.process_time()
        before, limit = self.history.rows(), {"time_limit_s": AUDIT_SECONDS}
        verdict = audit(before, self.history.load, candidate=Candidate(table.rows, table.atoms), covered=self.covered,
                        mnos=MNOS, passed=self.history.passed, seed=self.seed + date.toordinal(), **limit)  # fmt: skip
        outcomes = [plant.outcome for plant in verdict.planted]
        figures = gate | {
            "indicator": indicator,
            "date": str(date),
            "audit_s": verdict.seconds,
            "audit_cpu_s": time.process_time() - worked,
            "persons": table.root_persons,
            "cells": len(table.atoms),
            "rows": len(table.rows),
            "history_rows": len(before),
            "findings": len(verdict.findings),
            "planted": len(outcomes) - outcomes.count("not applicable"),
            "caught": outcomes.count("caught"),
            "shares": dict(table.shares),
            "narrow_ranges": verdict.counts.get("narrow_ranges", 0),
        }
        if indicator == "outflow":
            figures["primary"] = primary_shares(exact, Rules.of(self.known.disclosure))
        if not verdict.ok:
            print(verdict.text(), flush=True)
        self.history.keep(table, figures, dict(verdict.passed) if verdict.ok else self.history.passed)
        print(" ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in figures.items()), flush=True)

    def _protected(self, indicator: str, date: dt.date, exact: pd.DataFrame) -> ProtectedTable:
        given: dict[str, Any] = self.common | {"date": date, "covered_counties": self.covered}
        if indicator == "outflow":
            return disclosure.protect_flows(exact, areas=self.known.areas, **given)
        if indicator == "stock":
            return disclosure.protect_stock(exact, groups=GROUPS, **given)
        return disclosure.protect_blocks(exact, areas=self.known.areas, days=self.history.days(date), **given)


def endless(seed: int) -> Iterator[pd.DataFrame]:
    """Days of the model, one fortnight after another."""
    for turn in itertools.count():
        for _, drawn in counts(FIRST, BLOCK_DAYS, 1000 * turn + seed):
            yield drawn


def primary_shares(exact: pd.DataFrame, rules: Rules) -> dict[str, float]:
    """Share of persons in cells that are publishable, whatever they give away: what no fold can go beyond."""
    parts = wide(exact)
    county = exact[["origin_county", "destination_county"]]
    cells = {"pair": county, "county": county.assign(origin_county=exact["origin_county"].map(prefecture_of))}
    found = {}
    for step, ends in cells.items():
        counts_of_step = pd.DataFrame(parts).groupby([ends[name] for name in ends]).sum().to_numpy()
        found[step] = float(counts_of_step[publishable(counts_of_step, rules), 0].sum() / parts[:, 0].sum())
    return found


def movers(exact: pd.DataFrame) -> pd.DataFrame:
    """Rows out of Hubei's prefectures."""
    origin, destination = exact["origin_county"], exact["destination_county"]
    return exact[origin.str.startswith("42") & (origin.str[:4] != destination.str[:4])].reset_index(drop=True)


def wide(exact: pd.DataFrame) -> np.ndarray:
    """Cells by parts: persons, registered, without each MNO."""
    without = [[one[mno] for mno in MNOS] for one in exact["persons_without"]]
    return np.column_stack([exact[["persons", "persons_registered"]].to_numpy(), np.array(without)])


def thinned(parts: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Of each cell's persons a share, drawn; each MNO's part as if it had been drawn among the registered."""
    registered = rng.binomial(parts[:, 1], share)
    others = rng.binomial(parts[:, 0] - parts[:, 1], share)
    without = [rng.hypergeometric(w, parts[:, 1] - w, registered) for w in parts[:, 2:].T]
    return np.column_stack([registered + others, registered, *without])


def by_prefecture(exact: pd.DataFrame) -> pd.DataFrame:
    """Parts by origin and destination prefecture."""
    frame = pd.DataFrame(wide(exact), columns=PARTS)
    ends = {end: exact[f"{end}_county"].map(prefecture_of) for end in ("origin", "destination")}
    return frame.groupby([ends["origin"], ends["destination"]]).sum()


def as_exact(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Parts as the exact tables have them."""
    frame = frame[frame["persons"] > 0]
    maps = [dict(zip(MNOS, row, strict=True)) for row in frame[list(MNOS)].to_numpy().tolist()]
    return frame[PARTS[:2]].assign(persons_without=maps).rename_axis(names).reset_index()


def stock_of(gone: dict[str, pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """Residents of both groups at home, and those who went elsewhere in the last 14 days and stayed there."""
    places = shipped_places()
    home = pd.Series(np.rint(places.population).astype(np.int64), index=places.county_codes)
    parts = {}
    for group, begins in (("stayed_in_wuhan", "4201"), ("stayed_in_hubei_without_wuhan", "42")):
        own = home[home.index.str.startswith(begins) & ((begins == "4201") | ~home.index.str.startswith("4201"))]
        resident = pd.DataFrame({"persons": own, "persons_registered": rng.binomial(own, 0.99)})
        for mno, share in zip(MNOS, (0.33, 0.72, 0.70), strict=True):
            resident[mno] = rng.binomial(resident["persons_registered"], share)
        away = gone[group].groupby(level=0).sum()
        away = pd.DataFrame(thinned(away.to_numpy(), STAYS, rng), index=away.index, columns=PARTS)
        parts[group] = pd.concat([resident, away]).groupby(level=0).sum()
    return as_exact(pd.concat(parts), ["group", "county_code"])


def run(history: History, days: int, minutes: float, seed: int) -> bool:
    """Continue the history; True when it is complete."""
    began, runner = time.monotonic(), Runner(history, seed)
    last: list[pd.DataFrame] = []
    gone: dict[str, list[pd.DataFrame]] = {group: [] for group in GROUPS["hubei"]}
    for number, drawn in zip(range(days), endless(seed), strict=False):
        date = FIRST + dt.timedelta(days=number)
        rng = np.random.default_rng([seed, number])
        exact = movers(drawn).assign(date=date)
        block_ends = number % BLOCK_DAYS == BLOCK_DAYS - 1
        pairs = by_prefecture(exact)
        share = 1.0 if block_ends else LAST
        last.append(pd.DataFrame(thinned(pairs.to_numpy(), share, rng), index=pairs.index, columns=PARTS))
        _went(gone, exact)
        if not history.has("outflow", date):
            if time.monotonic() - began > minutes * 60:
                return False
            runner.release("outflow", date, exact)
        if block_ends:
            block = as_exact(pd.concat(last).groupby(level=[0, 1]).sum(), ["origin_county", "destination_county"])
            stock = stock_of({group: pd.concat(parts[-BLOCK_DAYS:]) for group, parts in gone.items()}, rng)
            for indicator, frame in (("outflow_block", block), ("stock", stock)):
                if not history.has(indicator, date):
                    runner.release(indicator, date, frame)
            last = []
    return True


def _went(gone: dict[str, list[pd.DataFrame]], exact: pd.DataFrame) -> None:
    of_wuhan = exact["origin_county"].str.startswith("4201")
    for group, mine in (("stayed_in_wuhan", of_wuhan), ("stayed_in_hubei_without_wuhan", ~of_wuhan)):
        part = exact[mine]
        frame = pd.DataFrame(wide(part), columns=PARTS, index=part["destination_county"].to_numpy())
        gone[group].append(frame.groupby(level=0).sum())


def main() -> None:
    """Run, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    history = History(asked.folder)
    complete = run(history, asked.days, asked.minutes, asked.seed)
    print(f"{len(history.figures)} releases, {'complete' if complete else 'to be continued'}", flush=True)
    if asked.results:
        asked.results.write_text(results(history.figures), encoding="utf-8")


def results(figures: list[dict[str, Any]]) -> str:
    """The figures as a page."""
    lines = [
        "# Disclosure at full size",
        "",
        "Made by `benchmarks/disclosure_history.py`; what was drawn, it says. Two cores, shared with other work at the",
        "time, so seconds by the clock are too long: those of CPU say more. Median (least to greatest).",
        "",
        "| | " + " | ".join(("outflow", "outflow_block", "stock")) + " |",
        "|---|---|---|---|",
    ]
    kinds = [[one for one in figures if one["indicator"] == kind] for kind in ("outflow", "outflow_block", "stock")]
    for text, key in (
        ("releases", None), ("persons", "persons"), ("exact cells", "cells"), ("published rows", "rows"),
        ("gate, s by the clock", "gate_s"), ("gate, s of CPU", "gate_cpu_s"),
        ("audit, s by the clock", "audit_s"), ("audit, s of CPU", "audit_cpu_s"),
    ):  # fmt: skip
        lines.append(f"| {text} | " + " | ".join(_spread(kind, key) for kind in kinds) + " |")
    for step in ("origin", "province", "prefecture", "county", "pair"):
        lines.append(f"| shown, {step}, % of persons | " + " | ".join(_share(kind, step) for kind in kinds) + " |")
    full = [one for one in kinds[0] if one["persons"] >= FULL_SIZE]
    lines += ["", f"On the {len(full)} dates of at least {FULL_SIZE:,} movers: {_share(full, 'county')} % from city to "
              f"county, {_share(full, 'pair')} % from county to county."]  # fmt: skip
    if beside := [one for one in kinds[0] if "primary" in one]:
        less = np.array([100 * (one["primary"]["pair"] - one["shares"]["pair"]) for one in beside])
        lines.append(f"Every publishable cell, whatever it gives away, would show {np.median(less):.1f} "
                     f"({less.min():.1f} to {less.max():.1f}) points more from county to county.")  # fmt: skip
    planted, caught = sum(one["planted"] for one in figures), sum(one["caught"] for one in figures)
    rows = max((one["history_rows"] + one["rows"] for one in figures), default=0)
    lines += ["", f"Rows in view of the last audit: {rows:,}. Findings: {sum(one['findings'] for one in figures)}. ",
              f"Leaks planted: {planted:,}, caught: {caught:,}.", ""]  # fmt: skip
    return "\n".join(lines)


def _spread(kind: list[dict[str, Any]], key: str | None) -> str:
    if key is None:
        return str(len(kind))
    values = np.array([one[key] for one in kind], dtype=float)
    if not len(values):
        return ""
    form = (lambda v: f"{v:,.0f}") if values.max() > 1000 else (lambda v: f"{v:.1f}")
    return f"{form(np.median(values))} ({form(values.min())} to {form(values.max())})"


def _share(kind: list[dict[str, Any]], step: str) -> str:
    values = 100 * np.array([one["shares"].get(step, 0.0) for one in kind], dtype=float)
    shown = len(values) > 0 and values.max() > 0
    return f"{np.median(values):.1f} ({values.min():.1f} to {values.max():.1f})" if shown else "—"


if __name__ == "__main__":
    main()
