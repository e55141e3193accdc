"""The register of SIMs: who holds which, from the user's file into `subscribers`, keyed on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from popflow.errors import PopflowError
from popflow.intake import keys
from popflow.paths import for_spark, literal_reader, normal

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from popflow.lake import Lake

COLUMNS = ("mno", "sim_token", "person_token", "line_kind")
OPTIONAL = {"line_kind": "person"}
LINE_KINDS = ("person", "data_only", "iot")


def load_subscribers(lake: Lake, files: str | Sequence[str], as_of: dt.date) -> int:
    """Load an edition of the register, and return its number of SIMs.

    files: CSV with a header, or Parquet, with the columns mno, sim_token, person_token and, where the user has it,
    line_kind (person by default); other columns are not read. It takes the place of an edition with the same as_of.
    Raises PopflowError for a missing column, a line kind out of form, an empty token, and a SIM twice; a message names
    file and count, never a token. person_key and sim_key are computed in tasks, from the key file.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    addresses = [files] if isinstance(files, str) else list(files)
    key_path = str(keys.key_file(lake))
    read = _all_of([_read(lake, address) for address in addresses])
    rows = _checked(lake, read, ", ".join(addresses))
    contract = lake.contracts.table("subscribers")
    keys_and_lines = pa.schema([field for field in contract.arrow_schema() if field.name != "mno_mask"])
    keyed = read.mapInArrow(_KeyTask(key_path, as_of, keys_and_lines), from_arrow_schema(keys_and_lines))
    lake.replace("subscribers", with_mno_masks(keyed, lake.contracts.mno_bits()), as_of=as_of)
    return rows


def edition_on(lake: Lake, date: dt.date) -> dt.date | None:
    """The edition of the register that holds on a date, the newest not younger; None without one. No row is read."""
    editions = {dt.date.fromisoformat(one["as_of"]) for one in lake.partitions("subscribers")}
    return max((edition for edition in editions if edition <= date), default=None)


def with_mno_masks(register: DataFrame, mno_bits: Mapping[str, int]) -> DataFrame:
    """The register with mno_mask: the MNOs at which each SIM's person has a SIM of any kind, active or not."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    mask = F.bit_or(mno_bit(mno_bits)).over(Window.partitionBy("person_key"))
    return register.withColumn("mno_mask", mask)


def mno_bit(mno_bits: Mapping[str, int]) -> Column:
    """The bit of a row's MNO in mno_mask."""
    from pyspark.sql import functions as F

    cases = [F.when(F.col("mno") == mno, F.lit(1 << bit)) for mno, bit in mno_bits.items()]
    return F.coalesce(*cases).cast("int")


def _read(lake: Lake, address: str) -> DataFrame:
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    place, reader = for_spark(normal(address)), literal_reader(lake.spark)
    try:
        if address.endswith((".csv", ".csv.gz")):
            frame = reader.csv(place, header=True, inferSchema=False, mode="FAILFAST")
        else:
            frame = reader.parquet(place)
    except AnalysisException:
        raise PopflowError(f"{address}: no such register; it is a CSV file with a header, or Parquet") from None
    for column in COLUMNS:
        if column not in frame.columns and column not in OPTIONAL:
            raise PopflowError(f"{address}: {column}: the register lacks this column")
    given = {column: F.col(column) if column in frame.columns else F.lit(OPTIONAL[column]) for column in COLUMNS}
    return frame.select(*(expression.cast("string").alias(column) for column, expression in given.items()))


def _all_of(frames: list[DataFrame]) -> DataFrame:
    union = frames[0]
    for frame in frames[1:]:
        union = union.unionByName(frame)
    return union


def _checked(lake: Lake, read: DataFrame, named: str) -> int:
    from pyspark.sql import functions as F

    known = sorted(feed.mno for feed in lake.contracts.feeds.values())
    # A condition on null is null, and a sum leaves it out: each fault is written so that null is a fault.
    faults = {
        f"mno: not one of {', '.join(known)}": ~F.coalesce(F.col("mno").isin(known), F.lit(False)),
        "sim_token: empty": F.coalesce(F.trim("sim_token"), F.lit("")) == "",
        "person_token: empty": F.coalesce(F.trim("person_token"), F.lit("")) == "",
        f"line_kind: not one of {', '.join(LINE_KINDS)}": ~F.coalesce(
            F.col("line_kind").isin(*LINE_KINDS), F.lit(False)
        ),
    }
    sums = [F.sum(fault.cast("long")).alias(str(number)) for number, fault in enumerate(faults.values())]
    found = read.agg(F.count(F.lit(1)).alias("rows"), *sums).first()
    assert found is not None
    if not found["rows"]:
        raise PopflowError(f"{named}: the register has no rows")
    for number, fault in enumerate(faults):
        if found[str(number)]:
            raise PopflowError(f"{named}: {fault} in {found[str(number)]} row(s)")
    twice = read.groupBy("mno", "sim_token").count().where("count > 1").agg(F.count(F.lit(1)), F.sum("count")).first()
    if twice is not None and twice[0]:
        raise PopflowError(f"{named}: sim_token: {twice[0]} SIM(s) stand there more than once, in {twice[1]} rows; "
                           "an edition has each SIM once")  # fmt: skip
    return int(found["rows"])


class _KeyTask:
    """What runs in a task: rows of the register in, rows of `subscribers` out; the key is read here and stays here."""

    def __init__(self, key_path: str, as_of: dt.date, schema: pa.Schema) -> None:
        self._key_path, self._as_of, self._schema = key_path, as_of, schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        secret = keys.read_secret(self._key_path)
        for batch in batches:
            column = {name: batch.column(name).to_pylist() for name in COLUMNS}
            sims = zip(column["mno"], column["sim_token"], strict=True)
            made = column | {
                "as_of": [self._as_of] * batch.num_rows,
                "person_key": [keys.person_key(secret, token) for token in column["person_token"]],
                "sim_key": [keys.sim_key(secret, mno, token) for mno, token in sims],
            }
            yield pa.RecordBatch.from_pydict(made, schema=self._schema)
