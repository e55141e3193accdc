"""A file of the register: its rows in canonical form, and the first thing that is wrong with it. No Spark here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake import token_form
from popflow.tables_in import GivenTable

COLUMNS = ("mno", "sim_token", "person_token", "line_kind")
OPTIONAL = {"line_kind": "person"}
LINE_KINDS = ("person", "data_only", "iot")


@dataclass(frozen=True)
class Forms:
    """The patterns of tokens: of each MNO's SIMs, and of persons."""

    sims: Mapping[str, str]
    persons: str

    @classmethod
    def of(cls, contracts: Contracts) -> Forms:
        """Forms as the contracts give them: a feed's for SIMs, the register's for persons."""
        persons = contracts.table("subscribers").columns["person_token"].form or ".+"
        return cls({feed.mno: feed.fields.sim_token.pattern for feed in contracts.feeds.values()}, persons)


class Verdict(NamedTuple):
    """A file's rows, its first fault as a line (None: it has none), and the lengths of its person tokens."""

    rows: int
    fault: str | None
    lengths: list[int]


def verdict(path: Path, forms: Forms) -> Verdict:
    """What a whole file comes to; its fault names file, row and kind, never a value."""
    rows, lengths = 0, set[int]()
    faults: dict[str, tuple[int, int, str]] = {}  # by what is wrong: in how many rows, in which first, the mend
    try:
        for batch in register_batches(path, forms):
            for what, (wrong, mend) in _faults(batch, forms).items():
                count = pc.sum(wrong).as_py() or 0
                if count:
                    before, first, _ = faults.get(what, (0, rows + pc.index(wrong, True).as_py() + 1, ""))
                    faults[what] = (before + count, first, mend)
            lengths |= set(pc.unique(pc.utf8_length(batch.column("person_token"))).to_pylist()) - {None}
            rows += batch.num_rows
    except PopflowError as error:
        return Verdict(rows, str(error), [])
    if faults:
        what, (count, first, mend) = min(faults.items(), key=lambda one: one[1][1])
        return Verdict(rows, f"{path}: {what} in {count} row(s), the first is row {first}; {mend}", [])
    return Verdict(rows, None, sorted(lengths))


def register_batches(path: Path, forms: Forms) -> Iterator[pa.RecordBatch]:
    """Rows of a register (COLUMNS, as text), tokens in canonical form, MNO and line kind in small letters.

    Raises PopflowError for what is not a table, and for a missing column.
    """
    table = GivenTable(path, "register", COLUMNS)
    missing = [name for name in COLUMNS if name not in table.columns and name not in OPTIONAL]
    if missing:
        raise PopflowError(f"{path}: {', '.join(missing)}: the register lacks this column; its header needs mno, "
                           "sim_token, person_token")  # fmt: skip
    there = [name for name in COLUMNS if name in table.columns]
    for batch in table.batches(there):
        given = {name: batch.column(name) for name in there}
        for name, default in OPTIONAL.items():
            given.setdefault(name, pa.array([default] * batch.num_rows, pa.string()))
        for name in ("mno", "line_kind"):
            given[name] = pc.ascii_lower(given[name])
        given["sim_token"] = _canonical_sims(given["mno"], given["sim_token"], forms)
        given["person_token"] = token_form.canonical(forms.persons, given["person_token"])
        yield pa.record_batch([given[name] for name in COLUMNS], list(COLUMNS))


def _canonical_sims(mno: pa.Array, sims: pa.Array, forms: Forms) -> pa.Array:
    for one, pattern in forms.sims.items():
        sims = pc.if_else(pc.fill_null(pc.equal(mno, one), False), token_form.canonical(pattern, sims), sims)
    return sims


def _faults(batch: pa.RecordBatch, forms: Forms) -> dict[str, tuple[pa.Array, str]]:
    """What is wrong, in which rows (booleans), and the mend."""
    mno, sims, persons, kinds = (batch.column(name) for name in COLUMNS)
    found = {
        f"mno: not one of {', '.join(sorted(forms.sims))}": (
            pc.invert(pc.is_in(mno, pa.array(list(forms.sims), pa.string()))), "correct it, or add its landing contract"
        ),
        "sim_token: empty": (pc.is_null(sims), "fill it"),
        "person_token: empty": (pc.is_null(persons), "fill it"),
        f"line_kind: not one of {', '.join(LINE_KINDS)}": (
            pc.invert(pc.is_in(kinds, pa.array(LINE_KINDS, pa.string()))), "correct it, or leave the column out"
        ),
    }  # fmt: skip
    for one, pattern in forms.sims.items():
        mine = pc.fill_null(pc.equal(mno, one), False)
        for what, wrong in token_form.faults(pattern, sims).items():
            before = found.get(f"sim_token {what}", (pa.array([False] * batch.num_rows), ""))[0]
            found[f"sim_token {what}"] = (pc.or_(before, pc.and_(mine, wrong)), token_form.FAULTS[what])
    for what, wrong in token_form.faults(forms.persons, persons).items():
        found[f"person_token {what}"] = (wrong, token_form.FAULTS[what])
    return found
