"""What an analyst must know about a figure before it is used, in English and Chinese."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

from popflow.dates import spans

if TYPE_CHECKING:
    from popflow.reading.names import Place, Places
    from popflow.reading.question import Question

Notice = dict[str, str]
UNITS_ZH = {"persons": "人", "person-trips": "人次"}
MOST_NAMED = 5  # places that a notice names; of more it gives the number


def notices(summary: dict[str, Any], question: Question) -> list[Notice]:
    """The notices of an answer, the most important first; each has 'en' and 'zh'."""
    found = [missing_notice(summary), _incomplete(summary, question), _level(summary, question)]
    found += [_rest(summary, question), _trips(summary), _definitions(summary)]
    return [notice for notice in found if notice]


def figures_notices(summary: dict[str, Any], places: Places, place: Place | None) -> list[Notice]:
    """The notices of a view over all chains: what it lacks, how far its bounds are apart, unit, definitions."""
    found = [missing_notice(summary), _unknown(summary, places), _open(summary, place) if place else None]
    found += [_trips(summary), _definitions(summary)]
    return [notice for notice in found if notice]


def _unknown(summary: dict[str, Any], places: Places) -> Notice | None:
    """Names of the areas that show nothing on some date, since no figure is not a figure of 0."""
    codes = summary["origins_unknown"]
    if not codes:
        return None
    known = [places.get(level, code) for code in codes[:MOST_NAMED] for level in ("province", "prefecture")]
    named = [place for place in known if place]
    more = len(codes) - len(named)
    en = ", ".join([*(place.name_en for place in named), *([f"{more} others"] if more else [])])
    zh = "、".join(place.name_zh for place in named) + (f"等 {len(codes)} 地" if more else "")
    return {
        "en": f"On some of these dates nothing is published of who left {en}. Who came from there is not in the "
        "figures, and the most is unknown: an empty field, not zero.",
        "zh": f"部分日期没有公布自{zh}流出的任何数字：来自这些地方的人未计入，上限未知（留空，不是零）。",
    }


def _open(summary: dict[str, Any], place: Place) -> Notice:
    low, high = summary["persons_at_least"], summary["persons_at_most"]
    share, own = summary["open_share_percent"], summary["from_own_province_at_least"]
    if high is None:
        return {
            "en": f"{place.name_en}: at least {low:,} {summary['unit']} came, at least {own:,} of them from its own "
            "province. The most is unknown.",
            "zh": f"{place.name_zh}：到达至少 {low:,}，其中至少 {own:,} 来自本省；上限未知。",
        }
    return {
        "en": f"{place.name_en}: at least {low:,} and at most {high:,} {summary['unit']} came; {share} % of the most "
        f"is open; at least {own:,} of them from its own province. Each origin's most may hold the same hidden people.",
        "zh": f"{place.name_zh}：到达至少 {low:,}，至多 {high:,}，未定部分占上限的 {share} %；"
        f"其中至少 {own:,} 来自本省。各来源地的上限可能含同一批未公布的人，不可相加。",
    }


def figure(summary: dict[str, Any]) -> Notice:
    """A figure with its unit: exact, at least and at most, or at least alone where the most is unknown."""
    low, most, unit = f"{summary['persons_at_least']:,}", summary["persons_at_most"], summary["unit"]
    unit_zh = UNITS_ZH[unit]
    if most is None:
        return {"zh": f"至少 {low} {unit_zh}", "en": f"at least {low} {unit}"}
    high = f"{most:,}"
    if low == high:
        return {"zh": f"{low} {unit_zh}", "en": f"{low} {unit}"}
    if low == "0":
        return {"zh": f"0 至 {high} {unit_zh}（未单独公布）", "en": f"between 0 and {high} {unit} (not shown)"}
    return {"zh": f"至少 {low}、至多 {high} {unit_zh}", "en": f"at least {low} and at most {high} {unit}"}


def release_text(releases: dict[dt.date, int]) -> str:
    """The release of each date in short: '1', or '2020-01-15: 2; others: 1'."""
    if not releases:
        return ""
    usual = Counter(releases.values()).most_common(1)[0][0]
    others = [f"{date}: {number}" for date, number in sorted(releases.items()) if number != usual]
    return "; ".join([*others, f"others: {usual}"]) if others else str(usual)


def _level(summary: dict[str, Any], question: Question) -> Notice | None:
    """A level of which the dates show nothing at all."""
    if summary["persons_shown"] or not summary["persons_in_rests"]:
        return None
    return {
        "en": f"Nothing is shown by {question.level} on these dates: all of it is in rest rows. A coarser --level may "
        "show more.",
        "zh": "这些日期没有任何按所选级别公布的数字，全部在“其余”行中；较粗的级别可能有数字。",
    }


def missing_notice(summary: dict[str, Any]) -> Notice | None:
    reasons = {
        "dates_missing": ("have no release", "尚未发布"),
        "dates_withdrawn": ("were withdrawn", "已撤回"),
        "dates_empty": ("show nothing of it", "未公布任何相关数字"),
    }
    parts = [(_dates(summary[key]), *words) for key, words in reasons.items() if summary[key]]
    if not parts:
        return None
    asked, there = summary["dates_asked"], summary["dates_released"]
    en = "; ".join(f"{dates} {word}" for dates, word, _ in parts)
    zh = "；".join(f"{dates.replace(' to ', ' 至 ')}{word}" for dates, _, word in parts)
    return {
        "en": f"Figures hold {there} of {asked} dates: {en}. These dates are missing, they are not zero.",
        "zh": f"数字仅含 {asked} 天中的 {there} 天：{zh}。缺失日期不等于零。",
    }


def _incomplete(summary: dict[str, Any], question: Question) -> Notice | None:
    low, high = summary["persons_at_least"], summary["persons_at_most"]
    if low == high:
        return None
    what = question.destination or question.area
    if low == 0:
        return {
            "en": f"{what.name_en} is not shown on these dates: it is within rest rows of at most {high:,} "
            f"{summary['unit']} in all, so its figure lies between 0 and {high:,}.",
            "zh": f"{what.name_zh}在这些日期未单独公布：包含在合计不超过 {high:,} 的“其余”行中，"
            f"实际数介于 0 与 {high:,} 之间。",
        }
    return {
        "en": f"{what.name_en}: at least {low:,} and at most {high:,} {summary['unit']}; the difference is in rows "
        "that do not tell whose persons they hold.",
        "zh": f"{what.name_zh}：至少 {low:,}，至多 {high:,}；其差额在未单独公布的行中。",
    }


def _rest(summary: dict[str, Any], question: Question) -> Notice | None:
    rest, share = summary["persons_in_rests"], summary["rest_share_percent"]
    if not rest:
        return None
    return {
        "en": f"{share} % ({rest:,} {summary['unit']}) are in rest rows and not shown by {question.level}: groups too "
        "small to publish are kept together. A place without a row of its own is not shown; it is not zero.",
        "zh": f"{share} %（{rest:,}）在“其余”行中，未按所选级别公布：人数过少的组合并公布。"
        "没有单独列出的地区是“未公布”，不是零。",
    }


def _trips(summary: dict[str, Any]) -> Notice | None:
    if summary["unit"] == "persons":
        return None
    return {
        "en": "Figures are person-trips: the sum of each date's persons. Who left on two dates counts twice.",
        "zh": "数字为人次：各日人数之和。在两天离开的人计两次。",
    }


def _definitions(summary: dict[str, Any]) -> Notice | None:
    if ";" not in summary["definition"]:
        return None
    return {
        "en": f"The dates were made under several definitions ({summary['definition']}): compare with care.",
        "zh": f"各日期采用了不同定义（{summary['definition']}），比较时请注意。",
    }


def _dates(texts: list[str]) -> str:
    return spans([dt.date.fromisoformat(text) for text in texts])
