"""Every malformed input that MNOs send or could send: named and counted, while the other files go through."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_files import A, B, counts, mobile_bytes, mobile_line, reduce_files, telecom_bytes, unicom_bytes

from popflow.intake.parquet_columns import ParquetColumns

pytestmark = pytest.mark.usefixtures("engine")
GOOD = mobile_line(A, "2020-01-22 10:00:00", 1, 1)
SOUND = {"sound.csv.gz": (mobile_bytes((B, "2020-01-22 10:00:00", 1, 2)), 1)}
TEN_OCLOCK = 1 << 40


def mobile(folder: Path, content: bytes, rows: int, zipped: bool = True, **manifest) -> tuple[dict, list]:
    """What becomes of one file of the mobile feed beside a sound one, which always goes through."""
    text = gzip.compress(content) if zipped else content
    reduced = reduce_files(folder, "mobile", {"file.csv.gz": (text, rows)})
    if manifest:
        reduced = reduce_files(folder, "mobile", {"file.csv.gz": (text, rows)}, **manifest)
    beside = reduce_files(folder, "mobile", {"file.csv.gz": (text, rows)} | SOUND)
    assert counts(beside, "sound.csv.gz") == {"rows": 1, "accepted": 1}
    assert (B, "430102") in {row[1:3] for row in beside["presence"]}
    quarantined = [(reason, row) for name, reason, row in reduced["quarantine"] if name == "file.csv.gz"]
    return counts(reduced, "file.csv.gz"), quarantined


def whole(reason: str, rows: int) -> tuple[dict, list]:
    return {"rows": rows, reason: rows}, [(reason, None)]


def test_a_sound_file_has_nothing_in_quarantine(tmp_path: Path) -> None:
    assert mobile(tmp_path, f"{GOOD}\n".encode(), 1) == ({"rows": 1, "accepted": 1}, [])


def test_a_truncated_gzip_is_set_aside_whole(tmp_path: Path) -> None:
    lines = "".join(f"{mobile_line(hashlib.md5(bytes([i])).hexdigest(), '2020-01-22 10:00:00', 1, 1)}\n"
                    for i in range(200))  # fmt: skip
    short = gzip.compress(lines.encode())[:-2000]
    assert mobile(tmp_path, short, 200, zipped=False) == whole("file_damaged", 200)


def test_a_gzip_with_zeroed_bytes_is_set_aside_whole(tmp_path: Path) -> None:
    content = bytearray(mobile_bytes(*[(A, f"2020-01-22 10:{i:02}:00", 1, 1) for i in range(60)]))
    content[40:80] = bytes(40)
    assert mobile(tmp_path, bytes(content), 60, zipped=False) == whole("file_damaged", 60)


def test_a_file_that_is_no_gzip_is_set_aside_whole(tmp_path: Path) -> None:
    assert mobile(tmp_path, f"{GOOD}\n".encode(), 1, zipped=False) == whole("file_damaged", 1)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_named(tmp_path: Path, content: bytes) -> None:
    found, quarantined = mobile(tmp_path, content, 0, zipped=False)
    assert found["rows"] == 0
    assert quarantined[0][0] in ("file_empty", "file_damaged")


def test_blank_lines_keep_their_numbers(tmp_path: Path) -> None:
    text = f"{GOOD}\n\n{GOOD}\n\r\n{GOOD}\n{GOOD}\n"
    assert mobile(tmp_path, text.encode(), 6) == (
        {"rows": 6, "accepted": 4, "unparseable": 2},
        [("unparseable", 2), ("unparseable", 4)],
    )


def test_a_stray_carriage_return_stays_in_its_line(tmp_path: Path) -> None:
    text = f"{GOOD}free\rtext\n{GOOD}\n{GOOD.replace('|1|1', '|1|1' + chr(13) + '9')}\n{GOOD}\n"
    assert mobile(tmp_path, text.encode(), 4) == ({"rows": 4, "accepted": 3, "unparseable": 1}, [("unparseable", 3)])


def test_crlf_is_a_line_end_also_beside_lf(tmp_path: Path) -> None:
    bare = GOOD.rsplit("|", 2)[0]  # ends with the cell identity: a carriage return would be part of it
    assert mobile(tmp_path, f"{bare}\r\n{bare}\n{GOOD}\r\n{bare}".encode(), 4)[0] == {"rows": 4, "accepted": 4}


def test_a_line_of_five_megabytes_is_a_line(tmp_path: Path) -> None:
    text = f"{GOOD}\n{GOOD}{'x' * 5_000_000}\n{'x' * 5_000_000}\n{GOOD}\n"
    assert mobile(tmp_path, text.encode(), 4) == ({"rows": 4, "accepted": 3, "unparseable": 1}, [("unparseable", 3)])


def test_a_line_without_end_is_counted_and_not_held_in_memory(tmp_path: Path) -> None:
    text = f"{GOOD}\n{'x' * 20_000_000}\n{GOOD}\n"
    assert mobile(tmp_path, text.encode(), 3) == ({"rows": 3, "accepted": 2, "unparseable": 1}, [("unparseable", 2)])


def test_a_column_too_many_is_no_error(tmp_path: Path) -> None:
    assert mobile(tmp_path, f"{GOOD}note|with|delimiters\n{GOOD}\n".encode(), 2)[0] == {"rows": 2, "accepted": 2}


def test_a_delimiter_in_an_earlier_field_is_unparseable(tmp_path: Path) -> None:
    shifted = GOOD.replace(A, A[:16] + "|" + A[16:])
    assert mobile(tmp_path, f"{GOOD}\n{shifted}\n".encode(), 2)[1] == [("unparseable", 2)]


def test_other_columns_are_a_misfit(tmp_path: Path) -> None:
    # As a spreadsheet leaves it: other columns, times cut to minutes.
    text = "".join(f"{A},{i},{','.join('0' * 100)},12:0{i}.0\n" for i in range(5))
    assert mobile(tmp_path, text.encode(), 5) == whole("file_misfit", 5)


def test_a_byte_order_mark_is_no_part_of_the_first_token(tmp_path: Path) -> None:
    assert mobile(tmp_path, b"\xef\xbb\xbf" + f"{GOOD}\n{GOOD}\n".encode(), 2)[0] == {"rows": 2, "accepted": 2}


def test_invalid_utf8_costs_its_own_record_at_most(tmp_path: Path) -> None:
    text = f"{GOOD}\n{GOOD}".encode() + b"\xff\xfe\n" + GOOD.encode().replace(b"aa", b"\xffa", 1) + b"\n"
    assert mobile(tmp_path, text, 3) == ({"rows": 3, "accepted": 2, "no_token": 1}, [("no_token", 3)])


def test_nul_bytes_cost_their_own_record_at_most(tmp_path: Path) -> None:
    text = f"{GOOD}\0\n{GOOD.replace('|1|1', '|1|1' + chr(0))}\n{GOOD}\n\0\n{GOOD}\n{GOOD}\n".encode()
    found, quarantined = mobile(tmp_path, text, 6)
    assert found["rows"] == 6
    assert {row for _, row in quarantined} == {2, 4}


def test_a_wrong_count_sets_the_file_aside(tmp_path: Path) -> None:
    assert mobile(tmp_path, f"{GOOD}\n".encode(), 2) == whole("file_rows", 2)


def test_a_wrong_fingerprint_sets_the_file_aside(tmp_path: Path) -> None:
    assert mobile(tmp_path, f"{GOOD}\n".encode(), 1, sha256="0" * 64) == whole("file_hash", 1)


def test_times_of_1970_and_beyond_tomorrow_are_outside(tmp_path: Path) -> None:
    days = ["1970-01-01", "2020-01-20", "2020-01-21", "2020-01-22", "2020-01-23", "2020-01-24"]
    text = "".join(mobile_line(A, f"{day} 00:00:00", 1, 1) + "\n" for day in days)
    assert mobile(tmp_path, text.encode(), 6) == (
        {"rows": 6, "accepted": 1, "time_outside": 3},
        [("time_outside", 1), ("time_outside", 2), ("time_outside", 6)],
    )


def test_a_record_belongs_to_the_date_of_its_own_time(tmp_path: Path) -> None:
    records = [(A, f"2020-01-{day} 23:59:59", 1, 1) for day in (21, 22, 23)]
    reduced = reduce_files(tmp_path, "telecom", {"f.jsonl.gz": (telecom_bytes(*records), 3)})
    assert [(str(row[0]), row[4]) for row in reduced["presence"]] == [
        ("2020-01-21", 1 << 47), ("2020-01-22", 1 << 47), ("2020-01-23", 1 << 47)]  # fmt: skip


@pytest.mark.parametrize("token", ["", "a" * 31, "A" * 31, "z" * 32, f" {'a' * 31}"])
def test_a_token_that_is_empty_or_of_another_form_is_none(tmp_path: Path, token: str) -> None:
    text = f"{GOOD}\n{GOOD.replace(A, token)}\n{mobile_line(token, '2019-01-01 00:00:00', 1, 1)}\n{GOOD}\n{GOOD}\n"
    assert mobile(tmp_path, text.encode(), 5) == (
        {"rows": 5, "accepted": 3, "no_token": 2},
        [("no_token", 2), ("no_token", 3)],
    )


def test_an_unknown_cell_and_one_of_other_dates(tmp_path: Path) -> None:
    records = [(A, "2020-01-22 10:00:00", 1, ci) for ci in (99, 6, 1)]
    assert mobile(tmp_path, gzip.decompress(mobile_bytes(*records)), 3) == (
        {"rows": 3, "accepted": 1, "unknown_cell": 2},
        [("unknown_cell", 1), ("unknown_cell", 2)],
    )


def test_a_cell_counts_for_its_county_of_the_date(tmp_path: Path) -> None:
    records = [(A, "2020-01-21 10:00:00", 1, 5), (A, "2020-01-22 10:00:00", 1, 5)]
    reduced = reduce_files(tmp_path, "mobile", {"f.csv.gz": (mobile_bytes(*records), 2)})
    assert [(str(row[0]), row[2]) for row in reduced["presence"]] == [
        ("2020-01-21", "420102"),
        ("2020-01-22", "430102"),
    ]


def test_a_border_cell_counts_once_for_its_largest_county(tmp_path: Path) -> None:
    records = [(A, "2020-01-22 10:00:00", 1, 3), (B, "2020-01-22 10:00:00", 1, 4)]
    reduced = reduce_files(tmp_path, "mobile", {"f.csv.gz": (mobile_bytes(*records), 2)})
    assert [row[1:4] for row in reduced["presence"]] == [(A, "420104", TEN_OCLOCK), (B, "420102", TEN_OCLOCK)]


def test_only_the_first_hundred_rows_of_a_reason_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    text = "".join(f"{GOOD}\n\n" for _ in range(150))
    found, quarantined = mobile(tmp_path, text.encode(), 300)
    assert found == {"rows": 300, "accepted": 150, "unparseable": 150}
    assert quarantined == [("unparseable", 2 * n) for n in range(1, 101)] or sorted(r for _, r in quarantined) == [
        2 * n for n in range(1, 101)
    ]


def test_broken_json_lines(tmp_path: Path) -> None:
    good = gzip.decompress(telecom_bytes((A, "2020-01-22 10:00:00", 1, 1)))
    lines = good + b"{\n[1]\n" + good.replace(A.encode(), b"") + good * 4 + good.replace(b'"sim"', b'"other"')
    reduced = reduce_files(tmp_path, "telecom", {"f.jsonl.gz": (gzip.compress(lines), 9)})
    assert counts(reduced, "f.jsonl.gz") == {"rows": 9, "accepted": 5, "unparseable": 2, "no_token": 2}


def parquet(folder: Path, content: bytes, rows: int) -> tuple[dict, list]:
    """What becomes of one file of the unicom feed beside a sound one."""
    sound = {"sound.parquet": (unicom_bytes((B, "2020-01-22 10:00:00", 1, 2)), 1)}
    reduced = reduce_files(folder, "unicom", {"file.parquet": (content, rows)} | sound)
    assert counts(reduced, "sound.parquet") == {"rows": 1, "accepted": 1}
    quarantined = [(reason, row) for name, reason, row in reduced["quarantine"] if name == "file.parquet"]
    return counts(reduced, "file.parquet"), quarantined


UNICOM = unicom_bytes((A, "2020-01-22 10:00:00", 1, 1), (A, "2020-01-22 10:00:00", 1, 99))


def test_parquet_rows_keep_their_numbers(tmp_path: Path) -> None:
    assert parquet(tmp_path, UNICOM, 2) == ({"rows": 2, "accepted": 1, "unknown_cell": 1}, [("unknown_cell", 2)])


def test_a_broken_footer_sets_the_file_aside(tmp_path: Path) -> None:
    assert parquet(tmp_path, UNICOM[:-20] + bytes(20), 2) == whole("file_damaged", 2)
    assert parquet(tmp_path, UNICOM[:-8], 2) == whole("file_damaged", 2)


def test_a_broken_page_sets_the_file_aside(tmp_path: Path) -> None:
    content = bytearray(UNICOM)
    content[4:60] = bytes(56)
    assert parquet(tmp_path, bytes(content), 2) == whole("file_damaged", 2)


@pytest.mark.parametrize("engine", ["kernel", "duckdb"], indirect=True)  # the patch is of this process alone
def test_a_footer_that_counts_other_rows_than_there_are_sets_the_file_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ParquetColumns.batches
    monkeypatch.setattr(ParquetColumns, "batches", lambda self: (batch.slice(self.rows - 1) for batch in real(self)))
    assert parquet(tmp_path, UNICOM, 2) == whole("file_damaged", 2)


def test_parquet_with_zero_rows_is_named(tmp_path: Path) -> None:
    assert parquet(tmp_path, unicom_bytes(), 0) == ({"rows": 0, "file_empty": 0}, [("file_empty", None)])


def rewritten(change) -> bytes:
    sink = io.BytesIO()
    pq.write_table(change(pq.read_table(io.BytesIO(UNICOM))), sink)
    return sink.getvalue()


def test_parquet_with_other_columns_is_set_aside(tmp_path: Path) -> None:
    assert parquet(tmp_path, rewritten(lambda t: t.drop_columns(["cgi"])), 2) == whole("file_columns", 2)
    text_time = rewritten(lambda t: t.set_column(1, "event_time_utc", pa.array(["x", "y"])))
    assert parquet(tmp_path, text_time, 2) == whole("file_columns", 2)


def test_parquet_with_a_column_more_is_read(tmp_path: Path) -> None:
    more = rewritten(lambda t: t.append_column("row_number", pa.array([7, 8])))
    assert parquet(tmp_path, more, 2)[0] == {"rows": 2, "accepted": 1, "unknown_cell": 1}


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    from landing_files import D, cell_table, load, reduction

    feed = load().feeds["mobile"]
    reduce_files(tmp_path, "mobile", SOUND)
    pack = reduction.Pack("mobile", "d1", D, [reduction.PackFile(str(tmp_path / "gone"), "gone", "", 1, "0" * 64, 3)])
    schema = load().table("intake").arrow_schema()
    cells = str(tmp_path / "cells-mobile.parquet")
    assert cell_table
    rows = [r for b in reduction.reduce_pack(pack, feed, cells, schema, reduction.Limits()) for r in b.to_pylist()]
    assert [r["reason"] for r in rows if r["kind"] == "quarantine"] == ["file_missing"]
