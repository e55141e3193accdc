"""From county codes of December 2019 to those of the polygons' edition, and what has no answer.

The table is data/crosswalk_2019-12_to_2021.yaml; it says there what each kind means.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from popflow.geography.codes import province_of

DATA = Path(__file__).parent / "data"
HIERARCHY_FILE = DATA / "county_hierarchy_2019-12.csv"
CROSSWALK_FILE = DATA / "crosswalk_2019-12_to_2021.yaml"
RESOLVED = ("recoded", "merged")


@functools.cache
def hierarchy() -> pd.DataFrame:
    """Counties of December 2019, one a row, as in the file; population in persons."""
    return pd.read_csv(HIERARCHY_FILE, dtype={"county_code": str, "pref_code": str, "prov_code": str})


@functools.cache
def crosswalk() -> pd.DataFrame:
    """Pairs of an old and a new code that differ or differ in extent: old_code, new_code, kind, reason.

    old_code is null for a county that was added, new_code for one of an excluded province.
    """
    pairs = [pair for change in _table()["changes"] for pair in _pairs(change)]
    return pd.DataFrame(pairs + _excluded(), columns=["old_code", "new_code", "kind", "reason"])


def predecessors() -> dict[str, list[str]]:
    """For each code of the edition, the counties of December 2019 that lie wholly in it."""
    found: dict[str, list[str]] = {}
    for old, new in _resolution().items():
        if new:
            found.setdefault(new, []).append(old)
    return found


def excluded_provinces() -> list[str]:
    """Provinces that the edition leaves out."""
    return [str(code) for code in _table()["excluded_provinces"]["provinces"]]


@functools.cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(CROSSWALK_FILE.read_text(encoding="utf-8"))
    return content


@functools.cache
def _resolution() -> dict[str, str | None]:
    codes: dict[str, str | None] = {code: code for code in hierarchy().county_code}
    for old, new, kind in crosswalk()[["old_code", "new_code", "kind"]].dropna(subset="old_code").to_numpy():
        codes[old] = new if kind in RESOLVED else None
    return codes


def _pairs(change: dict[str, Any]) -> list[tuple[str | None, str | None, str, str]]:
    old_codes: list[str | None] = [str(code) for code in change["old"]] or [None]
    return [(old, str(new), change["kind"], change["reason"]) for old in old_codes for new in change["new"]]


def _excluded() -> list[tuple[str | None, str | None, str, str]]:
    reason = _table()["excluded_provinces"]["reason"]
    codes = [code for code in hierarchy().county_code if province_of(code) in excluded_provinces()]
    return [(code, None, "excluded", reason) for code in codes]
