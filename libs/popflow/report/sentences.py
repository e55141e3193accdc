"""The words of a briefing, each in Chinese and English."""

from __future__ import annotations

import datetime as dt
from typing import Any

from popflow.reading.notices import figure

Both = dict[str, str]

DEFINITIONS: list[tuple[Both, Both]] = [
    (
        {"zh": "流动", "en": "Flow"},
        {
            "zh": "某日的流动：出发地为前一日结束时所在区县，目的地为当日结束时所在区县。每人每日只计入一个组合。",
            "en": "A person's flow of a date goes from the county where the day before ended to the county where the "
            "date ended. Each person is counted once a date.",
        },
    ),
    (
        {"zh": "流出", "en": "Outflow"},
        {
            "zh": "出发地在区域内、目的地在区域外。武汉为地级市 420100，湖北为省 420000。地级市内部的移动不公布。",
            "en": "Origin inside the area, destination outside. Wuhan is prefecture 420100, Hubei province 420000. "
            "Moves within one prefecture are not published.",
        },
    ),
    (
        {"zh": "流入", "en": "Inflow"},
        {
            "zh": "出发地在地区外、目的地在地区内：由各省已公布的流出行求和，附上下限；本身不另行公布。",
            "en": "Origin outside the place, destination inside: a sum over the published outflows of all provinces, "
            "with bounds. Nothing of it is published by itself.",
        },
    ),
    (
        {"zh": "人次", "en": "Person-trips"},
        {
            "zh": "多日之和。在两天离开的同一人计两次；因此人次不等于人数。",
            "en": "The sum over several dates. Who left on two dates counts twice: person-trips are not persons.",
        },
    ),
    (
        {"zh": "至少与至多", "en": "At least and at most"},
        {
            "zh": "“至少”为已公布各行之和；“至多”再加上所有可能包含该地的未公布行。",
            "en": "'At least' is the sum of what is shown; 'at most' adds every row that may hold more of the place "
            "without showing it.",
        },
    ),
    (
        {"zh": "每万名常住居民", "en": "Per 10,000 residents"},
        {
            "zh": "“至少”除以第七次人口普查（2020 年，缺则 2010 年）常住人口，乘以一万。",
            "en": "'At least' per 10,000 residents of the census of 2020 (of 2010 where 2020 is missing).",
        },
    ),
]
NOT_SHOWN: list[Both] = [
    {
        "zh": "少于 {k} 人的组合，以及可能使某一运营商推算出不足 {floor} 人的组合，均不公布；它们合并为“其余”行，"
        "因此总数不丢失。",
        "en": "Groups of fewer than {k} persons are never shown, nor those from which one operator could work out a "
        "group of fewer than {floor}. They are kept together in rest rows, so that nothing is lost from the totals.",
    },
    {
        "zh": "为避免相减推算，少数较大的组合也会并入“其余”。",
        "en": "Some larger groups join a rest so that nothing can be worked out by subtraction.",
    },
    {
        "zh": "地图上的斜线表示“未公布”，不是零。悬停可见其上限。",
        "en": "Hatched places on the map are not shown; they are not zero. Hover to see what they hold at most.",
    },
]


MAP_TITLE: dict[str, Both] = {
    "destination": {"zh": "目的地区县", "en": "Destination counties"},
    "origin": {"zh": "出发地级市", "en": "Prefectures of origin"},
}
TABLE_TITLE: dict[str, Both] = {
    "destination": {"zh": "全部目的地", "en": "All destinations"},
    "origin": {"zh": "全部出发地", "en": "All origins"},
}
MAP_HELP: dict[str, Both] = {
    "destination": {
        "zh": "将指针移到区县上可见数字；键盘：选中地图后用 ← → 按名次查看，+ − 缩放。斜线：未公布，不是零。",
        "en": "Point at a county to see its figure. Keyboard: focus the map, then ← → go through the destinations by "
        "rank, + − zoom. Hatched: not shown, not zero.",
    },
    "origin": {
        "zh": "将指针移到地级市上可见数字；键盘：选中地图后用 ← → 按名次查看，+ − 缩放。斜线：未公布，不是零。",
        "en": "Point at a prefecture to see its figure. Keyboard: focus the map, then ← → go through the origins by "
        "rank, + − zoom. Hatched: not shown, not zero.",
    },
}


ONE_WAY: dict[str, dict[str, str]] = {
    "destination": {"zh": "{}流出", "en": "left", "most_zh": "前往最多的地级市为", "most_en": "most went to"},
    "origin": {"zh": "到达{}", "en": "came to", "most_zh": "来自最多的地级市为", "most_en": "most came from"},
}


def not_shown(k: int, floor: int) -> list[Both]:
    """What is not shown, and why; k and floor are those of the contract disclosure.yaml."""
    return [{lang: text.format(k=k, floor=floor) for lang, text in both.items()} for both in NOT_SHOWN]


def headline(facts: dict[str, Any]) -> Both:
    """The figure in a sentence."""
    return _arrivals(facts) if facts["destination"] else _one_way(facts)


def caption(facts: dict[str, Any]) -> Both:
    """What a picture says of itself where it stands alone."""
    first, last, made = facts["first"], facts["last"], f"popflow {facts['version']}"
    return {
        "zh": f"{facts['title']['zh']} · {first} 至 {last} · 未公布不等于零 · {made}",
        "en": f"{facts['title']['en']} · {first} to {last} · not shown is not zero · {made}",
    }


def period(first: str, last: str) -> Both:
    """The dates in words."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    days = (end - start).days + 1
    if days == 1:
        return {"zh": f"{end.year} 年 {end.month} 月 {end.day} 日", "en": f"on {end.day} {end:%B %Y}"}
    same_year = start.year == end.year
    zh_end = f"{'' if same_year else f'{end.year} 年 '}{end.month} 月 {end.day} 日"
    return {
        "zh": f"{start.year} 年 {start.month} 月 {start.day} 日至 {zh_end}（{days} 天）",
        "en": f"from {start.day} {start:{'%B' if same_year else '%B %Y'}} to {end.day} {end:%B %Y} ({days} days)",
    }


def _one_way(facts: dict[str, Any]) -> Both:
    """Who left an area, or who came to a place, with the largest places at the other end."""
    series, words = facts["series"][0], ONE_WAY[facts["mapped"]["end"]]
    number, when, place = figure(series["summary"]), period(facts["first"], facts["last"]), series["area"]
    zh = f"{when['zh']}，{words['zh'].format(place['zh'])} {number['zh']}"
    en = f"{when['en'][0].upper()}{when['en'][1:]}, {number['en']} {words['en']} {place['en']}"
    top = _largest(series)
    if top is None:
        return {"zh": f"{zh}。", "en": f"{en}."}
    return {"zh": f"{zh}，{words['most_zh']}{top['zh']}。", "en": f"{en}; {words['most_en']} {top['en']}."}


def _largest(series: dict[str, Any]) -> Both | None:
    """The three largest places of the ranking with their shares."""
    top = [row for row in series["ranking"]["rows"] if row[0] == "shown"][:3]
    if not top:
        return None
    return {
        "zh": "、".join(f"{row[2]}（{row[10]:.1f}%）" for row in top),
        "en": ", ".join(f"{row[3]} ({row[10]:.1f} %)" for row in top),
    }


def _arrivals(facts: dict[str, Any]) -> Both:
    when, place = period(facts["first"], facts["last"]), facts["destination"]
    areas = [one["area"] for one in facts["series"]]
    figures = [(_with_what_it_holds(one["area"], areas), figure(one["summary"])) for one in facts["series"]]
    zh = "；".join(f"自{area['zh']} {number['zh']}" for area, number in figures)
    en = "; ".join(f"from {area['en']} {number['en']}" for area, number in figures)
    first = f"{when['en'][0].upper()}{when['en'][1:]}"
    return {"zh": f"{when['zh']}，到达{place['zh']}：{zh}。", "en": f"{first}, arrivals in {place['en']}: {en}."}


def _with_what_it_holds(area: Both, areas: list[Both]) -> Both:
    """The name of a province with those of its prefectures that stand beside it, so that nobody adds them up."""
    held = [
        one for one in areas if area["code"].endswith("0000") and one != area and one["code"][:2] == area["code"][:2]
    ]
    if not held:
        return area
    zh, en = "、".join(one["zh"] for one in held), ", ".join(one["en"] for one in held)
    return {"zh": f"{area['zh']}（含{zh}）", "en": f"{area['en']} ({en} included)"}
