"""The same bitmaps by others' means, without checks, tallies or quarantine: what the intake is held against."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from intake_records import SUFFIX, D
from isal import igzip
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

DUCKDB_SOURCE = {
    "mobile": """SELECT sim, moment, '460-00-' || lac || '-' || ci AS cell_id FROM read_csv('{files}', delim='|',
        header=false, auto_detect=false, timestampformat='%Y%m%d%H%M%S',
        columns={{'sim': 'VARCHAR', 'moment': 'TIMESTAMP',
        'lac': 'VARCHAR', 'ci': 'VARCHAR', 'kind': 'VARCHAR', 'remark': 'VARCHAR'}})""",
    "unicom": """SELECT sim, make_timestamp(epoch_us(event_time_utc) + 28800000000) AS moment, cgi AS cell_id
        FROM read_parquet('{files}')""",
    "telecom": """SELECT sim, make_timestamp(ts * 1000 + 28800000000) AS moment, cell AS cell_id
        FROM read_json('{files}', format='newline_delimited',
        columns={{'sim': 'VARCHAR', 'ts': 'BIGINT', 'cell': 'VARCHAR', 'evt': 'VARCHAR'}})""",
}


def read_alone(landing: Path, mnos: list[str], threads: int) -> None:
    """Each file read, hashed and unzipped, of Parquet three columns decoded, and nothing made of it."""
    files = [path for mno in mnos for path in sorted(landing.glob(f"{mno}/{D}/*/*.{SUFFIX[mno]}"))]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_read_alone, files))


def _read_alone(path: Path) -> None:
    content = path.read_bytes()
    hashlib.sha256(content).digest()
    if path.suffix == ".parquet":
        pq.read_table(pa.BufferReader(content), columns=["sim", "event_time_utc", "cgi"], use_threads=False)
        return
    with igzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while file.read(1 << 18):
            pass


def duckdb_alone(landing: Path, mnos: list[str], threads: int, out: Path) -> None:
    """DuckDB's own readers, one query a format, all cores."""
    with duckdb.connect(config={"threads": threads, "preserve_insertion_order": "false"}) as db:
        for mno in mnos:
            cells = f"SELECT cell_id, county_code FROM '{landing}/cells.parquet' WHERE mno = '{mno}'"
            source = DUCKDB_SOURCE[mno].format(files=f"{landing}/{mno}/{D}/*/*.{SUFFIX[mno]}")
            db.execute(f"""
                COPY (SELECT sim, CAST(moment AS DATE) AS event_date, county_code,
                    bit_or(CASE WHEN slot < 48 THEN 1::BIGINT << slot ELSE 0 END) AS slots_lo,
                    bit_or(CASE WHEN slot >= 48 THEN 1::BIGINT << (slot - 48) ELSE 0 END) AS slots_hi
                FROM (SELECT *, CAST(hour(moment) * 4 + minute(moment) // 15 AS INTEGER) AS slot FROM ({source}))
                JOIN ({cells}) USING (cell_id) GROUP BY ALL) TO '{out}' (FORMAT parquet)""").fetchall()


def _spark_records(spark: SparkSession, landing: Path, mno: str) -> DataFrame:
    files = f"{landing}/{mno}/{D}/*/*.{SUFFIX[mno]}"
    local = F.expr("INTERVAL 8 HOURS")
    if mno == "mobile":
        schema = "sim string, at string, lac string, ci string, kind string, remark string"
        raw = spark.read.csv(files, sep="|", schema=schema)
        at, cell = F.to_timestamp("at", "yyyyMMddHHmmss"), F.concat(F.lit("460-00-"), "lac", F.lit("-"), "ci")
    elif mno == "unicom":
        raw = spark.read.parquet(files)
        at, cell = F.col("event_time_utc") + local, F.col("cgi")
    else:
        raw = spark.read.schema("sim string, ts long, cell string, evt string").json(files)
        at, cell = F.timestamp_millis("ts") + local, F.col("cell")
    cells = spark.read.parquet(f"{landing}/cells.parquet").where(F.col("mno") == mno).select("cell_id", "county_code")
    records = raw.select("sim", at.alias("at"), cell.alias("cell_id"))
    return records.join(F.broadcast(cells), "cell_id").withColumn("event_date", F.to_date("at"))


def spark_alone(spark: SparkSession, landing: Path, mnos: list[str], out: Path) -> None:
    """Spark's own readers and hash aggregate, one pass."""
    slot = F.hour("at") * 4 + F.floor(F.minute("at") / 15).cast("int")
    zero = F.lit(0).cast("long")
    low = F.when(F.col("slot") < 48, F.expr("shiftleft(1L, slot)")).otherwise(zero)
    high = F.when(F.col("slot") >= 48, F.expr("shiftleft(1L, slot - 48)")).otherwise(zero)
    for mno in mnos:
        records = _spark_records(spark, landing, mno).withColumn("slot", slot)
        slots = (F.bit_or(low).alias("slots_lo"), F.bit_or(high).alias("slots_hi"))
        grouped = records.groupBy("sim", "event_date", "county_code").agg(*slots)
        grouped.write.mode("overwrite").parquet(str(out))


def textbook(spark: SparkSession, landing: Path, mnos: list[str], out: Path) -> None:
    """dropDuplicates, join, and a window over each SIM's records in order: the runs of a SIM in a county."""
    order = Window.partitionBy("sim", "event_date").orderBy("at")
    moved = F.coalesce(F.lag("county_code").over(order) != F.col("county_code"), F.lit(True))
    span = (F.min("at").alias("since"), F.max("at").alias("until"))
    for mno in mnos:
        records = _spark_records(spark, landing, mno).dropDuplicates(["sim", "cell_id", "at"])
        runs = records.withColumn("moved", moved.cast("int")).withColumn("run", F.sum("moved").over(order))
        runs.groupBy("sim", "event_date", "run", "county_code").agg(*span).write.mode("overwrite").parquet(str(out))
