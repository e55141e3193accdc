"""The reduction in plain Spark SQL: slower, several passes, no DuckDB; the oracle of the fast one, and selectable.

`engine="spark"` gives the same presence, tallies (but `reduced_rows`) and quarantine from the same packs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from popflow.feeds import Feed
from popflow.intake import feed_sql, spark_tallies, spelling, token_form
from popflow.intake.packing import Pack
from popflow.intake.spark_rows import needed, rows_frame
from popflow.intake.spark_tallies import FILE_KEY, FileKey
from popflow.intake.storage import open_address
from popflow.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def reduced_by_spark(
    spark: SparkSession,
    packs: Sequence[Pack],
    feeds: Mapping[str, Feed],
    cells: Mapping[str, str],
    contract: Table,
    held: contextlib.ExitStack,
) -> DataFrame:
    """Rows of the contract `intake`, one per key; held: let go of what was read once the frame has been used."""
    frames = []
    tallied = spark_tallies.Tallied()
    for mno in sorted({pack.mno for pack in packs}):
        mine = [pack for pack in packs if pack.mno == mno]
        rows = rows_frame(spark, mine, feeds[mno]).persist()  # a file is read once, and stays what it was
        held.callback(rows.unpersist)
        whole = tallied.set_aside_whole(rows, mine)
        placed = classified(spark, _without(rows.where("verdict IS NULL"), whole), mine, feeds[mno], cells[mno])
        misfits = tallied.add(placed, feeds[mno], mine, whole)
        frames.append(_presence(_without(placed, misfits)))
    rows = spark.createDataFrame(tallied.rows(contract), contract.spark_schema())
    return functools.reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), [rows, *frames])


def _without(rows: DataFrame, files: set[FileKey]) -> DataFrame:
    """Rows of other files than these."""
    from pyspark.sql import functions as F

    if not files:
        return rows
    unwanted = rows.sparkSession.createDataFrame(sorted(files), ", ".join(f"{name} string" for name in FILE_KEY))
    return rows.join(F.broadcast(unwanted), list(FILE_KEY), "left_anti")


def classified(spark: SparkSession, rows: DataFrame, packs: Sequence[Pack], feed: Feed, cells: str) -> DataFrame:
    """One row per record: file key, row_number, reason (null: accepted), event_date, sim_token, county_code, slot."""
    from pyspark.sql import functions as F

    date = packs[0].delivery_date
    records = _records(rows, feed)
    local, absolute = (feed_sql.window(feed.fields.time, date, instants) for instants in (False, True))
    start = F.when(F.col("instants"), absolute.start).otherwise(local.start)
    since = F.floor(F.try_subtract(F.col("time"), start) / local.slot)  # null, so outside, at the ends of the type
    quarter = F.when(since.between(0, len(feed_sql.DAYS) * feed_sql.SLOTS_A_DAY - 1), since)
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
        *FILE_KEY, "row_number", "sim_token", "time", "cell", "event", reason.alias("reason"),
        F.date_add(F.lit(first), day).alias("event_date"),
        F.lpad(county.cast("string"), 6, "0").alias("county_code"),
        (F.col("quarter") % feed_sql.SLOTS_A_DAY).cast("int").alias("slot"),
        F.col("sim_token").rlike(rf"({'|'.join(feed_sql.SAMPLE_ENDS)})\z").alias("sampled"),
    )  # fmt: skip


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _presence(placed: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    kept = placed.where(F.col("reason").isNull())
    one = F.lit(1).cast("long")
    low = F.when(F.col("slot") < 48, F.call_function("shiftleft", one, F.col("slot")))
    high = F.when(F.col("slot") >= 48, F.call_function("shiftleft", one, F.col("slot") - 48))
    zero = F.lit(0).cast("long")
    grouped = kept.groupBy("mno", "delivery_id", "event_date", "sim_token", "county_code").agg(
        F.coalesce(F.bit_or(low), zero).alias("slots_lo"), F.coalesce(F.bit_or(high), zero).alias("slots_hi")
    )
    return grouped.withColumn("kind", F.lit("presence"))


def _cells(spark: SparkSession, address: str) -> DataFrame:
    system, path = open_address(address)
    return spark.createDataFrame(pq.read_table(path, filesystem=system))


def _records(rows: DataFrame, feed: Feed) -> DataFrame:
    """(file key, row_number, instants, sim_token, time, cell, event)."""
    from pyspark.sql import functions as F

    fields = feed.fields
    if feed.format == "csv":
        one = len((feed.delimiter or "").encode()) == 1
        line = F.col("line") if one else F.regexp_replace("line", r"\n+\z", "")
        rows = rows.withColumn("f", F.split(line, _literal(feed.delimiter or ""), -1))
        found = {
            name: F.get(F.col("f"), F.get(F.col("places"), F.lit(place)) - 1) for place, name in enumerate(needed(feed))
        }
    else:
        found = {name: F.col(f"c{place}") for place, name in enumerate(needed(feed))}
    found |= {name: F.lit(value) for name, value in feed.constants.items()}
    stamped = fields.time.kind.startswith("timestamp")
    records = rows.select(
        *FILE_KEY, "row_number", "instants", found[fields.sim_token.from_column].alias("sim_token"),
        (F.col("micros") if stamped else _time(feed, found[fields.time.from_column])).alias("time"),
        _cell(feed, [found[column] for column in fields.cell_id.from_columns]).alias("cell"),
        (found[fields.event.from_column] if fields.event else F.lit(None).cast("string")).alias("event"),
    )  # fmt: skip
    canonical = token_form.canonical_sql(fields.sim_token.pattern, "sim_token")
    return records.withColumn("sim_token", F.expr(canonical))


def _literal(text: str) -> str:
    return "".join(char if char.isalnum() else f"\\{char}" for char in text)


def _time(feed: Feed, text: Column) -> Column:
    from pyspark.sql import functions as F

    time = feed.fields.time
    if time.kind.startswith("epoch"):
        return _number(text, 10)
    form = time.format or ""
    moment = F.unix_micros(F.try_to_timestamp(text, F.lit(spelling.java_format(form))))
    return F.when(text.rlike(_whole(spelling.time_pattern(form))), moment)


def _number(text: Column, base: int) -> Column:
    """The number that a text spells, null where it spells none or one beyond a long."""
    from pyspark.sql import functions as F

    if base == 10:
        return F.when(text.rlike(_whole(spelling.DIGITS)), text.try_cast("long"))
    short = F.regexp_replace(text, "^0+(?=.)", "")  # what conv cannot hold becomes its largest
    spelt = text.rlike(_whole(spelling.HEX_DIGITS)) & (F.length(short) <= 16)
    return F.when(spelt, F.conv(short, 16, 10).try_cast("long"))


def _cell(feed: Feed, parts: list[Column]) -> Column:
    from pyspark.sql import functions as F

    field = feed.fields.cell_id
    prefix = [F.lit(field.prefix)] if field.prefix else []
    if field.base == "text":
        texts = [F.nullif(part, F.lit("")) for part in parts]
        return _joined([*prefix, *texts], field.separator)
    numbers = [_number(part, 16 if field.base == "hex" else 10) for part in parts]
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
