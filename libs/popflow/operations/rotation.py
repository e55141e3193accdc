"""A new key of the pseudonyms, in mid-history: every person table goes from the old keys to the new ones.

The register holds the tokens that both keys are made of, and presence those of SIMs without an entry, so each person
keeps one identity across the change and flows are what they would have been. What cannot be mapped (a SIM without an
entry that was silent for longer than presence is kept) stays under its old key until it ages out; how many is reported.
Keys are made in tasks, from the two files; never in a Spark expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from popflow.encryption.key_file import keys_file
from popflow.errors import PopflowError
from popflow.intake.keys import person_key, read_secret, sim_key
from popflow.operations.turns import one_at_a_time
from popflow.paths import local_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from popflow.lake import Lake

PERSON_TABLES = ("person_day", "person_state", "released_persons")
KEYED = ("person_key", "speaking_sim_key")
REGISTER_KEYS = ("person_key", "sim_key")
MAPPING = "old_key string, new_key string"


def rotate_person_key(lake: Lake, old: Path, new: Path) -> dict[str, int]:
    """Rewrite the register and the person tables under the new key; persons of each table that kept the old one.

    Run it under the lake's lock, between two nights; then let POPFLOW_KEY_FILE name the new file. Killed in between, it
    is run again: what is under the new key already stays. The old file is destroyed when retention has deleted the
    last version that it keyed; until then a mistake can be taken back by rotating from new to old.
    """
    old, new = local_path(old), local_path(new)  # tasks have a working folder of their own
    if read_secret(old) == read_secret(new):
        raise PopflowError(f"{new}: is the same key as {old}; make a new one of 32 random bytes")
    mapping = _mapping(lake, old, new).cache()
    left = {name: _rotate(lake, name, KEYED, mapping) for name in PERSON_TABLES if lake.exists(name)}
    _rotate(lake, "subscribers", REGISTER_KEYS, mapping)
    mapping.unpersist()
    return left


def encrypt_tables(lake: Lake) -> list[str]:
    """Write each restricted table anew under the newest master key, and remove its old files; the tables' names.

    What lies there plain, or was encrypted by a popflow that did not bind files to their names, is read too: run it
    when keys are new to a lake. Holds the lake's lock. Raises PopflowError without master keys.
    """
    keys_file()
    with one_at_a_time(lake, "encryption of the restricted tables"):
        lake.spark.sparkContext._jsc.hadoopConfiguration().set("popflow.unbound.files", "true")
        try:
            return [name for name in _restricted_tables(lake) if _write_anew(lake, name)]
        finally:
            lake.spark.sparkContext._jsc.hadoopConfiguration().unset("popflow.unbound.files")


def _restricted_tables(lake: Lake) -> list[str]:
    tables = lake.contracts.tables.items()
    return [name for name, one in tables if one.zone == "restricted" and not one.stored_in and lake.exists(name)]


def _write_anew(lake: Lake, name: str) -> bool:
    lake.rewrite(name)
    lake.vacuum(name, 0)
    return True


def _rotate(lake: Lake, table: str, columns: tuple[str, ...], mapping: DataFrame) -> int:
    from pyspark.sql import functions as F

    frame = lake.read(table)
    columns = tuple(column for column in columns if column in frame.columns)
    for column in columns:
        named = mapping.select(F.col("old_key").alias(column), "new_key")
        frame = frame.join(named, column, "left").withColumn(column, F.coalesce("new_key", column)).drop("new_key")
    lake.replace(table, frame)
    known = mapping.select(F.col("new_key").alias(columns[0]))
    return lake.read(table).select(columns[0]).distinct().join(known, columns[0], "left_anti").count()


def _mapping(lake: Lake, old: Path, new: Path) -> DataFrame:
    from pyspark.sql import functions as F

    registered = lake.read("subscribers").select("mno", "sim_token", "person_token")
    sims = [registered]
    if lake.exists("presence"):
        seen = lake.read("presence").select("mno", "sim_token").withColumn("person_token", F.lit(None).cast("string"))
        sims.append(seen)
    both = sims[0] if len(sims) == 1 else sims[0].unionByName(sims[1])
    return both.distinct().mapInArrow(_pairs_of(str(old), str(new)), MAPPING).distinct()


def _pairs_of(old: str, new: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def pairs(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        secrets = read_secret(old), read_secret(new)
        for batch in batches:
            rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            before, after = (_keys(secret, rows) for secret in secrets)
            yield pa.RecordBatch.from_pydict({"old_key": pa.array(before), "new_key": pa.array(after)})

    return pairs


def _keys(secret: bytes, rows: list[tuple[str, str, str | None]]) -> list[str]:
    sims = [sim_key(secret, mno, token) for mno, token, _ in rows]
    return sims + [person_key(secret, person) for _, _, person in rows if person is not None]
