"""The briefing: one HTML file that opens offline, with the answer in a sentence, a map, rankings, a curve, a table.

It tells who left an area, or who came to a place.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.reading.reader import Reader
from popflow.reading.tables_out import at_once, refuse_no_file
from popflow.report import maps, sentences
from popflow.report.who_came import who_came
from popflow.report.who_left import who_left

if TYPE_CHECKING:
    import geopandas as gpd

PAGE = Path(__file__).parent / "page"


def briefing(
    lake: str | Path | Lake | Reader,
    area: str | None,
    before: dt.date | str,
    days: int = 14,
    destination: str | None = None,
    out: str | Path = "briefing.html",
    as_of: str | dt.datetime | None = None,
) -> Path:
    """Write the briefing on who left an area in the days before a date; with a destination, on the arrivals there.

    Without an area it is on who came to the destination from everywhere. Returns the file. Raises PopflowError, in one
    line, for what does not exist or is not shown.
    """
    reader = lake if isinstance(lake, Reader) else Reader(lake)
    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise PopflowError(f"{path}: the briefing is a page; name it {path.stem}.html")
    refuse_no_file(path)
    if area is not None:
        facts = who_left(reader, area, before, days, destination, as_of)
    elif destination is not None:
        facts = who_came(reader, destination, before, days, as_of)
    else:
        raise PopflowError("a briefing is on who left an area (--area) or on who came to a place (--to-area)")
    page = rendered(facts, maps.simplified(reader.county_polygons()))
    with at_once(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def rendered(facts: dict[str, Any], counties: gpd.GeoDataFrame) -> str:
    """The page of the facts. counties: simplified polygons, as `maps.simplified` gives them."""
    parts = {
        "title": html.escape(f"{facts['title']['zh']} · {facts['title']['en']}"),
        "heading": both(facts["title"]),
        "caption": both(sentences.caption(facts)),
        "headline": both(sentences.headline(facts)),
        "notices": "".join(f"<li>{both(notice)}</li>" for notice in _notices(facts)),
        "map_title": both(sentences.MAP_TITLE[facts["mapped"]["end"]]),
        "table_title": both(sentences.TABLE_TITLE[facts["mapped"]["end"]]),
        "map_help": both(sentences.MAP_HELP[facts["mapped"]["end"]]),
        "not_shown": "".join(f"<li>{both(text)}</li>" for text in sentences.not_shown(**facts["rules"])),
        "definitions": "".join(f"<dt>{both(term)}</dt><dd>{both(text)}</dd>" for term, text in sentences.DEFINITIONS),
        "made": html.escape(f"popflow {facts['version']} · {facts['made']}"),
        "data": _json(facts | {"shapes": _shapes(facts, counties)}),
        "style": (PAGE / "page.css").read_text(encoding="utf-8"),
        "script": (PAGE / "page.js").read_text(encoding="utf-8"),
    }
    page = (PAGE / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], page)  # in one pass: no text is a place for others


def both(text: dict[str, str]) -> str:
    """A text in both languages, of which the page shows one."""
    zh, en = html.escape(text["zh"]), html.escape(text["en"])
    return f'<span lang="zh">{zh}</span><span lang="en">{en}</span>'


def _notices(facts: dict[str, Any]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    several = len(facts["series"]) > 1
    for series in facts["series"]:
        area = series["area"]
        for notice in series["notices"]:
            by_area = several and notice["en"][0].isdigit()
            named = (
                {"zh": f"{area['zh']}：{notice['zh']}", "en": f"{area['en']}: {notice['en']}"} if by_area else notice
            )
            found.setdefault(named["en"], named)
    return list(found.values())


def _shapes(facts: dict[str, Any], counties: gpd.GeoDataFrame) -> dict[str, Any]:
    """Paths of the places that are coloured, outlines of prefectures and provinces, and the frames to look at."""
    place, code, level = facts["destination"], facts["area"]["code"], facts["mapped"]["level"]
    drawn = counties if place is None else counties[counties[f"{place['level']}_code"] == place["code"]]
    ground = maps.land()
    provinces = maps.outlines(counties, "province_code")
    marked = next(
        of_level
        for name in ("prefecture", "province", "county")
        if len(of_level := counties[counties[f"{name}_code"] == code])
    )
    around = counties[counties["province_code"] == f"{code[:2]}0000"]
    frames = {
        "china": maps.main_frame(ground).around(0.01).text(),
        "province": maps.frame_of(around.geometry).around(0.06).text(),
        "inset": maps.inset_frame().text(),
    }
    if place is not None:
        frames = {"place": maps.frame_of(drawn.geometry).around(0.06).text()} | frames
    prefectures = maps.outlines(drawn, "prefecture_code")
    mapped = prefectures if level == "prefecture" else drawn
    return {
        "places": dict(zip(mapped[f"{level}_code"], maps.paths(mapped.geometry), strict=True)),
        "prefectures": "".join(maps.paths(prefectures.geometry)),
        "provinces": "".join(maps.paths(provinces.geometry)),
        "land": "".join(maps.paths(ground)),
        "mark": "".join(maps.paths(maps.outlines(marked.assign(one="1"), "one").geometry)),
        "frames": frames,
    }


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element that holds it, nor open another or a comment in it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).replace("<", "\\u003c")
