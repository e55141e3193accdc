"""An answer as an Excel workbook: the table, and a sheet on how to read it, in Chinese and English."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from popflow.publish.headings import HEADINGS

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

HEAD_FONT, HEAD_FILL = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="1F4E79")
REST_FONT = Font(italic=True, color="595959")
WRAPPED = Alignment(wrap_text=True, vertical="top")
LEADING = [
    "kind",
    "date",
    "origin_name",
    "destination_code",
    "destination_name",
    "destination_name_en",
    "province_name",
    "prefecture_name",
    "persons_at_least",
    "persons_at_most",
    "unit",
    "share_percent",
    "dates_shown",
    "dates_released",
    "dates_not_served",
]
FROZEN_BELOW = "E2"
UNITS_ZH = {"persons": "人", "person-trips": "人次", "person-blocks": "人（各期之和）"}
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


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """Write an answer (see Reader.outflow) with its notices; codes stay text, figures stay numbers."""
    book = Workbook(write_only=True)
    _data_sheet(book, frame)
    _reading_sheet(book, frame)
    book.save(path)


def _data_sheet(book: Workbook, frame: pd.DataFrame) -> None:
    columns = [name for name in LEADING if name in frame]
    columns += [name for name in frame.columns if name not in columns and name in HEADINGS]
    sheet = book.create_sheet("数据 Data")
    sheet.freeze_panes = FROZEN_BELOW
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(frame) + 1}"
    sheet.sheet_properties.pageSetUpPr = _fit_to_width()
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.print_title_rows = "1:1"
    for number, name in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = HEADINGS[name].width
    sheet.row_dimensions[1].height = 32
    sheet.append([_head(sheet, f"{HEADINGS[name].zh}\n{HEADINGS[name].en}") for name in columns])
    formats = [HEADINGS[name].number_format for name in columns]
    for row in frame[columns].itertuples(index=False, name=None):
        sheet.append([_cell(sheet, value, form, row[0] != "shown") for value, form in zip(row, formats, strict=True)])


def _reading_sheet(book: Workbook, frame: pd.DataFrame) -> None:
    sheet = book.create_sheet("说明 How to read")
    for letter, width in zip("ABC", (26, 62, 74), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    sheet.append([_head(sheet, text) for text in ("项目 Item", "中文", "English")])
    for item, zh, en in [*_summary_lines(frame), *_notice_lines(frame), *_reading_lines(), *_column_lines(frame)]:
        sheet.append([_wrapped(sheet, text) for text in (item, zh, en)])


def _summary_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    summary: dict[str, Any] = frame.attrs.get("summary", {})
    if not summary:
        return []
    low, high = f"{summary['persons_at_least']:,}", f"{summary['persons_at_most']:,}"
    exact = low == high
    unit_zh = UNITS_ZH[summary["unit"]]
    figure_zh = f"{low} {unit_zh}" if exact else f"至少 {low}，至多 {high} {unit_zh}"
    figure_en = f"{low} {summary['unit']}" if exact else f"at least {low}, at most {high} {summary['unit']}"
    dates = f"{summary['dates_released']} / {summary['dates_asked']}"
    made = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    return [
        ("总数 Total", figure_zh, figure_en),
        ("日期 Dates", f"已发布 / 所询：{dates}", f"released / asked for: {dates}"),
        ("发布号 Release", summary["release"], summary["release"]),
        ("定义 Definition", summary["definition"], summary["definition"]),
        ("生成 Made", made, made),
    ]


def _notice_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    return [("请注意 Note", notice["zh"], notice["en"]) for notice in frame.attrs.get("notices", [])]


def _reading_lines() -> list[tuple[str, str, str]]:
    return [("读法 Reading", zh, en) for zh, en in READING]


def _column_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    known = [(name, HEADINGS[name]) for name in frame.columns if name in HEADINGS]
    return [(f"{h.zh} {h.en}", f"{h.meaning_zh}（{name}）", f"{h.meaning_en} ({name})") for name, h in known]


def _head(sheet: WriteOnlyWorksheet, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.font, cell.fill, cell.alignment = HEAD_FONT, HEAD_FILL, Alignment(wrap_text=True, vertical="center")
    return cell


def _cell(sheet: WriteOnlyWorksheet, value: Any, number_format: str, is_rest: bool) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value)
    if number_format != "General":
        cell.number_format = number_format
    if is_rest:
        cell.font = REST_FONT
    return cell


def _wrapped(sheet: WriteOnlyWorksheet, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.alignment = WRAPPED
    return cell


def _fit_to_width() -> Any:
    from openpyxl.worksheet.properties import PageSetupProperties

    return PageSetupProperties(fitToPage=True)
