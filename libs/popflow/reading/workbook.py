"""An answer as an Excel workbook: the table, and a sheet on how to read it, in Chinese and English."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xlsxwriter

from popflow.errors import PopflowError
from popflow.reading.headings import HEADINGS, IN_HUNDREDS, INDEX, NET, Heading
from popflow.reading.notices import figure

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

HEAD = {"bold": True, "font_color": "#FFFFFF", "bg_color": "#1F4E79", "text_wrap": True, "valign": "vcenter"}
REST = {"italic": True, "font_color": "#595959"}
WRAPPED = {"text_wrap": True, "valign": "top"}
LEADING = [
    "kind",
    "date",
    "hour",
    "county_code",
    "county_name",
    "county_name_en",
    "persons",
    *INDEX,
    "origin_name",
    "destination_code",
    "destination_name",
    "destination_name_en",
    "province_name",
    "prefecture_name",
    "persons_at_least",
    "persons_at_most",
    *NET,
    "unit",
    "share_percent",
    "dates_shown",
    "dates_released",
    "dates_not_served",
]
MOST_ROWS = 1_048_575  # of a sheet below its headings; the format has no more
FROZEN = (1, 4)  # the first row and the first four columns
READING = [
    (
        "没有单独列出的地区是“未公布”，不是零。人数过少的组合并为“其余”（rest）行，其名称写明所属上级。",
        "A place without a row of its own is not shown; it is not zero. Groups too small to publish are kept together "
        "in rest rows, which name the parent they belong to.",
    ),
    ("各行“至少”相加等于总数，包括“其余”行。", "The column 'At least' adds up to the whole, rest rows included."),
    (
        "“至多”为上限：各行的上限不可相加，因为同一未公布的行可能被多个目的地计入。",
        "'At most' is an upper bound of each row; these do not add up, since one rest may count for several places.",
    ),
    (
        "一天的数字是人；多天之和是人次，同一人可计多次。",
        "One date's figures are persons; a sum over dates is person-trips, and one person may count several times.",
    ),
]

READING_HUNDREDS = [
    ("没有数字的县是“未知”，不是零。", "A county without a figure is unknown; it is not zero."),
    (
        "每个数字是取整到百的人数；“至少”“至多”为其界限。",
        "Each figure is a number of persons rounded to a hundred; at least and at most are its bounds.",
    ),
]


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """Write an answer (see Reader.ask) with its notices; codes stay text, figures stay numbers.

    Raises PopflowError for more rows than a sheet holds.
    """
    if len(frame) > MOST_ROWS:
        raise PopflowError(
            f"{path.name}: {len(frame):,} rows, and a sheet of Excel holds {MOST_ROWS:,}; write .csv or .parquet, or "
            "ask for a coarser --level or fewer dates"
        )
    settings = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, settings) as book:
        if frame.columns.nlevels > 1:
            for bound in frame.columns.unique(0):
                _matrix_sheet(book, HEADINGS[str(bound)], frame.loc[:, [bound]].droplevel(0, axis=1))
        else:
            _data_sheet(book, frame)
        _reading_sheet(book, frame)


def _matrix_sheet(book: xlsxwriter.Workbook, bound: Heading, figures: pd.DataFrame) -> None:
    """One bound of a matrix: a row for each origin, a column for each destination, by their codes."""
    sheet, head = book.add_worksheet(f"{bound.zh} {bound.en}"), book.add_format(HEAD)
    form = book.add_format({"num_format": bound.number_format})
    sheet.freeze_panes(1, 1)
    sheet.write_string(0, 0, "出发地 \\ 目的地\nOrigin \\ destination", head)
    sheet.set_column(0, 0, 16, head)
    for number, code in enumerate(figures.columns, start=1):
        sheet.write_string(0, number, str(code), head)
    for row, (code, persons) in enumerate(zip(figures.index, figures.to_numpy().tolist(), strict=True), start=1):
        sheet.write_string(row, 0, str(code), head)
        for number, value in enumerate(persons, start=1):
            if _write_cell(sheet, row, number, value, form):
                raise PopflowError(f"row {row:,}: the workbook does not take it; write .csv or .parquet")


def _data_sheet(book: xlsxwriter.Workbook, frame: pd.DataFrame) -> None:
    columns = [name for name in LEADING if name in frame]
    columns += [name for name in frame.columns if name not in columns and name in HEADINGS]
    sheet = book.add_worksheet("数据 Data")
    sheet.freeze_panes(*FROZEN)
    sheet.autofilter(0, 0, len(frame), len(columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_row(0, 32)
    head = book.add_format(HEAD)
    of_rest = (frame["kind"] != "shown").tolist() if "kind" in frame else [False] * len(frame)
    for number, name in enumerate(columns):
        heading = HEADINGS[name]
        sheet.set_column(number, number, heading.width)
        sheet.write_string(0, number, f"{heading.zh}\n{heading.en}", head)
        own = {} if heading.number_format == "General" else {"num_format": heading.number_format}
        _write_column(sheet, number, frame[name].tolist(), of_rest, book.add_format(own), book.add_format(own | REST))


def _write_column(sheet: Worksheet, number: int, values: list[Any], of_rest: Any, own: Format, rest: Format) -> None:
    for row, (value, is_rest) in enumerate(zip(values, of_rest, strict=True), start=1):
        if _write_cell(sheet, row, number, value, rest if is_rest else own):
            raise PopflowError(
                f"row {row:,}, column {number + 1}: the workbook does not take it; write .csv or .parquet"
            )


def _write_cell(sheet: Worksheet, row: int, number: int, value: Any, form: Format) -> int:
    """Write a value by its own type, nothing for a missing one; returns XlsxWriter's answer, 0 where it is written."""
    if value is None or value is pd.NA or value != value:  # NaN and NaT are not equal to themselves
        return int(sheet.write_blank(row, number, None, form))
    if isinstance(value, int | float):
        return int(sheet.write_number(row, number, value, form))
    if isinstance(value, dt.date):
        return int(sheet.write_datetime(row, number, value, form))
    return int(sheet.write_string(row, number, str(value), form))


def _reading_sheet(book: xlsxwriter.Workbook, frame: pd.DataFrame) -> None:
    sheet = book.add_worksheet("说明 How to read")
    head, wrapped = book.add_format(HEAD), book.add_format(WRAPPED)
    for number, width in enumerate((26, 62, 74)):
        sheet.set_column(number, number, width)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, ("项目 Item", "中文", "English"), head)
    lines = [*_summary_lines(frame), *_notice_lines(frame), *_reading_lines(frame), *_column_lines(frame)]
    for row, line in enumerate(lines, start=1):
        sheet.write_row(row, 0, line, wrapped)


def _summary_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    summary: dict[str, Any] = frame.attrs.get("summary", {})
    if not summary:
        return []
    dates = f"{summary['dates_released']} / {summary['dates_asked']}"
    made = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    return [
        *([_total_line(summary)] if "persons_at_most" in summary else []),
        ("日期 Dates", f"已发布 / 所询：{dates}", f"released / asked for: {dates}"),
        ("发布号 Release", summary["release"], summary["release"]),
        ("定义 Definition", summary["definition"], summary["definition"]),
        ("生成 Made", made, made),
    ]


def _total_line(summary: dict[str, Any]) -> tuple[str, str, str]:
    text = figure(summary)
    return "总数 Total", text["zh"], text["en"]


def _notice_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    return [("请注意 Note", notice["zh"], notice["en"]) for notice in frame.attrs.get("notices", [])]


def _reading_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    lines = READING_HUNDREDS if frame.attrs.get("in_hundreds") else READING
    return [("读法 Reading", zh, en) for zh, en in lines]


def _column_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    headings = HEADINGS | (IN_HUNDREDS if frame.attrs.get("in_hundreds") else {})
    known = [(name, headings[name]) for name in frame.columns if name in headings]
    return [(f"{h.zh} {h.en}", f"{h.meaning_zh}（{name}）", f"{h.meaning_en} ({name})") for name, h in known]
