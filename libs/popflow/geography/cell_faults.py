"""Faults that make a cell unusable: an id that no record can bear, a place that is none, one number in two texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from popflow.feeds import CellField, Feed
from popflow.geography.validity import period

LARGEST_RADIUS_M = 150_000.0  # beyond what any network builds; such a number is a unit mistaken
KILOMETRES = 5.0  # half of an MNO's radii below it are kilometres
CHINA_LON, CHINA_LAT = (73, 136), (3, 54)
SPREADSHEET = r"^[+-]?[0-9]+([.,][0-9]+)?[eE][+]?[0-9]+$"  # 460001E+11: digits are lost
NO_ID = ("nan", "null", "none", "n/a", "na", "\\n", "-", "0", "unknown", "#n/a", "#value!", "#ref!")

Rows = np.ndarray  # booleans, one a row


class Fault(NamedTuple):
    """A reason to leave a cell out, its mend, and which rows have it."""

    what: str
    mend: str
    rows: Rows


def faults_of(cells: pd.DataFrame, feeds: Mapping[str, Feed]) -> tuple[pd.Series, list[Fault]]:
    """Cell ids as the feeds assemble them, and the faults of ids and places; a row may have several.

    In: mno, cell_id, lon, lat, radius_m, valid_from, valid_to; null where nothing stands. Null is not a fault here.
    """
    ids, no_form = _canonical(cells, feeds)
    places = _place_faults(cells)
    unplaced = np.logical_or.reduce([fault.rows for fault in places])
    text = pa.array(ids, pa.string())
    found = [
        Fault("cell_id went through a spreadsheet (1.2E+05)", "export it as text", _matches(text, SPREADSHEET)),
        Fault(
            "cell_id stands for nothing",
            "give the cell's id",
            _bools(pc.is_in(pc.ascii_lower(text), pa.array(NO_ID))) | _matches(text, r"[\x00-\x1f\x7f]"),
        ),
        Fault(
            "cell_id is not as the MNO's feed makes it",
            "write it as fields.cell_id of its feed says, with its prefix, and numbers in decimal",
            no_form,
        ),
        *places,
    ]
    return ids, [*found, *_spelling_faults(cells.assign(cell_id=ids), cells["cell_id"], feeds, unplaced)]


def _canonical(cells: pd.DataFrame, feeds: Mapping[str, Feed]) -> tuple[pd.Series, Rows]:
    """Ids with numbers in plain decimal where the feed has numbers; and which ids are of another form."""
    ids, wrong = cells["cell_id"].copy(), np.zeros(len(cells), dtype=bool)
    for mno, feed in feeds.items():
        mine = (cells["mno"] == mno).to_numpy() & cells["cell_id"].notna().to_numpy()
        if mine.any():
            given = pa.array(cells.loc[mine, "cell_id"], pa.string())
            wrong[mine] = ~_matches(given, _form(feed.fields.cell_id))
            ids[mine] = _plain(given, feed.fields.cell_id).to_numpy(zero_copy_only=False)
    return ids, wrong


def _form(field: CellField) -> str:
    """The pattern of a feed's ids."""
    before = _literal(_before(field))
    if field.base == "text":
        return f"^{before}."
    return f"^{before}{_literal(field.separator).join(['[0-9]{1,18}'] * len(field.from_columns))}$"


def _plain(ids: pa.Array, field: CellField) -> pa.Array:
    """Ids without leading zeros in what is a number of the feed."""
    if field.base == "text" or not field.separator:
        return ids
    own = pc.starts_with(ids, _before(field))
    rest = pc.utf8_slice_codeunits(ids, len(_before(field)))
    numbers = pc.replace_substring_regex(rest, f"(^|{_literal(field.separator)})0+([0-9])", r"\1\2")
    return pc.if_else(own, pc.binary_join_element_wise(_before(field), numbers, ""), ids)


def _before(field: CellField) -> str:
    return field.prefix + field.separator if field.prefix else ""


def _literal(text: str) -> str:
    """A pattern that matches a text alone, in RE2's words."""
    return "".join(f"[{one}]" if one not in "\\^" else f"\\{one}" for one in text)


def _place_faults(cells: pd.DataFrame) -> list[Fault]:
    lon, lat, radius = (cells[name].to_numpy() for name in ("lon", "lat", "radius_m"))
    there = ~np.isnan(lon) & ~np.isnan(lat)
    swapped = _between(lon, *CHINA_LAT) & _between(lat, *CHINA_LON)  # no longitude of China is one of its latitudes
    small = cells["radius_m"].where(cells["radius_m"] > 0).groupby(cells["mno"]).transform("median") < KILOMETRES
    degrees = "give WGS-84 degrees, not metres of a projection"
    return [
        Fault("lon and lat are swapped", "exchange them", swapped),
        Fault("lon is not within -180 and 180 degree", degrees, ~np.isnan(lon) & ~_between(lon, -180, 180)),
        Fault("lat is not within -90 and 90 degree", degrees, ~np.isnan(lat) & ~_between(lat, -90, 90)),
        Fault("lon and lat are 0", "give the cell's place", there & (lon == 0) & (lat == 0)),
        Fault("lon and lat lie outside China", "correct them",
              there & ~(_between(lon, *CHINA_LON) & _between(lat, *CHINA_LAT))),
        Fault("radius_m is not within 0 and 150,000 metre", "correct it",
              ~np.isnan(radius) & ~_between(radius, 0, LARGEST_RADIUS_M)),
        Fault("radius_m is below 5 m in half of the MNO's cells", "give metres, not kilometres", small.to_numpy()),
    ]  # fmt: skip


def _spelling_faults(cells: pd.DataFrame, written: pd.Series, feeds: Mapping[str, Feed], unplaced: Rows) -> list[Fault]:
    """Two texts that are one number, in two rows that share a day: at two places none can be believed.

    Where the feed joins by number, the second at the same place adds nothing.
    """
    number = pc.replace_substring_regex(
        pc.ascii_lower(pa.array(cells["cell_id"], pa.string())), r"(^|[^0-9a-f])0+([0-9a-f])", r"\1\2"
    )
    known = ~(unplaced | cells[["cell_id", "lon", "lat", "radius_m", "valid_from"]].isna().any(axis=1).to_numpy())
    rows = cells[["mno", "cell_id", "lon", "lat", "radius_m"]].assign(number=number.to_pandas(), written=written)[known]
    rows["first"], rows["last"] = period(cells[known])
    texts = rows.groupby(["mno", "number"])["written"].transform("nunique")
    rows = rows[texts > 1].sort_values(["mno", "number", "first"], kind="stable")
    before = rows.shift()
    meet = (rows["mno"] == before["mno"]) & (rows["number"] == before["number"]) & (rows["first"] <= before["last"])
    meet &= rows["written"] != before["written"]
    elsewhere = (rows[["lon", "lat"]].to_numpy() != before[["lon", "lat"]].to_numpy()).any(axis=1)
    torn = (meet & elsewhere).groupby([rows["mno"], rows["number"]]).transform("any")
    by_number = rows["mno"].isin([mno for mno, feed in feeds.items() if feed.fields.cell_id.base != "text"])
    two, again = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
    two[rows.index[torn.to_numpy(dtype=bool)]] = True
    again[rows.index[(meet & ~elsewhere & by_number).to_numpy(dtype=bool)]] = True
    return [
        Fault("cell_id is one number in two texts (1 and 01) at two places", "write it in one way, at its place", two),
        Fault("cell_id is another row's number in another text", "leave the row out", again),
    ]


def _between(values: np.ndarray, low: float, high: float) -> Rows:
    return (values >= low) & (values <= high)


def _matches(text: pa.Array, pattern: str) -> Rows:
    return _bools(pc.match_substring_regex(text, pattern))


def _bools(values: pa.Array) -> Rows:
    found: Rows = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return found
