"""Gate and auditor at full size over many dates, each as its night makes it.

    python benchmarks/disclosure_history.py --folder DIR [--days 45] [--minutes 7] [--seed 1] [--results FILE]

The flows are those of `popflow.synthetic.counts` at full size (all 103 counties of Hubei to all counties, about 5
million movers a day, 25 % of persons with SIMs of two MNOs, 1 % of SIMs missing in the register): the model's 9 to 22
January over and over, each time with another seed. Each release goes through the gate and the auditor, with leaks
planted. The figures are kept in DIR: a run stops after so many minutes, and the next continues. --results writes those
of all runs.
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

FIRST, FORTNIGHT = dt.date(2020, 1, 9), 14
AUDIT_SECONDS = 60
FULL_SIZE = 5_000_000


def figures_of(date: dt.date, exact: pd.DataFrame, seed: int) -> dict[str, Any]:
    """What a date's release took, and what it came to."""
    known, covered = contracts.load(), sorted(shipped_places().county_codes.tolist())
    given: dict[str, Any] = {"areas": known.areas, "covered_counties": covered, "mnos": list(MNOS),
                             "rules": known.disclosure, "definition": "day-end-1"}  # fmt: skip
    began, worked = time.perf_counter(), time.process_time()
    table = disclosure.protect_flows(exact, date=date, release=1, **given)
    gate = {"gate_s": time.perf_counter() - began, "gate_cpu_s": time.process_time() - worked}
    worked, atoms = time.process_time(), table.atoms
    verdict = audit(table.rows.head(0), atoms.head(0), candidate=Candidate(table.rows, atoms), covered=covered,
                    mnos=MNOS, seed=seed + date.toordinal(), time_limit_s=AUDIT_SECONDS)  # fmt: skip
    if not verdict.ok:
        print(verdict.text(), flush=True)
    outcomes = [plant.outcome for plant in verdict.planted]
    return gate | {
        "date": str(date),
        "audit_s": verdict.seconds,
        "audit_cpu_s": time.process_time() - worked,
        "persons": table.root_persons,
        "cells": len(atoms),
        "rows": len(table.rows),
        "findings": len(verdict.findings),
        "planted": len(outcomes) - outcomes.count("not applicable"),
        "caught": outcomes.count("caught"),
        "shares": dict(table.shares),
        "primary": primary_shares(exact, Rules.of(known.disclosure)),
    }


def endless(seed: int) -> Iterator[pd.DataFrame]:
    """Days of the model, one fortnight after another."""
    for turn in itertools.count():
        for _, drawn in counts(FIRST, FORTNIGHT, 1000 * turn + seed):
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


def run(file: Path, days: int, minutes: float, seed: int) -> list[dict[str, Any]]:
    """The figures of all dates so far, those of earlier runs among them."""
    began = time.monotonic()
    figures: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    for number, drawn in zip(range(days), endless(seed), strict=False):
        if number < len(figures):
            continue
        if time.monotonic() - began > minutes * 60:
            break
        date = FIRST + dt.timedelta(days=number)
        figures.append(figures_of(date, movers(drawn).assign(date=date), seed))
        print(figures[-1], flush=True)
        file.write_text(json.dumps(figures, indent=1))
    return figures


def main() -> None:
    """Run, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    figures = run(asked.folder / "figures.json", asked.days, asked.minutes, asked.seed)
    print(f"{len(figures)} of {asked.days} releases", flush=True)
    if asked.results:
        asked.results.write_text(results(figures), encoding="utf-8")


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
        f"| releases | {len(figures)} |",
    ]
    for text, key in (
        ("persons", "persons"), ("exact cells", "cells"), ("published rows", "rows"),
        ("gate, s by the clock", "gate_s"), ("gate, s of CPU", "gate_cpu_s"),
        ("audit, s by the clock", "audit_s"), ("audit, s of CPU", "audit_cpu_s"),
    ):  # fmt: skip
        lines.append(f"| {text} | {_spread(figures, key)} |")
    for step in ("origin", "province", "prefecture", "county", "pair"):
        lines.append(f"| shown, {step}, % of persons | {_share(figures, step)} |")
    full = [one for one in figures if one["persons"] >= FULL_SIZE]
    lines += ["", f"On the {len(full)} dates of at least {FULL_SIZE:,} movers: {_share(full, 'county')} % from city to "
              f"county, {_share(full, 'pair')} % from county to county."]  # fmt: skip
    less = np.array([100 * (one["primary"]["pair"] - one["shares"]["pair"]) for one in figures])
    lines.append(f"Every publishable cell, whatever it gives away, would show {np.median(less):.1f} "
                 f"({less.min():.1f} to {less.max():.1f}) points more from county to county.")  # fmt: skip
    planted, caught = sum(one["planted"] for one in figures), sum(one["caught"] for one in figures)
    lines += ["", f"Findings: {sum(one['findings'] for one in figures)}. Leaks planted: {planted:,}, "
              f"caught: {caught:,}.", ""]  # fmt: skip
    return "\n".join(lines)


def _spread(kind: list[dict[str, Any]], key: str) -> str:
    values = np.array([one[key] for one in kind], dtype=float)
    form = (lambda v: f"{v:,.0f}") if values.max() > 1000 else (lambda v: f"{v:.1f}")
    return f"{form(np.median(values))} ({form(values.min())} to {form(values.max())})"


def _share(kind: list[dict[str, Any]], step: str) -> str:
    values = 100 * np.array([one["shares"].get(step, 0.0) for one in kind], dtype=float)
    shown = len(values) > 0 and values.max() > 0
    return f"{np.median(values):.1f} ({values.min():.1f} to {values.max():.1f})" if shown else "—"


if __name__ == "__main__":
    main()
