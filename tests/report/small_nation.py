"""Ten prefectures as squares, and a published lake of three dates, so that pages are made in a second."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

import published_lake

PLACES = {
    "420100": ("武汉市", "Wuhan", 4, 114, 30),
    "420600": ("襄阳市", "Xiangyang", 3, 112, 32),
    "421000": ("荆州市", "Jingzhou", 3, 112, 30),
    "430100": ("长沙市", "Changsha", 4, 113, 28),
    "430600": ("岳阳市", "Yueyang", 4, 113, 29),
    "430700": ("常德市", "Changde", 3, 111, 29),
    "110100": ("北京市", "Beijing", 4, 116, 39),
    "440100": ("广州市", "Guangzhou", 4, 113, 23),
}
PROVINCES = {
    "42": ("湖北省", "Hubei"),
    "43": ("湖南省", "Hunan"),
    "11": ("北京市", "Beijing"),
    "44": ("广东省", "Guangdong"),
}
DATES = [dt.date(2020, 1, 20), dt.date(2020, 1, 22)]  # the 21st has no release
COLUMNS = [
    "county_code",
    "county_name",
    "county_pinyin",
    "prefecture_code",
    "prefecture_name",
    "prefecture_pinyin",
    "province_code",
    "province_name",
    "province_pinyin",
    "population",
    "lon",
    "lat",
    "geometry_wkb",
    "edition",
]


def counties() -> pd.DataFrame:
    """Rows of the contract `counties`."""
    rows = []
    for prefecture, (zh, en, number, lon, lat) in PLACES.items():
        province_zh, province_en = PROVINCES[prefecture[:2]]
        for i in range(number):
            code = f"{prefecture[:4]}{i + 2:02d}"
            square = shapely.box(lon + 0.2 * i, lat, lon + 0.2 * (i + 1), lat + 0.5)
            names = (code, f"{zh[:2]}{i + 2}区", f"{en} {i + 2} Qu", prefecture, zh, en)
            province = (prefecture[:2] + "0000", province_zh, province_en)
            rows.append((*names, *province, 100_000 * (i + 1), lon + 0.1, lat + 0.2, shapely.to_wkb(square), "2021"))
    return pd.DataFrame(rows, columns=COLUMNS)


def write(lake: Path) -> Path:
    """The lake: 2020-01-20 and 2020-01-22, moves out of three prefectures of Hubei."""
    places = counties()
    published_lake.write_table(lake, "counties", places)
    for date in DATES:
        published_lake.publish(lake, date, published_lake.chain_rows(_moves(date, places), places))
    return lake


def _moves(date: dt.date, places: pd.DataFrame) -> dict[tuple[str, str], int]:
    chance = np.random.default_rng(date.day)
    pairs = [(o, d) for o in places.county_code if o[:2] == "42" for d in places.county_code if o[:4] != d[:4]]
    return {pair: int(n) for pair, n in zip(pairs, np.rint(chance.lognormal(2.5, 1.3, len(pairs))), strict=True) if n}
