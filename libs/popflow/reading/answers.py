"""Answers of the views over all chains as frames with names, the same columns as an answer of `rows`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from popflow.contracts import Area
from popflow.reading import both_ways
from popflow.reading.both_ways import BOUNDS, Toward, Trees
from popflow.reading.names import Places
from popflow.reading.notices import figures_notices, release_text
from popflow.reading.rows import COLUMNS, dates_served, not_served, unit_of

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.served import Served

Areas = Mapping[str, Area]


def inflow_frame(asked: Toward, serving: Served, flows: pd.DataFrame, areas: Areas, places: Places) -> pd.DataFrame:
    """The answer to who came to a place; see `Reader.inflow`."""
    import pandas as pd

    assert asked.place is not None
    trees = both_ways.trees(asked, flows, areas, serving.releases)
    found = both_ways.figures(asked, trees, places)
    low, high = both_ways.total(asked, trees, places)
    frame = _named(found, asked, serving, flows, places, low)
    near = found["origin"].str[:2] == asked.place.code[:2]
    own, most = found.loc[near, "persons_at_least"].sum(), found.loc[near, "persons_at_most"].sum(skipna=False)
    frame.attrs["summary"] = _summary(asked, serving, flows, trees) | {
        "persons_at_least": low,
        "persons_at_most": high,
        "open_share_percent": None if high is None else round(100 * (high - low) / max(high, 1), 1),
        "from_own_province_at_least": int(own),
        "from_own_province_at_most": None if pd.isna(most) else int(most) if high is None else min(int(most), high),
    }
    frame.attrs["notices"] = figures_notices(frame.attrs["summary"], places, asked.place)
    return frame


def matrix_frame(
    asked: Toward, serving: Served, flows: pd.DataFrame, areas: Areas, places: Places, *, wide: bool
) -> pd.DataFrame:
    """The answer to who went from where to where; see `Reader.matrix`."""
    trees = both_ways.trees(asked, flows, areas, serving.releases)
    found = both_ways.figures(asked, trees, places)
    low = int(found["persons_at_least"].sum())
    frame = _wide(found, asked, places) if wide else _named(found, asked, serving, flows, places, low)
    frame.attrs["summary"] = _summary(asked, serving, flows, trees)
    frame.attrs["notices"] = figures_notices(frame.attrs["summary"], places, None)
    return frame


def net_frame(
    asked: Toward,
    serving: Served,
    flows: pd.DataFrame,
    left: pd.DataFrame,
    areas: Areas,
    places: Places,
    *,
    daily: bool,
) -> pd.DataFrame:
    """The answer to how many more came than left; see `Reader.net`. left: as `rows.by_date` gives it."""
    trees = both_ways.trees(asked, flows, areas, serving.releases)
    came = both_ways.by_date(asked, trees, places)
    gone = left[left["release"].notna()].set_index("date")[BOUNDS]
    came = came.reindex(gone.index, fill_value=0)
    frame = came.add_prefix("inflow_").join(gone.astype("int64").add_prefix("outflow_"))
    frame = frame if daily else frame.sum(skipna=False).to_frame().T.astype("Int64")
    frame["net_at_least"] = frame["inflow_persons_at_least"] - frame["outflow_persons_at_most"]
    frame["net_at_most"] = frame["inflow_persons_at_most"] - frame["outflow_persons_at_least"]
    frame.columns = [str(name).replace("_persons", "") for name in frame.columns]
    assert asked.place is not None
    frame = frame.reset_index(drop=not daily)
    frame.insert(0, "area", asked.place.name_en)
    frame = frame.assign(
        unit=unit_of(1 if daily else len(serving.dates)),
        dates_released=1 if daily else len(serving.releases),
        date_from=asked.first,
        date_to=asked.last,
        dates_not_served=not_served(serving),
    )
    frame.attrs["summary"] = _summary(asked, serving, flows, trees)
    frame.attrs["notices"] = figures_notices(frame.attrs["summary"], places, None)
    return frame


def _named(
    found: pd.DataFrame, asked: Toward, serving: Served, flows: pd.DataFrame, places: Places, whole: int
) -> pd.DataFrame:
    """The figures with levels and names beside their codes, the largest first."""
    shown = found["dates_shown"] > 0
    columns: dict[str, Any] = {
        "area": asked.place.name_zh if asked.place else "",
        "kind": found["persons_at_most"].isna().map({True: "unknown", False: "possible"}).mask(shown, "shown"),
        "date": found["date"],
        "persons_at_least": found["persons_at_least"],
        "persons_at_most": found["persons_at_most"],
        "unit": unit_of(1 if asked.daily else len(serving.dates)),
        "share_percent": (100 * found["persons_at_least"] / max(whole, 1)).round(2),
        "dates_shown": found["dates_shown"],
        "dates_released": 1 if asked.daily else len(serving.releases),
        "date_from": asked.first,
        "date_to": asked.last,
        "dates_not_served": not_served(serving),
        "definition": "; ".join(sorted(flows["definition"].unique())),
        "release": release_text(serving.releases),
    }
    ends = {"origin": (found["origin"], asked.origins), "destination": (found["destination"], asked.level)}
    for end, (codes, level) in ends.items():
        columns |= {f"{end}_level": level, f"{end}_code": codes}
        columns |= {f"{end}_{part}": codes.map(_names(places, level, part)) for part in ("name", "name_en")}
    for level, digits in (("prefecture", 4), ("province", 2)):
        fixed = asked.level != "province" or level == "province"
        above = found["destination"].str[:digits].str.ljust(6, "0") if fixed else found["destination"].map({})
        columns[f"{level}_code"] = above.fillna("")
        for part in ("name", "name_en"):
            columns[f"{level}_{part}"] = above.map(_names(places, level, part)).fillna("")
    frame = found[[]].assign(**columns)[[c for c in COLUMNS if c != "date" or asked.daily]]
    keys = ["date"] if asked.daily else []
    order = [*keys, "persons_at_least", "persons_at_most", "destination_code", "origin_code"]
    ascending = [not name.startswith("persons") for name in order]
    return frame.sort_values(order, ascending=ascending).reset_index(drop=True)


def _names(places: Places, level: str, part: str) -> dict[str, str]:
    return {one.code: one.name_zh if part == "name" else one.name_en for one in places.all(level)}


def _wide(found: pd.DataFrame, asked: Toward, places: Places) -> pd.DataFrame:
    """Origins by destinations, the bounds as the upper level of the columns."""
    origins = [one.code for one in places.all(asked.origins)]
    destinations = [one.code for one in places.all(asked.level)]
    import pandas as pd

    pairs = pd.MultiIndex.from_product([origins, destinations], names=["origin", "destination"])
    figures = found.set_index(["origin", "destination"])[BOUNDS]
    unknown = figures.index[figures["persons_at_most"].isna()]
    long = figures.fillna(0).astype("int64").reindex(pairs, fill_value=0)
    if len(unknown):
        long["persons_at_most"] = long["persons_at_most"].astype("Int64").mask(pairs.isin(unknown))
    columns = pd.MultiIndex.from_product([BOUNDS, destinations], names=["bound", "destination"])
    return pd.DataFrame(long.unstack("destination")).reindex(index=pd.Index(origins, name="origin"), columns=columns)


def _summary(asked: Toward, serving: Served, flows: pd.DataFrame, trees: Trees) -> dict[str, Any]:
    """What holds of every view; origins_unknown: codes of areas that show nothing of who left them on some date."""
    return {
        "origins_unknown": [view.prefecture or view.province for view in trees.unknown],
        "unit": unit_of(1 if asked.daily else len(serving.dates)),
        **dates_served(serving),
        "definition": "; ".join(sorted(flows["definition"].unique())),
        "release": release_text(serving.releases),
    }
