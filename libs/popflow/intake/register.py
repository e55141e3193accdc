"""The register of SIMs: who holds which, from the user's files into `subscribers`, keyed on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from popflow.errors import PopflowError
from popflow.intake import keys
from popflow.intake.register_files import COLUMNS, Forms, register_batches, verdict

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from popflow.lake import Lake

READ = pa.schema([(name, pa.string()) for name in COLUMNS])
VERDICT = pa.schema([("rows", pa.int64()), ("fault", pa.string()), ("lengths", pa.list_(pa.int64()))])


def load_subscribers(lake: Lake, files: str | Sequence[str], as_of: dt.date) -> int:
    """Load an edition of the register, and return its number of SIMs.

    files: CSV with a header, or Parquet, or folders of such, with the columns mno, sim_token, person_token and, where
    the user has it, line_kind (person by default); other columns are not read. A task reads a file. It takes the place
    of an edition with the same as_of. Tokens are brought into their canonical form (popflow.intake.token_form).
    Raises PopflowError for a missing column, a line kind out of form, a token that is empty, no pseudonym
    or out of form, person tokens of several lengths, a SIM twice, and a person with more SIMs than the contract allows;
    a message names file, row and kind of fault, never a value. person_key and sim_key are computed in tasks, from the
    key file.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    paths = [path for one in ([files] if isinstance(files, str) else files) for path in _files_of(Path(one))]
    contract, forms = lake.contracts.table("subscribers"), Forms.of(lake.contracts)
    key_path = str(keys.key_file(lake))
    rows = _inspected(lake, paths, forms)
    read = _one_a_task(lake, paths).mapInArrow(_ReadTask(forms), from_arrow_schema(READ))
    named = str(paths[0]) if len(paths) == 1 else f"{paths[0].parent} and its files"
    _refuse_shared(read, named, int(contract.bounds["most_sims_a_person"]))
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


def _files_of(path: Path) -> list[Path]:
    """A file itself; of a folder, as Spark and others write one, the files that are not marks of theirs."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith(("_", ".")))
    if not found:
        raise PopflowError(f"{path}: there is no file of a register in this folder")
    return found


def _one_a_task(lake: Lake, paths: Sequence[Path]) -> DataFrame:
    rows = [(number, str(path.absolute())) for number, path in enumerate(paths)]
    return lake.spark.createDataFrame(rows, "number int, path string").repartitionById(len(rows), "number")


def _inspected(lake: Lake, paths: Sequence[Path], forms: Forms) -> int:
    """The number of rows of all files. Raises PopflowError for the first fault of the first file that has one."""
    from pyspark.sql.pandas.types import from_arrow_schema

    found = _one_a_task(lake, paths).mapInArrow(_InspectTask(forms), from_arrow_schema(VERDICT)).collect()
    if faults := [one["fault"] for one in found if one["fault"]]:
        raise PopflowError(min(faults))
    rows = sum(one["rows"] for one in found)
    if not rows:
        raise PopflowError(f"{paths[0]}: the register has no rows")
    lengths = sorted({length for one in found for length in one["lengths"]})
    if len(lengths) > 1:
        raise PopflowError(
            f"{paths[0]}: person_token: of {' and '.join(map(str, lengths))} characters; a person is found at several "
            "MNOs only where all use one keyed hash: give tokens of one length"
        )
    return int(rows)


def _refuse_shared(read: DataFrame, named: str, most_sims: int) -> None:
    """Refuse SIMs that stand there twice, and tokens that stand for too many.

    Capitals and small letters are told apart only in a form that knows both; there too, two hashes never differ in
    nothing else.
    """
    from pyspark.sql import functions as F

    sims = read.groupBy("mno", F.lower("sim_token").alias("sim")).count().where("count > 1")
    twice = sims.agg(F.count(F.lit(1)), F.sum("count")).first()
    if twice is not None and twice[0]:
        raise PopflowError(f"{named}: sim_token: {twice[0]} SIM(s) appear more than once, in {twice[1]} rows; "
                           "an edition has each SIM once")  # fmt: skip
    of_person = F.count_if(F.col("line_kind") == "person").alias("sims")
    spelled = (F.min("person_token") != F.max("person_token")).alias("spelled")
    persons = read.groupBy(F.lower("person_token").alias("person")).agg(of_person, spelled)
    too_many = F.count_if(F.col("sims") > most_sims).alias("too_many")
    found = persons.agg(too_many, F.max("sims").alias("most"), F.count_if("spelled").alias("spelled")).first()
    assert found is not None
    if found["too_many"]:
        raise PopflowError(f"{named}: person_token: {found['too_many']} token(s) stand for more than {most_sims} lines "
                           f"of kind person each, one for {found['most']:,}; such a token is the hash of a default or "
                           "a company's, give each holder's own")  # fmt: skip
    if found["spelled"]:
        raise PopflowError(
            f"{named}: person_token: {found['spelled']} token(s) appear in two spellings that differ in capitals "
            "alone; which is meant cannot be told, write each in one way"
        )


class _InspectTask:
    """What runs in a task: each file's rows and first fault; an error raised here would be Spark's to tell."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch.column("path").to_pylist():
                found = verdict(Path(path), self._forms)
                yield pa.RecordBatch.from_pylist([found._asdict()], schema=VERDICT)


class _ReadTask:
    """What runs in a task: a file's rows, in canonical form."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch.column("path").to_pylist():
                yield from register_batches(Path(path), self._forms)


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
