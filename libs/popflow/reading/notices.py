"""What an analyst must know about a figure before it is used, in English and Chinese."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

from popflow.dates import spans

if TYPE_CHECKING:
    from popflow.reading.names import Place
    from popflow.reading.question import Question

Notice = dict[str, str]


def notices(summary: dict[str, Any], question: Question) -> list[Notice]:
    """The notices of an answer, the most important first; each has 'en' and 'zh'."""
    found = [_missing(summary), _incomplete(summary, question), _level(summary, question)]
    found += [_rest(summary, question), _trips(summary), _definitions(summary)]
    return [notice for notice in found if notice]


def figures_notices(summary: dict[str, Any], place: Place | None) -> list[Notice]:
    """The notices of a view over all chains: dates that it lacks, how far its bounds are apart, unit, definitions."""
    found = [_missing(summary), _open(summary, place) if place else None, _trips(summary), _definitions(summary)]
    return [notice for notice in found if notice]


def _open(summary: dict[str, Any], place: Place) -> Notice:
    low, high = summary["persons_at_least"], summary["persons_at_most"]
    share = summary.get("open_share_percent", 0.0)
    own = summary["from_own_province_at_least"]
    return {
        "en": f"{place.name_en}: at least {low:,} and at most {high:,} {summary['unit']} came; {share} % of the most "
        f"is open; at least {own:,} of them from its own province. Each origin's most may hold the same hidden people.",
        "zh": f"{place.name_zh}：到达至少 {low:,}，至多 {high:,}，未定部分占上限的 {share} %；"
        f"其中至少 {own:,} 来自本省。各来源地的上限可能含同一批未公布的人，不可相加。",
    }


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


def _missing(summary: dict[str, Any]) -> Notice | None:
    reasons = {
        "dates_missing": ("have no release", "尚未发布"),
        "dates_withdrawn": ("were withdrawn", "已撤回"),
        "dates_empty": ("had too few persons to show anything", "人数过少，未公布"),
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
