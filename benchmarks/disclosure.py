"""The gate at full size: seconds of a fold, and the share of flow that is shown at each level.

A night of 5 million movers from all counties of Hubei to all counties, drawn from the real county populations with more
of them to near places; 25 % of persons have SIMs of two MNOs, 1 % a SIM that the register does not know. Beside the
gate stands plain primary suppression (every cell by itself, which gives small groups away by subtraction). On small
instances the gate is compared with the best admissible fold, an integer program.

    python benchmarks/disclosure.py --counties county_hierarchy_2019-12.csv --movers 5000000 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

from popflow import contracts, disclosure
from popflow.contracts import Disclosure
from popflow.disclosure.chain import flow_tree
from popflow.disclosure.exact import finest_cells
from popflow.disclosure.rules import PERSONS, REGISTERED, Rules, publishable

DATE = dt.date(2020, 1, 22)
MNOS = {"mobile": 0.58, "unicom": 0.20, "telecom": 0.22}
TWO_MNOS, UNREGISTERED = 0.25, 0.01
NEAR = {"42": 25.0, "43": 4.0, "41": 4.0, "36": 3.0, "34": 3.0, "50": 2.0, "61": 2.0, "44": 3.0}  # by province


def counties(path: Path) -> pd.Series:
    """Population by county code; counties without a figure, and those without a cell (Taiwan ...), are left out."""
    frame = pd.read_csv(path, dtype={"county_code": str})
    people = frame["pop_2020"].fillna(frame["pop_2010"])
    people.index = frame["county_code"]
    return people.dropna()[lambda one: ~one.index.str[:2].isin(["71", "81", "82"])]


def night(people: pd.Series, movers: int, seed: int) -> pd.DataFrame:
    """One night's flows_exact out of Hubei's prefectures: a gravity model with noise for prefectures and counties."""
    rng = np.random.default_rng(seed)
    origin, code = people.index[people.index.str.startswith("42")], people.index
    near = np.array([NEAR.get(one[:2], 1.0) for one in code])
    weight = np.outer(people[origin], people.to_numpy() * near) * rng.lognormal(0, 0.6, (origin.size, code.size))
    weight *= _prefecture_noise(rng, origin, code)
    weight[np.array([o[:4] for o in origin])[:, None] == np.array([c[:4] for c in code])] = 0
    persons = rng.multinomial(movers, (weight / weight.sum()).ravel()).reshape(weight.shape)
    o, d = np.nonzero(persons)
    cells = pd.DataFrame({"origin_county": origin[o], "destination_county": code[d], "persons": persons[o, d]})
    return with_mnos(cells, rng)


def _prefecture_noise(rng: np.random.Generator, origin: pd.Index, code: pd.Index) -> np.ndarray:
    from_, to = pd.factorize(origin.str[:4])[0], pd.factorize(code.str[:4])[0]
    return rng.lognormal(0, 0.8, (from_.max() + 1, to.max() + 1))[from_][:, to]


def with_mnos(cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Cells with their registered persons and those without a SIM at each MNO, drawn by the MNOs' shares."""
    names, share = list(MNOS), np.array(list(MNOS.values()))
    pairs = [(0, 1), (0, 2), (1, 2)]
    both = np.array([share[a] * share[b] for a, b in pairs])
    kinds = np.concatenate([share * (1 - TWO_MNOS), both / both.sum() * TWO_MNOS])
    has = np.array([[k == m for m in range(3)] for k in range(3)] + [[m in pair for m in range(3)] for pair in pairs])
    registered = rng.binomial(cells["persons"], 1 - UNREGISTERED)
    without = rng.multinomial(registered, kinds) @ ~has
    maps = [dict(zip(names, row, strict=True)) for row in without.tolist()]
    return cells.assign(persons_registered=registered, persons_without=maps, date=DATE)


def protect(exact: pd.DataFrame, covered: Sequence[str], rules: Disclosure) -> disclosure.ProtectedTable:
    """The gate as the night calls it."""
    return disclosure.protect_flows(
        exact,
        date=DATE,
        release=1,
        areas=contracts.load().areas,
        covered_counties=covered,
        mnos=list(MNOS),
        rules=rules,
        indicator=contracts.load().headline,
    )


def primary_shares(exact: pd.DataFrame, covered: Sequence[str], rules: Rules) -> dict[str, float]:
    """Share of flow of each step's cells that are publishable, whatever they give away."""
    tree = flow_tree(contracts.load().headline, "hubei", contracts.load().areas["hubei"], covered, covered)
    moves = exact.rename(columns={"origin_county": "origin_code", "destination_county": "destination_code"})
    cells = tree.counts(finest_cells(moves, list(MNOS)), list(MNOS))
    counts = {nodes.step.name: nodes.counts(cells) for nodes in tree.steps}
    total = cells[:, PERSONS].sum()
    return {name: float(own[publishable(own, rules), PERSONS].sum() / total) for name, own in counts.items()}


def optimum(exact: pd.DataFrame, covered: Sequence[str], rules: Rules, step: str) -> float:
    """The largest share of flow that any admissible fold of the chain shows at a step, by an integer program.

    Admissible is what the rules allow without saying which siblings join a rest: publishable cells under shown parents,
    rests that are publishable and hold enough children, all or none of fewer. What a reader could work out from the
    rules is not in it, so that it is an upper bound.
    """
    tree = flow_tree(contracts.load().headline, "hubei", contracts.load().areas["hubei"], covered, covered)
    moves = exact.rename(columns={"origin_county": "origin_code", "destination_county": "destination_code"})
    cells = tree.counts(finest_cells(moves, list(MNOS)), list(MNOS))
    counts = [nodes.counts(cells) for nodes in tree.steps]
    offset = np.concatenate([[0], np.cumsum([len(own) for own in counts])])
    families = [(s, p) for s in range(1, len(counts)) for p in range(len(counts[s - 1]))]
    kinds = offset[-1] + 2 * np.arange(len(families))  # for each family two more: it has a rest; it shows none
    best = np.zeros(offset[-1] + 2 * len(families))
    most = np.ones(best.size)
    wanted = [nodes.step.name for nodes in tree.steps].index(step)
    best[offset[wanted] : offset[wanted + 1]] = -counts[wanted][:, PERSONS]
    for number, own in enumerate(counts):
        most[offset[number] : offset[number + 1]] = publishable(own, rules)
    rows: list[tuple[dict[int, float], float]] = []  # sum of coefficient times variable <= bound
    for (number, parent), kind in zip(families, kinds, strict=True):
        child = np.flatnonzero(tree.steps[number].parent == parent)
        rows += _family(child + offset[number], counts[number][child], parent + offset[number - 1], int(kind), rules)
    place = [(r, v, c) for r, (terms, _) in enumerate(rows) for v, c in terms.items()]
    r, v, c = (np.array(column) for column in zip(*place, strict=True))
    matrix = coo_array((c, (r, v)), shape=(len(rows), best.size)).tocsr()
    limits = LinearConstraint(matrix, ub=np.array([bound for _, bound in rows]))
    found = milp(
        best, constraints=limits, integrality=np.ones(best.size), bounds=(0, most), options={"time_limit": 120}
    )
    return float(-found.fun / counts[0][:, PERSONS].sum())


def _family(
    child: np.ndarray, counts: np.ndarray, parent: int, has_rest: int, rules: Rules
) -> list[tuple[dict[int, float], float]]:
    """What the rules ask of one family: a child is shown under a shown parent; all, none, or those beside a rest."""
    none, size = has_rest + 1, len(child)
    rows = [({int(one): 1.0, parent: -1.0}, 0.0) for one in child] + [
        ({int(one): 1.0, none: 1.0}, 1.0) for one in child
    ]
    rows.append(({int(one): -1.0 for one in child} | {has_rest: -size, none: -size}, -float(size)))
    least = np.array([rules.rest_children, rules.k, *[rules.floor] * (counts.shape[1] - 2)])
    weights = np.column_stack([np.ones(size), counts[:, REGISTERED:]])
    for need, weight in zip(least, weights.T, strict=True):
        rows.append(
            (
                {int(one): float(w) for one, w in zip(child, weight, strict=True)} | {has_rest: float(need)},
                float(weight.sum()),
            )
        )
    if size < rules.rest_children:
        rows.append(({has_rest: 1.0}, 0.0))
    return rows


def small_instances(people: pd.Series, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """A night of fewer counties: three prefectures of Hubei and some of four other provinces."""
    begins = ("4201", "4205", "4290", "4301", "4302", "4401", "4419", "1101", "4105", "4106")
    few = people[people.index.str.startswith(begins)]
    return night(few, 60_000, seed), list(few.index)


def main() -> None:
    """Print a table of the figures of every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counties", type=Path, required=True, help="county_hierarchy_2019-12.csv")
    parser.add_argument("--movers", type=int, default=5_000_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    people, parameters = counties(chosen.counties), contracts.load().disclosure
    for seed in chosen.seeds:
        _print_night(people, chosen.movers, seed, parameters)
        _print_beside_the_optimum(people, seed, parameters)


def _print_night(people: pd.Series, movers: int, seed: int, parameters: Disclosure) -> None:
    exact, covered = night(people, movers, seed), list(people.index)
    began, worked = time.perf_counter(), time.process_time()
    table = protect(exact, covered, parameters)
    seconds, of_cpu = time.perf_counter() - began, time.process_time() - worked
    primary = primary_shares(exact, covered, Rules.of(parameters))
    print(f"seed {seed}: {len(exact):,} cells, {len(table.rows):,} rows, {seconds:.1f} s ({of_cpu:.1f} s of one core)")
    for step, share in table.shares.items():
        shown, cells = table.cells[step]
        print(f"  {step:10} {share:7.1%} of flow, {shown:7,} of {cells:7,} cells; primary alone {primary[step]:7.1%}")


def _print_beside_the_optimum(people: pd.Series, seed: int, parameters: Disclosure) -> None:
    exact, covered = small_instances(people, seed)
    shares = protect(exact, covered, parameters).shares
    for step in ("county", "pair"):
        best = optimum(exact, covered, Rules.of(parameters), step)
        print(f"  {len(covered)} counties, {step}: {shares[step]:.2%} of flow, at best {best:.2%}")


if __name__ == "__main__":
    main()
