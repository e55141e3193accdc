"""One package a place: briefings on who came and who left, Excel workbooks, a GeoPackage.

Beside them stand the arrivals from the watched areas.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from popflow.dates import ONE_DAY, day
from popflow.errors import NotShown
from popflow.lake import Lake
from popflow.progress import Progress, silent
from popflow.reading import rows
from popflow.reading.names import Place, plain
from popflow.reading.question import Question
from popflow.reading.reader import Reader
from popflow.reading.shapes import joined
from popflow.reading.tables_out import save
from popflow.report import chromium, maps
from popflow.report.briefing import rendered
from popflow.report.who_came import who_came
from popflow.report.who_left import who_left

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

DAYS = 14
End = Literal["origin", "destination"]


def packages(
    lake: str | Path | Lake | Reader,
    date: dt.date | str,
    out: str | Path,
    days: int = DAYS,
    only: list[str] | None = None,
    on_progress: Progress = silent,
    pictures_in: str | None = None,
) -> list[Path]:
    """Write one folder per place: who came and who left in the `days` up to and with the date, and to or from where.

    Each holds <place>.html, the arrivals from the watched areas (not for a place within them), <place>-came.html and
    <place>-left.html (not for a county: what left one is no published whole); a workbook for each of them, one for each
    watched area; and <place>.gpkg with their layers. only: places by name or code, all provinces where None.
    pictures_in: a language (zh, en) in which there is also a PNG of each chart and a PDF page, by Chromium; none where
    None. A folder appears whole or not at all. Returns the folders.
    Raises PopflowError as `Reader.ask` does, before anything is written.
    """
    reader = lake if isinstance(lake, Reader) else Reader(lake)
    before = day(date) + ONE_DAY
    root = Path(out)
    wanted = [reader.places.find(name) for name in only] if only else reader.places.all("province")
    reader.served(reader.question(_areas(reader)[0], days=days, before=before))
    root.mkdir(parents=True, exist_ok=True)
    counties = maps.simplified(reader.county_polygons())
    written = []
    for number, place in enumerate(wanted, start=1):
        written.append(_package(reader, place, before, days, root, counties, pictures_in))
        on_progress(f"{number} of {len(wanted)}, {place.name_en}")
    return written


def _areas(reader: Reader) -> list[str]:
    """Watched areas, the smallest first: a page opens on the first that reaches its destination."""
    areas = {name: area for name, area in reader.lake.contracts.areas.items() if area.watched}
    return sorted(areas, key=lambda name: (areas[name].level == "province", name))


def _package(
    reader: Reader,
    place: Place,
    before: dt.date,
    days: int,
    root: Path,
    counties: gpd.GeoDataFrame,
    pictures_in: str | None,
) -> Path:
    """The folder of one place, made beside where it belongs and moved there."""
    name = f"{place.code}-{re.sub(r'[^a-z0-9]+', '-', plain(place.name_en)).strip('-') or place.code}"
    folder = root / name
    unfinished = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))
    try:
        for ending, facts in _briefings(reader, place, before, days).items():
            page = unfinished / f"{name}{ending}.html"
            page.write_text(rendered(facts, counties), encoding="utf-8")
            if pictures_in:
                chromium.pictures(page, unfinished, pictures_in)
                chromium.pdf(page, page.with_suffix(".pdf"), pictures_in)
        for about, frame, end in _answers(reader, place, before, days):
            save(frame, unfinished / f"{name}-{about}.xlsx")
            _add_layer(frame, end, unfinished / f"{name}.gpkg", about.replace("-", "_"), counties)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _briefings(reader: Reader, place: Place, before: dt.date, days: int) -> dict[str, dict[str, Any]]:
    """The facts of each page of a package, by what its name ends in."""
    found = {}
    if sources := _sources(reader, place, before, days):
        found[""] = who_left(reader, sources[0].area.name, before, days, place.code)
    found["-came"] = who_came(reader, place.code, before, days)
    if _is_left(reader, place, before, days):
        found["-left"] = who_left(reader, place.code, before, days)
    return found


def _answers(reader: Reader, place: Place, before: dt.date, days: int) -> Iterator[tuple[str, pd.DataFrame, End]]:
    """The tables of a package: what each is about, the answer, and which end of a move its rows are."""
    for question in _sources(reader, place, before, days):
        yield f"from-{question.area.name}", reader.answer(question), "destination"
    yield "came", reader.inflow(place.code, days=days, before=before), "origin"
    if _is_left(reader, place, before, days):
        yield "left", reader.answer(reader.question(place.code, days=days, before=before)), "destination"


def _is_left(reader: Reader, place: Place, before: dt.date, days: int) -> bool:
    """Whether the dates show who left the place; of a county, what left it is published by destination alone."""
    if place.level == "county":
        return False
    try:
        reader.shown(reader.question(place.code, days=days, before=before))
    except NotShown:
        return False
    return True


def _sources(reader: Reader, place: Place, before: dt.date, days: int) -> list[Question]:
    """The arrivals from each watched area that does not hold the place itself."""
    found = []
    for area in _areas(reader):
        question = reader.question(area, level="county", destination=place.code, days=days, before=before)
        if not rows.is_inner(question, place):
            found.append(replace(question, destination=place))
    return found


def _add_layer(frame: pd.DataFrame, end: End, file: Path, layer: str, counties: gpd.GeoDataFrame) -> None:
    """The answer as a layer of a GeoPackage, with the polygons of its counties or origin prefectures."""
    level = "county" if end == "destination" else "prefecture"
    shapes = counties if level == "county" else maps.outlines(counties, "prefecture_code")
    shapes = shapes[[f"{level}_code", "geometry"]].rename(columns={f"{level}_code": "code"})
    shown = joined(frame, shapes, end)
    dates = {column: shown[column].astype(str) for column in ("date_from", "date_to")}
    version = "1.2"  # QGIS 3.22 says of newer versions that it knows them in part
    shown.assign(**dates).to_file(file, layer=layer, driver="GPKG", VERSION=version)
