"""Gate and auditor over a full-size history: 45 days, day by day as the nights make it.

    python benchmarks/disclosure_history.py --folder DIR [--days 45] [--minutes 7] [--seed 1] [--results FILE]

The flows are those of `popflow.synthetic.counts` at full size (all 103 counties of Hubei to all counties, about 5
million movers a day, 25 % of persons with SIMs of two MNOs, 1 % of SIMs missing in the register): the model's 9 to 22
January over and over, each time with another seed. Each release goes through the gate and the auditor, with leaks
planted, and is noted in DIR: a run stops after so many minutes, and the next continues. --results writes the figures of
all runs.
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

from popflow import contracts, disclosure
from popflow.audit import Candidate, audit
from popflow.disclosure.rules import Rules, publishable
from popflow.geography.codes import prefecture_of
from popflow.synthetic.people import MNOS
from popflow.synthetic.places import shipped_places
from popflow.synthetic.scenario import counts

FIRST = dt.date(2020, 1, 9)
BLOCK_DAYS = 14
AUDIT_SECONDS = 60
FULL_SIZE = 5_000_000


class History:
    """Figures of what was released so far, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "figures.json"
        self.figures: list[dict[str, Any]] = json.loads(self.file.read_text()) if self.file.exists() else []

    def has(self, date: dt.date) -> bool:
        """Whether the release is there."""
        return any(one["date"] == str(date) for one in self.figures)

    def keep(self, figures: dict[str, Any]) -> None:
        """Add a release."""
        self.figures.append(figures)
        self.file.write_text(json.dumps(self.figures, indent=1))


class Runner:
    """Protects and audits."""

    def __init__(self, history: History, seed: int) -> None:
        self.history, self.seed = history, seed
        self.known = contracts.load()
        self.covered = sorted(shipped_places().county_codes.tolist())

    def release(self, date: dt.date, exact: pd.DataFrame) -> None:
        """Gate, auditor, and noted."""
        began, worked = time.perf_counter(), time.process_time()
        table = disclosure.protect_flows(
            exact,
            date=date,
            release=1,
            areas=self.known.areas,
            covered_counties=self.covered,
            mnos=list(MNOS),
            rules=self.known.disclosure,
            indicator=self.known.headline,
        )
        gate = {"gate_s": time.perf_counter() - began, "gate_cpu_s": time.process_time() - worked}
        worked = time.process_time()
        candidate = Candidate(table.rows, table.base_cells)
        verdict = audit(table.rows.iloc[:0], table.base_cells.iloc[:0], candidate=candidate,
                        covered=self.covered, mnos=MNOS, seed=self.seed + date.toordinal(),
                        time_limit_s=AUDIT_SECONDS)  # fmt: skip
        outcomes = [plant.outcome for plant in verdict.planted]
        figures = gate | {
            "date": str(date),
            "audit_s": verdict.seconds,
            "audit_cpu_s": time.process_time() - worked,
            "persons": table.root_persons,
            "cells": len(table.base_cells),
            "rows": len(table.rows),
            "findings": len(verdict.findings),
            "planted": len(outcomes) - outcomes.count("not applicable"),
            "caught": outcomes.count("caught"),
            "shares": dict(table.shares),
            "narrow_ranges": verdict.counts.get("narrow_ranges", 0),
            "primary": primary_shares(exact, Rules.of(self.known.disclosure)),
        }
        if not verdict.ok:
            print(verdict.text(), flush=True)
        self.history.keep(figures)
        print(" ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in figures.items()), flush=True)


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


def run(history: History, days: int, minutes: float, seed: int) -> bool:
    """Continue the history; True when it is complete."""
    began, runner = time.monotonic(), Runner(history, seed)
    for number, drawn in zip(range(days), endless(seed), strict=False):
        date = FIRST + dt.timedelta(days=number)
        if not history.has(date):
            if time.monotonic() - began > minutes * 60:
                return False
            runner.release(date, movers(drawn).assign(date=date))
    return True


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
        "| | outflow |",
        "|---|---|",
    ]
    for text, key in (
        ("releases", None), ("persons", "persons"), ("exact cells", "cells"), ("published rows", "rows"),
        ("gate, s by the clock", "gate_s"), ("gate, s of CPU", "gate_cpu_s"),
        ("audit, s by the clock", "audit_s"), ("audit, s of CPU", "audit_cpu_s"),
    ):  # fmt: skip
        lines.append(f"| {text} | {_spread(figures, key)} |")
    for step in ("origin", "province", "prefecture", "county", "pair"):
        lines.append(f"| shown, {step}, % of persons | {_share(figures, step)} |")
    full = [one for one in figures if one["persons"] >= FULL_SIZE]
    lines += ["", f"On the {len(full)} dates of at least {FULL_SIZE:,} movers: {_share(full, 'county')} % from city to "
              f"county, {_share(full, 'pair')} % from county to county."]  # fmt: skip
    if beside := [one for one in figures if "primary" in one]:
        less = np.array([100 * (one["primary"]["pair"] - one["shares"]["pair"]) for one in beside])
        lines.append(f"Every publishable cell, whatever it gives away, would show {np.median(less):.1f} "
                     f"({less.min():.1f} to {less.max():.1f}) points more from county to county.")  # fmt: skip
    planted, caught = sum(one["planted"] for one in figures), sum(one["caught"] for one in figures)
    lines += ["", f"Findings: {sum(one['findings'] for one in figures)}. "
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
