"""What published rows say about a destination: at least what is shown, at most that and every row that may hide it.

Published rows form a tree for each date: the chain's steps, each row under the row of the step before. Down to a level,
the finest rows (those of that level, rest rows, and rows whose children are not shown) hold each person once, so
they add up to the whole. A destination that a date does not show is hidden in the one finest row above it: its rest
row, or the row of its prefecture, its province, its side of the border, and so on up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of, province_of
from popflow.indicators import Indicator, Step

if TYPE_CHECKING:
    import pandas as pd

DIVIDED = ["", "side", "origin", "province", "prefecture", "county", "origin_county"]  # what each step divides by
ORIGIN, PROVINCE, PREFECTURE, COUNTY, PAIR = 2, 3, 4, 5, 6
TOP_OF = {"province": PROVINCE, "prefecture": PREFECTURE, "county": COUNTY, "pair": PAIR}
OWN = {PROVINCE: ["province"], PREFECTURE: ["prefecture"], COUNTY: ["county"], PAIR: ["origin_county", "county"]}
UNDER = {PROVINCE: "side", PREFECTURE: "province", COUNTY: "prefecture", PAIR: "county"}
REST = "rest_of_"
NIGHT = ["chain", "date", "origin"]
PLACES = ("side", "province", "prefecture", "county")
PLACED: dict[str, Any] = {
    "chain": "int64",
    "date": object,
    "persons": "int64",
    "step": "int64",
    "is_rest": bool,
    "origin": object,
}
PLACED |= dict.fromkeys(("origin_county", *PLACES), object)
SHARED = {  # a row shares with the row that it stands under this column, and those of the steps before
    1: "date",
    ORIGIN: "side",
    PROVINCE: "origin",
    PREFECTURE: "province",
    COUNTY: "prefecture",
    PAIR: "county",
}


def numbered(indicator: Indicator) -> dict[tuple[str, str], int]:
    """The number of each step of an indicator's chain, by its levels.

    Raises PopflowError for a chain whose steps come in another order than the reader follows.
    """
    divided = ["", *(_divided_by(one) for one in indicator.steps[1:])]
    if divided != DIVIDED[: len(divided)]:
        raise PopflowError(f"{indicator.indicator}: steps: the reader follows {', '.join(DIVIDED[1:])}, in this order")
    return {(one.origin, one.destination): number for number, one in enumerate(indicator.steps)}


def _divided_by(step: Step) -> str:
    if step.rest == "origin":
        return "origin" if step.origin == "prefecture" else "origin_county"
    return "side" if step.destination == "border" else step.destination


@dataclass(frozen=True)
class View:
    """Whose moves are looked at, over which sides of the border; by_origin: each origin prefecture for itself.

    whole: over both sides, also where a province is looked at.

    steps: the number of the step that each level of origin and destination makes, as `numbered` gives it.
    """

    chain: str
    province: str
    prefecture: str | None
    steps: Mapping[tuple[str, str], int]
    by_origin: bool = False
    whole: bool = False

    @property
    def sides(self) -> tuple[str, ...]:
        """A province's outflow crosses its border; a prefecture's may also stay within the province."""
        outside = f"outside_{self.province}"
        return (outside,) if self.prefecture is None and not self.whole else (f"inside_{self.province}", outside)

    @property
    def of_one_origin(self) -> bool:
        """Whether figures are of one origin prefecture each, not of the whole chain."""
        return self.by_origin or self.prefecture is not None

    @property
    def prefix(self) -> str:
        """What the codes of its origins begin with."""
        return self.prefecture[:4] if self.prefecture else self.province[:2]


def placed(flows: pd.DataFrame, views: Sequence[View]) -> pd.DataFrame:
    """The rows of some views, of one chain each, with their place in its tree.

    In: rows of the contract `flows`, one release a date. Out: chain (number of the view), date, persons, step, is_rest,
    origin (prefecture), origin_county, side, province, prefecture, county; a code that the row does not fix is ''.
    """
    import pandas as pd

    if flows.empty or not views:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in PLACED.items()})
    numbers = {name: number for number, view in enumerate(views) for name in (view.chain, view.prefix)}

    def of_origin(level: str, code: str) -> tuple[int, str, str, bool]:
        return _origin_codes(numbers, level, code)

    def of_destination(number: int, level: str, code: str) -> tuple[str, str, str, str, bool, bool]:
        if number < 0:
            return "", "", "", "", False, False
        view = views[number]
        side, province, prefecture, county = destination_codes(level, code, view.province)
        return side, province, prefecture, county, code.startswith(REST), side in ("", *view.sides)

    chain, *origin, of_rest = _of_each(of_origin, flows["origin_level"], flows["origin_code"])
    end = flows["destination_level"], flows["destination_code"]
    *destination, to_rest, looked_at = _of_each(of_destination, chain, *end)
    (step,) = _of_each(lambda *kind: (views[0].steps[kind],), flows["origin_level"], flows["destination_level"])
    codes = dict(zip(("origin", "origin_county", *PLACES), (*origin, *destination), strict=True))
    about = {"chain": chain, "date": flows["date"].array, "persons": flows["persons"].array}
    about |= {"step": step, "is_rest": of_rest | to_rest}
    return pd.DataFrame(about | codes)[(chain >= 0) & looked_at].reset_index(drop=True)


def _origin_codes(numbers: Mapping[str, int], level: str, code: str) -> tuple[int, str, str, bool]:
    """The number of a row's chain (-1: none), origin ('' above the origins, 'rest'), county, whether it is a rest."""
    rest, bare = code.startswith(REST), code.removeprefix(REST)
    chain = numbers.get(bare, -1)
    if level == "area":
        return chain, "", "", rest
    if chain < 0:
        chain = numbers.get(bare[:4], numbers.get(bare[:2], -1))
    if level == "county":
        return chain, f"{bare[:4]}00", "" if rest else code, rest
    return chain, "rest" if rest else code, "", rest


def _of_each(say: Callable[..., tuple], *columns: Any) -> list[Any]:
    """What a function says of the rows, column by column; it is asked once for each combination of their values."""
    import numpy as np
    import pandas as pd

    values, number = [np.asarray(column) for column in columns], np.zeros(len(columns[0]), "int64")
    for column in values:
        place, known = pd.factorize(column)
        number = number * len(known) + place
    number, _ = pd.factorize(number)
    firsts = np.flatnonzero(~pd.Series(number).duplicated())
    said = [say(*row) for row in zip(*(column[firsts] for column in values), strict=True)]
    return [pd.Series(column).to_numpy()[number] for column in zip(*said, strict=True)]


def finest_rows(tree: pd.DataFrame, top: int) -> pd.DataFrame:
    """The rows that hold each person once, down to a step; `hides` is the step that a row does not show, 0 for none.

    In: what `placed` gives. Out: the same columns and `hides`.
    """
    within = tree[tree["step"] <= top]
    found = within[~_has_children(within)].copy()
    found["hides"] = found["step"].where(found["is_rest"], found["step"] + 1)
    return found.assign(hides=found["hides"].where(found["hides"] <= top, 0))


def _has_children(rows: pd.DataFrame) -> Any:
    """Whether a row of the next step stands under each row."""
    import numpy as np
    import pandas as pd

    found, shared = np.zeros(len(rows), dtype=bool), rows["chain"].to_numpy()
    for step, column in SHARED.items():
        number, known = pd.factorize(rows[column])
        shared = shared * len(known) + number
        own, above = (rows["step"] == step).to_numpy(), ((rows["step"] == step - 1) & ~rows["is_rest"]).to_numpy()
        found[above] = np.isin(shared[above], shared[own])
    return found


def certain(rows: pd.DataFrame, view: View) -> pd.DataFrame:
    """The finest rows whose persons surely belong to the view."""
    if view.prefecture is not None:
        return rows[rows["origin"] == view.prefecture]
    return rows[rows["side"] != ""]


def whole(tree: pd.DataFrame, finest: pd.DataFrame, view: View) -> tuple[int, int]:
    """Persons of the whole, at least and at most (person-trips over several dates)."""
    sure = certain(finest, view)
    others = finest.drop(sure.index)
    seen = _shown_origins(tree)
    open_rows = [
        persons
        for date, side, persons in others[["date", "side", "persons"]].itertuples(index=False, name=None)
        if any((date, view.prefecture, one) not in seen for one in ([side] if side else view.sides))
    ]
    at_least = int(sure["persons"].sum())
    return at_least, at_least + sum(open_rows)


def bounds(
    tree: pd.DataFrame, finest: pd.DataFrame, views: Sequence[View], top: int, by: list[str], units: pd.DataFrame
) -> pd.Series:
    """Persons that each unit has at most, beyond those that are shown for it.

    units: one row per unit: the `by` columns (of chain, where there are several, date and origin), side, province,
    prefecture, county, origin_county as far as the step has them. Out: persons (person-trips over several dates), in
    the order of units.
    """
    hidden = _above_origins(tree, finest, views, by, units)
    for step in range(PROVINCE, top + 1):
        hidden = hidden + _hidden_in_step(tree, finest, step, by, units)
    return hidden


def _hidden_in_step(
    tree: pd.DataFrame, finest: pd.DataFrame, step: int, by: list[str], units: pd.DataFrame
) -> pd.Series:
    """Persons in the rows that hide a step, less those of dates and origins on which the unit itself is shown."""
    of_step = finest[finest["hides"] == step]
    under = UNDER[step]
    hiding = of_step.groupby([*NIGHT, under])["persons"].sum().reset_index()
    shown = tree[(tree["step"] == step) & ~tree["is_rest"]].drop(columns="persons")
    excused: pd.DataFrame = shown.merge(hiding, on=[*NIGHT, under])
    total = _looked_up(units, hiding, [*by, under])
    return total - _looked_up(units, excused, [*by, *OWN[step]])


def _above_origins(
    tree: pd.DataFrame, finest: pd.DataFrame, views: Sequence[View], by: list[str], units: pd.DataFrame
) -> pd.Series:
    """Persons in rows above the origin step, where they may hide the unit's origin."""
    import pandas as pd

    above = finest[finest["hides"].isin((1, ORIGIN))]
    if above.empty:
        return pd.Series(0, index=units.index)
    seen = _shown_origins(tree)
    named = sorted(set(units.get("origin", [])) - {"", "rest"})
    origins = [
        [view.prefecture] if view.prefecture else [one for one in named if one.startswith(view.prefix)]
        for view in views
    ]
    rows = []
    for chain, date, side, persons in above[["chain", "date", "side", "persons"]].itertuples(index=False, name=None):
        view = views[chain]
        for one in [side] if side else view.sides:
            if not view.of_one_origin:
                rows.append((chain, date, "", one, persons))
                continue
            rows += [(chain, date, o, one, persons) for o in origins[chain] if (date, o, one) not in seen]
    hiding = pd.DataFrame(rows, columns=["chain", "date", "origin", "side", "persons"])
    return _looked_up(units, hiding, [*by, "side"])


def _shown_origins(tree: pd.DataFrame) -> set[tuple]:
    shown = tree[(tree["step"] == ORIGIN) & ~tree["is_rest"]]
    return set(shown[["date", "origin", "side"]].itertuples(index=False, name=None))


def _looked_up(units: pd.DataFrame, figures: pd.DataFrame, keys: list[str]) -> pd.Series:
    import pandas as pd

    if figures.empty or units.empty:
        return pd.Series(0, index=units.index, dtype="int64")
    sums = figures.groupby(keys, as_index=False)["persons"].sum()
    found = units[keys].merge(sums, on=keys, how="left")["persons"]
    return found.fillna(0).astype("int64").set_axis(units.index)


def destination_codes(level: str, code: str, chain_province: str) -> tuple[str, str, str, str]:
    """(side, province, prefecture, county) of a destination, '' where it does not fix one."""
    if level == "all":
        return "", "", "", ""
    is_rest, bare = code.startswith(REST), code.removeprefix(REST)
    if level == "border" or (level == "province" and is_rest):
        return bare, "", "", ""
    side = ("inside_" if province_of(bare) == chain_province else "outside_") + chain_province
    if level == "province" or (level == "prefecture" and is_rest):
        return side, bare, "", ""
    if level == "prefecture" or is_rest:
        return side, province_of(bare), bare, ""
    return side, province_of(bare), prefecture_of(bare), code
