"""Records for the intake's benchmark, written once in the three formats: 250 a SIM and day, 2 % of them repeated."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path

import duckdb
from isal import igzip

D = dt.date(2020, 1, 22)
PREFIX = {"mobile": "460-00", "unicom": "460-01", "telecom": "460-11"}
SHARE = {"mobile": 0.58, "unicom": 0.20, "telecom": 0.22}
SUFFIX = {"mobile": "csv.gz", "unicom": "parquet", "telecom": "jsonl.gz"}
AREAS, PARTS = 8, 4  # files of an area cover six hours each: a SIM's day lies in four files of one area
RECORDS_A_SIM, CELLS = 250, 100_000
LINE = {
    "mobile": "sim || '|' || strftime(moment, '%Y%m%d%H%M%S') || '|' || lac || '|' || ci || '|' || kind || '|'",
    "telecom": """'{"sim":"' || sim || '","ts":' || epoch_ms(moment - INTERVAL 8 HOUR) || ',"cell":"460-11-'
        || lac || '-' || ci || '","evt":"' || substr('ADUCSP', kind + 1, 1) || '"}'""",
}


def generate(folder: Path, records: int) -> Path:
    """A landing folder with about so many records, and cells.parquet (contract `cell_to_county`); made once."""
    if (folder / "cells.parquet").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    with duckdb.connect() as db:
        for mno, share in SHARE.items():
            delivery = folder / mno / str(D) / "bench"
            delivery.mkdir(parents=True)
            per_file = max(int(records * share) // (AREAS * PARTS), 1)
            files = [_file(db, delivery, mno, area, part, per_file) for area in range(AREAS) for part in range(PARTS)]
            said = {"mno": mno, "event_date": str(D), "delivery_id": "bench", "files": files}
            (delivery / "manifest.json").write_text(json.dumps(said))
        _cells(db, folder / "cells.parquet")
    return folder


def _file(db: duckdb.DuckDBPyConnection, delivery: Path, mno: str, area: int, part: int, records: int) -> dict:
    path = delivery / f"{area}-{part}.{SUFFIX[mno]}"
    source = _records(mno, area, part, records)
    if mno == "unicom":
        db.execute(f"""
            COPY (SELECT sim, (moment - INTERVAL 8 HOUR) AT TIME ZONE 'UTC' AS event_time_utc,
                '460-01-' || lac || '-' || ci AS cgi,
                list_extract(['attach', 'detach', 'update', 'call', 'sms', 'data'], kind + 1) AS event
            FROM ({source})) TO '{path}' (FORMAT parquet, COMPRESSION zstd)""").fetchall()
    else:
        with igzip.open(path, "wb", compresslevel=1) as file:
            for batch in db.sql(f"SELECT {LINE[mno]} AS line FROM ({source})").to_arrow_reader(100_000):
                file.write(("\n".join(batch.column(0).to_pylist()) + "\n").encode())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "area": f"{area:06}", "bytes": path.stat().st_size, "sha256": digest, "rows": records}


def _records(mno: str, area: int, part: int, records: int) -> str:
    sims = max(records * PARTS // RECORDS_A_SIM, 1)
    salt = area * PARTS + part
    return f"""
        SELECT md5('{mno}-{area}-' || sim) AS sim,
            TIMESTAMP '{D}' + to_seconds(second) - to_days(CAST(other_day AS INTEGER)) AS moment,
            1 + place // 100 AS lac, 100000 + place AS ci, kind
        FROM (
            SELECT CAST(hash(n, {salt}, 1) % {sims} AS BIGINT) AS sim,
                CAST({part * 21600} + hash(n, {salt}, 2) % 21600 AS BIGINT) AS second,
                CASE WHEN hash(n, {salt}, 3) % 400 = 0 THEN 1 ELSE 0 END AS other_day,
                CAST(hash(hash(n, {salt}, 1) % {sims}, {area}) % {CELLS - 2} + hash(n, {salt}, 4) % 3 AS INTEGER)
                    AS place,
                CAST(hash(n, {salt}, 5) % 6 AS INTEGER) AS kind
            FROM (SELECT CASE WHEN range % 50 = 49 THEN range - 1 ELSE range END AS n FROM range({records})))"""


def _cells(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    prefixes = ", ".join(f"('{mno}', '{prefix}')" for mno, prefix in PREFIX.items())
    cells = f"""
        SELECT mno, prefix || '-' || (1 + n // 100) || '-' || (100000 + n) AS cell_id,
            CAST(420101 + n // 50 % 800 AS VARCHAR) AS county_code, CAST(1 AS DOUBLE) AS area_share,
            false AS is_border, DATE '2020-01-01' AS valid_from, CAST(NULL AS DATE) AS valid_to
        FROM range({CELLS}) cells(n), (VALUES {prefixes}) known(mno, prefix)"""
    db.execute(f"COPY ({cells}) TO '{path}' (FORMAT parquet)").fetchall()
