"""The reduction in plain Spark SQL: slower, several passes, no DuckDB; the oracle of the fast one, and selectable.

`engine="spark"` gives the same presence, tallies (but `reduced_rows`) and quarantine from the same packs.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from popflow.contracts import Feed, Table
from popflow.errors import PopflowError
from popflow.intake import feed_sql, spark_tallies, tasks, token_form
from popflow.intake.file_checks import WholeFile, parquet_copy, parquet_shape, positions, text_lines
from popflow.intake.packing import Pack, PackFile
from popflow.intake.storage import open_address, task_scratch

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FILE_KEY = ("mno", "delivery_id", "file")
VERDICTS = pa.schema([("address", pa.string()), ("reason", pa.string())])
JAVA = {"%Y": "yyyy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss", "%z": "[XXX][XX][X]",
        "%f": "".join(f"[{'S' * digits}]" for digits in range(6, 0, -1))}  # fmt: skip


def reduced_by_spark(
    spark: SparkSession, packs: Sequence[Pack], feeds: Mapping[str, Feed], cells: Mapping[str, str], contract: Table
) -> DataFrame:
    """Rows of the contract `intake`, one per key."""
    schema = contract.spark_schema()
    verdicts = _verdicts(spark, packs, feeds)
    whole = [(pack, file, verdicts[file.address]) for pack in packs for file in pack.files if verdicts[file.address]]
    sound = [
        pack._replace(files=files)
        for pack in packs
        if (files := [file for file in pack.files if not verdicts[file.address]])
    ]
    frames = []
    tallied = spark_tallies.Tallied.of_whole_files(whole)
    for mno in sorted({pack.mno for pack in sound}):
        mine = [pack for pack in sound if pack.mno == mno]
        placed = classified(spark, mine, feeds[mno], cells[mno])
        misfits = tallied.add(placed, feeds[mno], mine)
        frames.append(_presence(placed, misfits))
    rows = spark.createDataFrame(tallied.rows(contract), schema)
    return functools.reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), [rows, *frames])


class _Inspection:
    """What runs in a task: each file's fingerprint, damage, columns and row count, in plain Python."""

    def __init__(self, feeds: Mapping[str, Feed]) -> None:
        self._feeds = dict(feeds)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text in batch.column("files").to_pylist():
                pack = tasks.unpacked(text)
                reasons = [_verdict(file, self._feeds[pack.mno]) for file in pack.files]
                yield pa.record_batch([[file.address for file in pack.files], reasons], schema=VERDICTS)


def _verdicts(spark: SparkSession, packs: Sequence[Pack], feeds: Mapping[str, Feed]) -> dict[str, str]:
    rows = [(number, tasks.packed(pack)) for number, pack in enumerate(packs)]
    if not rows:
        return {}
    frame = spark.createDataFrame(rows, "pack int, files string").repartitionById(len(rows), "pack")
    found = frame.mapInArrow(_Inspection(feeds), "address string, reason string").collect()
    return {row["address"]: row["reason"] for row in found}


def _verdict(file: PackFile, feed: Feed) -> str:
    try:
        rows = _parquet_rows(file, feed) if feed.format == "parquet" else _text_rows(file, feed)
    except WholeFile as verdict:
        return verdict.reason
    if rows != file.rows:
        return "file_rows"
    return "" if rows else "file_empty"


def _text_rows(file: PackFile, feed: Feed) -> int:
    with text_lines(file, feed) as lines:
        positions(feed, lines, file)
        try:
            for _ in lines.reader():
                pass
        except Exception:
            lines.raise_damage(file)
            raise
        lines.check(file)
        return lines.rows


def _parquet_rows(file: PackFile, feed: Feed) -> int:
    with task_scratch() as scratch, parquet_copy(file, scratch) as path:
        return parquet_shape(path, feed)[1]


def classified(spark: SparkSession, packs: Sequence[Pack], feed: Feed, cells: str) -> DataFrame:
    """One row per record: file key, position, reason (null: accepted), event_date, sim_token, county, slot, sample."""
    from pyspark.sql import functions as F

    date = packs[0].delivery_date
    records, zone_aware = _records(spark, packs, feed)
    frame = feed_sql.window(feed.fields.time, date, zone_aware)
    inside = (F.col("time") >= frame.start) & (F.col("time") < frame.end)
    quarter = F.when(inside, F.floor((F.col("time") - frame.start) / frame.slot))
    joined = records.withColumn("quarter", quarter).join(_cells(spark, cells), "cell", "left")
    day = F.floor(F.col("quarter") / feed_sql.SLOTS_A_DAY).cast("int")
    county = F.when(day == 0, F.col("day_0")).when(day == 1, F.col("day_1")).otherwise(F.col("day_2"))
    has_token = F.coalesce(F.col("sim_token").rlike(_whole(feed.fields.sim_token.pattern)), F.lit(False))
    reason = (
        F.when(F.col("time").isNull() | F.col("cell").isNull(), "unparseable")
        .when(~has_token, "no_token")
        .when(F.col("quarter").isNull(), "time_outside")
        .when(county.isNull(), "unknown_cell")
    )
    first = date + dt.timedelta(days=feed_sql.DAYS[0])
    return joined.select(
        *FILE_KEY, "position", "block", "sim_token", "time", "cell", "event", reason.alias("reason"),
        F.date_add(F.lit(first), day).alias("event_date"),
        F.lpad(county.cast("string"), 6, "0").alias("county_code"),
        (F.col("quarter") % feed_sql.SLOTS_A_DAY).cast("int").alias("slot"),
        F.col("sim_token").rlike(f"({'|'.join(feed_sql.SAMPLE_ENDS)})$").alias("sampled"),
    )  # fmt: skip


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _presence(placed: DataFrame, misfits: list[spark_tallies.FileKey]) -> DataFrame:
    from pyspark.sql import functions as F

    kept = placed.where(F.col("reason").isNull())
    for key in misfits:
        kept = kept.where(
            ~functools.reduce(lambda a, b: a & b, [F.col(c) == v for c, v in zip(FILE_KEY, key, strict=True)])
        )
    one = F.lit(1).cast("long")
    low = F.when(F.col("slot") < 48, F.call_function("shiftleft", one, F.col("slot")))
    high = F.when(F.col("slot") >= 48, F.call_function("shiftleft", one, F.col("slot") - 48))
    zero = F.lit(0).cast("long")
    grouped = kept.groupBy("mno", "delivery_id", "event_date", "sim_token", "county_code").agg(
        F.coalesce(F.bit_or(low), zero).alias("slots_lo"), F.coalesce(F.bit_or(high), zero).alias("slots_hi")
    )
    return grouped.withColumn("kind", F.lit("presence"))


def _cells(spark: SparkSession, address: str) -> DataFrame:
    return spark.read.parquet(_for_spark(address))


def _for_spark(address: str) -> str:
    return address.replace("s3://", "s3a://", 1)


def _records(spark: SparkSession, packs: Sequence[Pack], feed: Feed) -> tuple[DataFrame, bool]:
    """(file key, position, block, sim_token, time, cell, event), and whether times are instants."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import TimestampNTZType, TimestampType

    paths = [_for_spark(file.address) for pack in packs for file in pack.files]
    if feed.format == "parquet":
        raw = spark.read.option("mergeSchema", "true").parquet(*paths)
        columns = {name: F.col(f"`{name}`") for name in raw.columns}
        numbered = raw.select("*", F.col("_metadata.row_index").alias("position"), *_file_columns())
        kind = raw.schema[feed.fields.time.from_column].dataType
        is_timestamp = isinstance(kind, TimestampType | TimestampNTZType)
        aware = isinstance(kind, TimestampType)
    else:
        raw = spark.read.text(paths, lineSep="\n").where(F.lit(True))
        numbered = raw.select("value", F.monotonically_increasing_id().alias("position"), *_file_columns())
        numbered, columns = _fields(numbered, packs, feed)
        is_timestamp = aware = False
    named = columns | {name: F.lit(value) for name, value in feed.constants.items()}
    time = named[feed.fields.time.from_column]
    event = named[feed.fields.event.from_column].cast("string") if feed.fields.event else F.lit(None).cast("string")
    records = numbered.select(
        "path", "position", "block",
        named[feed.fields.sim_token.from_column].cast("string").alias("sim_token"),
        (F.unix_micros(time.cast("timestamp")) if is_timestamp else _time(feed, time)).alias("time"),
        _cell(feed, [named[column] for column in feed.fields.cell_id.from_columns]).alias("cell"),
        event.alias("event"),
    )  # fmt: skip
    canonical = token_form.canonical_sql(feed.fields.sim_token.pattern, "sim_token")
    records = records.withColumn("sim_token", F.expr(canonical))
    return records.join(F.broadcast(_files(spark, packs, raw.inputFiles())), "path").drop("path"), aware


def _file_columns() -> list[Column]:
    from pyspark.sql import functions as F

    return [F.col("_metadata.file_path").alias("path"), F.col("_metadata.file_block_start").alias("block")]


def _files(spark: SparkSession, packs: Sequence[Pack], uris: list[str]) -> DataFrame:
    own = {open_address(file.address)[1]: (pack, file) for pack in packs for file in pack.files}
    rows = []
    for uri in uris:
        path = next(path for path in own if unquote(uri).endswith(path))
        pack, file = own[path]
        rows += [(spelled, pack.mno, pack.delivery_id, file.name) for spelled in {uri, *_spellings(uri)}]
    return spark.createDataFrame(rows, "path string, mno string, delivery_id string, file string")


def _spellings(uri: str) -> list[str]:
    # _metadata writes file:///x where inputFiles writes file:/x in some versions.
    scheme, _, rest = uri.partition(":")
    return [f"file:///{rest.lstrip('/')}", f"file:/{rest.lstrip('/')}"] if scheme == "file" else [uri]


def _fields(lines: DataFrame, packs: Sequence[Pack], feed: Feed) -> tuple[DataFrame, dict[str, Column]]:
    from pyspark.sql import functions as F

    line = F.regexp_replace(F.col("value"), "^\ufeff|\r$", "")
    if feed.format == "jsonl":
        named = lines.withColumn("line", line)
        return named, {c: F.get_json_object("line", f"$['{c}']") for c in feed.fields.needed_columns()}
    if feed.header:
        raise PopflowError(f"{feed.feed}: engine spark reads no csv files with a header; use engine duckdb")
    split = lines.withColumn("f", F.split(line, "\\Q" + (feed.delimiter or "") + "\\E", -1))
    return split, {name: F.get(F.col("f"), F.lit(place)) for place, name in enumerate(feed.columns)}


def _time(feed: Feed, text: Column) -> Column:
    from pyspark.sql import functions as F

    time = feed.fields.time
    if time.kind.startswith("epoch"):
        return text.cast("string").try_cast("long")
    pattern = time.format or ""
    for directive, letters in JAVA.items():
        pattern = pattern.replace(directive, letters)
    pattern = pattern.replace("T", "'T'")
    return F.unix_micros(F.try_to_timestamp(text.cast("string"), F.lit(pattern)))


def _cell(feed: Feed, parts: list[Column]) -> Column:
    from pyspark.sql import functions as F

    field = feed.fields.cell_id
    prefix = [F.lit(field.prefix)] if field.prefix else []
    if field.base == "text":
        texts = [F.nullif(part.cast("string"), F.lit("")) for part in parts]
        return _joined([*prefix, *texts], field.separator)
    base = 16 if field.base == "hex" else 10
    digits = r"^[0-9A-Fa-f]{1,15}$" if base == 16 else r"^\d{1,18}$"
    numbers = [
        F.when(part.cast("string").rlike(digits), F.conv(part.cast("string"), base, 10).cast("long")) for part in parts
    ]
    if not feed_sql.cell_key_is_number(feed):
        return _joined([*prefix, *(number.cast("string") for number in numbers)], field.separator)
    if len(numbers) == 1:
        return numbers[0]
    fits = (numbers[0] < 1 << feed_sql.CELL_AREA_BITS) & (numbers[1] < 1 << feed_sql.CELL_PART_BITS)
    return F.when(fits, numbers[0] * (1 << feed_sql.CELL_PART_BITS) + numbers[1])


def _joined(parts: list[Column], separator: str) -> Column:
    from pyspark.sql import functions as F

    # concat, other than concat_ws, is null where a part is.
    spaced = [piece for part in parts for piece in (F.lit(separator), part)][1:]
    return F.concat(*spaced)
