"""The columns of an answer as people read them: heading and meaning in Chinese and English, and format in Excel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """One column of an answer."""

    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    width: int = 12
    number_format: str = "General"


HEADINGS = {
    "area": Heading("地区", "Area", "所询问的地区", "The area that was asked about", 9),
    "kind": Heading(
        "类别",
        "Kind",
        "shown：已单独公布；rest：上级已知、下级未单独公布的其余部分；possible：可能属于所询地区，仅知上限；"
        "unknown：该出发地有日期未公布任何数字，上限未知",
        "shown: has a row of its own; rest: known of the parent, not shown for its children; possible: may belong to "
        "the place asked for, only the most is known; unknown: nothing is published of this origin on a date, so that "
        "the most is not known",
        10,
    ),
    "date": Heading("日期", "Date", "到达当日（北京时间）", "Local date (Asia/Shanghai)", 12, "yyyy-mm-dd"),
    "hour": Heading("整点", "Hour", "当日整点（北京时间）", "Full hour of the date (Asia/Shanghai)", 7, "0"),
    "county_code": Heading("区县代码", "County code", "GB/T 2260 代码", "GB/T 2260 code", 11),
    "county_name": Heading("区县", "County (Chinese)", "中文名", "Chinese name", 16),
    "county_name_en": Heading("区县（拼音）", "County", "拼音名", "Pinyin name", 22),
    "persons": Heading(
        "人数",
        "Persons",
        "取整到百；真实数相差不到 100",
        "Rounded to a hundred; the true number is less than 100 away",
        12,
        "#,##0",
    ),
    "index_at_least": Heading(
        "指数至少 %", "Index, at least", "指数的下限", "The least that the index can be", 12, "0.0"
    ),
    "index_percent": Heading(
        "指数 %", "Index %", "数字与其基准之比", "A figure in percent of what it is held against", 10, "0.0"
    ),
    "index_at_most": Heading("指数至多 %", "Index, at most", "指数的上限", "The most that the index can be", 12, "0.0"),
    "origin_level": Heading("出发地级别", "Origin level", "省、地级市或区县", "province, prefecture or county", 11),
    "origin_code": Heading("出发地代码", "Origin code", "GB/T 2260 代码", "GB/T 2260 code", 15),
    "origin_name": Heading("出发地", "Origin (Chinese)", "中文名", "Chinese name", 12),
    "origin_name_en": Heading("出发地（拼音）", "Origin", "英文或拼音名", "English or pinyin name", 14),
    "destination_level": Heading(
        "目的地级别", "Destination level", "省、地级市或区县", "province, prefecture or county", 12
    ),
    "destination_code": Heading(
        "目的地代码",
        "Destination code",
        "GB/T 2260 代码；rest_of_<上级代码> 为其余",
        "GB/T 2260 code; rest_of_<parent> for a rest",
        21,
    ),
    "destination_name": Heading("目的地", "Destination (Chinese)", "中文名", "Chinese name", 26),
    "destination_name_en": Heading("目的地（拼音）", "Destination", "英文或拼音名", "English or pinyin name", 32),
    "prefecture_code": Heading(
        "地级市代码", "Prefecture code", "目的地或该县所在地级市", "Prefecture of the destination or county", 12
    ),
    "prefecture_name": Heading("地级市", "Prefecture (Chinese)", "中文名", "Chinese name", 14),
    "prefecture_name_en": Heading("地级市（拼音）", "Prefecture", "英文或拼音名", "English or pinyin name", 16),
    "province_code": Heading(
        "省份代码", "Province code", "目的地或该县所在省份", "Province of the destination or county", 11
    ),
    "province_name": Heading("省份", "Province (Chinese)", "中文名", "Chinese name", 14),
    "province_name_en": Heading("省份（英文）", "Province", "英文名", "English name", 14),
    "persons_at_least": Heading(
        "至少",
        "At least",
        "已公布各行之和；各行相加等于总数",
        "Sum of what is shown; the rows add up to the whole",
        12,
        "#,##0",
    ),
    "persons_at_most": Heading(
        "至多",
        "At most",
        "再加上所有可能包含它的未单独公布的行",
        "That and every row that may hold more of it without showing it",
        12,
        "#,##0",
    ),
    "inflow_at_least": Heading("到达至少", "Came, at least", "各来源地已公布之和", "Sum of what is shown", 14, "#,##0"),
    "inflow_at_most": Heading("到达至多", "Came, at most", "含未公布的部分", "With what is hidden", 14, "#,##0"),
    "outflow_at_least": Heading("离开至少", "Left, at least", "已公布之和", "Sum of what is shown", 14, "#,##0"),
    "outflow_at_most": Heading("离开至多", "Left, at most", "含未公布的部分", "With what is hidden", 14, "#,##0"),
    "net_at_least": Heading(
        "净流入至少", "Net, at least", "到达至少减离开至多", "Came at least, less left at most", 14, "#,##0"
    ),
    "net_at_most": Heading(
        "净流入至多", "Net, at most", "到达至多减离开至少", "Came at most, less left at least", 14, "#,##0"
    ),
    "unit": Heading(
        "单位",
        "Unit",
        "persons：人；person-trips：人次（各日之和，同一人可计多次）",
        "persons; person-trips: the sum of each date's persons, one person may count several times",
        13,
    ),
    "share_percent": Heading(
        "占比 %", "Share %", "“至少”占总数的百分比", "At least, in percent of the whole outflow asked for", 9, "0.00"
    ),
    "dates_shown": Heading(
        "公布天数", "Dates shown", "该行有数字的天数", "Dates on which this row has a figure", 9, "0"
    ),
    "dates_released": Heading(
        "发布天数", "Dates released", "所询日期中已发布的天数", "Dates of the question with a release", 10, "0"
    ),
    "date_from": Heading("起始日期", "From", "所询首日（含）", "First date asked for, included", 12, "yyyy-mm-dd"),
    "date_to": Heading("截止日期", "To", "所询末日（含）", "Last date asked for, included", 12, "yyyy-mm-dd"),
    "dates_not_served": Heading(
        "缺失日期",
        "Dates not served",
        "未含在数字中的日期；不是零",
        "Dates that no figure holds; they are not zero",
        22,
    ),
    "definition": Heading("定义版本", "Definition", "指标定义的版本", "Version of the definition", 12),
    "release": Heading("发布号", "Release", "每个日期的发布号，从 1 开始", "Number of each date's release, from 1", 10),
}
IN_HUNDREDS = {  # where a column of the same name means something else
    "persons_at_least": Heading("至少", "At least", "数字的下限", "The least that the true number can be", 12, "#,##0"),
    "persons_at_most": Heading("至多", "At most", "数字的上限", "The most that the true number can be", 12, "#,##0"),
}
INDEX = ("index_at_least", "index_percent", "index_at_most")
NET = ("inflow_at_least", "inflow_at_most", "outflow_at_least", "outflow_at_most", "net_at_least", "net_at_most")
