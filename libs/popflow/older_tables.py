"""A table that an older version of its contract wrote, brought to the contract before something is written to it.

Only the log is written: whole files stay as they are, at any size and encrypted or not. What they hold of a column that
the contract no longer has is not read any more, and goes with them when their retention is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import Schema
from deltalake.exceptions import CommitFailedError

from popflow.errors import PopflowError

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from popflow.tables import Table

VERSION = "popflow.contractVersion"
CONSTRAINT = "delta.constraints."


def version_of(table: DeltaTable) -> int:
    """The version of the contract that a table was last brought to."""
    return int(table.metadata().configuration.get(VERSION, "1"))


def bring_up(table: DeltaTable, contract: Table, at: str) -> None:
    """Give an older table the columns, properties and version of its contract; nothing for one that has them.

    at: where the table lies, for what is said. Killed in between, it is done again. Constraints that the contract does
    not have any more, or words otherwise, go; new ones hold for new tables. An append-only table keeps its columns.
    Raises PopflowError where the files lack a column that must be known or have it in another type, or where another
    run is at the same table.
    """
    if version_of(table) >= contract.version:
        return
    _refuse_other_columns(table, contract, at)
    try:
        _drop_constraints(table, contract)
        if not contract.append_only:
            _set_columns(table, contract)
        table.alter.set_table_properties(contract.delta_properties(), raise_if_not_exists=False)
    except CommitFailedError:
        table.update_incremental()
        if version_of(table) < contract.version:
            raise PopflowError(f"{at}: another run wrote there at the same moment; start again") from None


def _refuse_other_columns(table: DeltaTable, contract: Table, at: str) -> None:
    stored, wanted = _stored(table), contract.arrow_schema()
    missing = [field.name for field in wanted if field.name not in stored and not field.nullable]
    changed = [field.name for field in wanted if field.name in stored and stored[field.name] != field.type]
    moved = [] if table.metadata().partition_columns == contract.partition_by else ["partition_by"]
    if (missing or changed or moved) and table.file_uris():
        raise PopflowError(
            f"{at}: {(missing + changed + moved)[0]}: version {version_of(table)} of the contract {contract.table} had "
            f"it otherwise than version {contract.version}, or not at all; move the table away and make it again"
        )


def _stored(table: DeltaTable) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in pa.schema(table.schema().to_arrow())}


def _drop_constraints(table: DeltaTable, contract: Table) -> None:
    """Take away what the contract does not say: a rule on a column that is gone would refuse every row."""
    rules = {CONSTRAINT + name: rule for name, rule in contract.constraints().items()}
    for key, rule in table.metadata().configuration.items():
        if key.startswith(CONSTRAINT) and rules.get(key) != rule:
            table.alter.drop_constraint(key.removeprefix(CONSTRAINT))


def _set_columns(table: DeltaTable, contract: Table) -> None:
    """Write the contract's columns into the log by overwriting a partition that no table has."""
    schema = contract.arrow_schema()
    if list(_stored(table)) == schema.names or not contract.partition_by:
        return
    nowhere: list[tuple[str, str, Any]] = [(contract.partition_by[0], "in", [])]
    table.create_write_transaction([], "overwrite", Schema.from_arrow(schema), contract.partition_by, nowhere)
    table.update_incremental()
