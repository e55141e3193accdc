"""One package for each receiving province: the briefing, the Excel workbook, the GeoPackage."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.dates import ONE_DAY, day
from popflow.errors import PopflowError
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
from popflow.report.facts import gather

if TYPE_CHECKING:
    import geopandas as gpd

DAYS = 14


def packages(
    lake: str | Path | Lake | Reader,
    date: dt.date | str,
    out: str | Path,
    days: int = DAYS,
    only: list[str] | None = None,
    on_progress: Progress = silent,
    pictures_in: str | None = None,
) -> list[Path]:
    """Write one folder per receiving province: arrivals from Wuhan and Hubei in the `days` up to and with the date.

    Each holds <province>.html, one <province>-from-<area>.xlsx per source area, and <province>.gpkg, a layer per area.
    only: provinces by name or code, all where None. pictures_in: a language (zh, en) in which there is also a PNG of
    each chart and a PDF page, by Chromium; none where None. A folder appears whole or not at all. Returns the folders.
    Raises PopflowError as `Reader.ask` does, before anything is written.
    """
    reader = lake if isinstance(lake, Reader) else Reader(lake)
    before = day(date) + ONE_DAY
    root = Path(out)
    wanted = [_province(reader, name) for name in only] if only else reader.places.all("province")
    reader.served(reader.question(_areas(reader)[0], days=days, before=before))
    root.mkdir(parents=True, exist_ok=True)
    counties = maps.simplified(reader.county_polygons())
    written = []
    for number, place in enumerate(wanted, start=1):
        written.append(_package(reader, place, before, days, root, counties, pictures_in))
        on_progress(f"{number} of {len(wanted)}, {place.name_en}")
    return written


def _province(reader: Reader, name: str) -> Place:
    place = reader.places.find(name)
    if place.level != "province":
        raise PopflowError(f"{place} is no province; packages are made for provinces")
    return place


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
    """The folder of one province, made beside its place and moved into it."""
    name = f"{place.code}-{re.sub(r'[^a-z0-9]+', '-', plain(place.name_en)).strip('-') or place.code}"
    folder = root / name
    questions = _questions(reader, place, before, days)
    unfinished = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))
    try:
        first = questions[0].area.name
        page = rendered(gather(reader, first, before, days, place.code), counties)
        written = unfinished / f"{name}.html"
        written.write_text(page, encoding="utf-8")
        if pictures_in:
            chromium.pictures(written, unfinished, pictures_in)
            chromium.pdf(written, written.with_suffix(".pdf"), pictures_in)
        for question in questions:
            _tables(reader, question, unfinished, name, counties)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _questions(reader: Reader, place: Place, before: dt.date, days: int) -> list[Question]:
    """The arrivals from each area that does not hold the province itself."""
    found = []
    for area in _areas(reader):
        question = reader.question(area, level="county", destination=place.code, days=days, before=before)
        if not rows.is_inner(question, place):
            found.append(replace(question, destination=place))
    return found


def _tables(reader: Reader, question: Question, folder: Path, name: str, counties: gpd.GeoDataFrame) -> None:
    frame = reader.answer(question)
    save(frame, folder / f"{name}-from-{question.area.name}.xlsx")
    shapes = counties[["county_code", "geometry"]].rename(columns={"county_code": "code"})
    shown = joined(frame, shapes)
    dates = {column: shown[column].astype(str) for column in ("date_from", "date_to")}
    layer, version = f"from_{question.area.name}", "1.2"  # QGIS 3.22 says of newer versions that it knows them in part
    shown.assign(**dates).to_file(folder / f"{name}.gpkg", layer=layer, driver="GPKG", VERSION=version)
