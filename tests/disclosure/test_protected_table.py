"""ProtectedTable: only the gate makes one, and what it holds cannot be changed unseen."""

import copy
import pickle
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from exact_tables import moves
from mypy import api as mypy

from popflow.disclosure import ProtectedTable, read_exact
from popflow.errors import PopflowError

EXACT = "420102 430102 500\n420103 430103 400\n420102 420502 300"


@pytest.fixture
def table(protect) -> ProtectedTable:
    return protect(moves(EXACT))


def test_it_cannot_be_made_without_the_seal(table: ProtectedTable):
    given = {name: getattr(table, name) for name in ("indicator", "date", "release", "definition", "mnos")}
    with pytest.raises(PopflowError, match="made by"):
        ProtectedTable(
            object(),  # type: ignore[arg-type]
            **given,
            rows=pa.table({}),
            base_cells=pa.table({}),
            root_persons=0,
            shares={},
            cells={},
        )


def test_one_that_was_forged_past_its_constructor_is_refused():
    forged = object.__new__(ProtectedTable)
    with pytest.raises(PopflowError, match="not what the gate made"):
        forged.refuse_if_changed()


@pytest.mark.parametrize("name", ["rows", "_rows", "release", "digest", "new"])
def test_nothing_of_it_can_be_set(table: ProtectedTable, name: str):
    with pytest.raises(PopflowError, match="cannot be changed"):
        setattr(table, name, None)


def test_it_can_be_neither_copied_nor_pickled(table: ProtectedTable):
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(PopflowError, match="copied or pickled"):
            copier(table)


def test_a_frame_of_its_rows_is_the_callers_own(table: ProtectedTable):
    before = table.rows
    changed = table.rows
    changed.loc[0, "persons"] = 3
    pd.testing.assert_frame_equal(table.rows, before)
    table.refuse_if_changed()


def test_rows_that_were_exchanged_underneath_are_noticed(table: ProtectedTable):
    rows = table._rows
    object.__setattr__(table, "_rows", rows.slice(0, rows.num_rows - 1))
    with pytest.raises(PopflowError, match="not what the gate made"):
        table.refuse_if_changed()


def test_the_digest_is_of_rows_and_base_cells(protect, table: ProtectedTable):
    assert table.digest == protect(moves(EXACT)).digest
    other = moves(EXACT)
    other.at[0, "persons_without"]["mobile"] -= 1
    assert protect(other).rows.equals(table.rows)
    assert protect(other).digest != table.digest


def test_rows_and_base_cells_have_the_columns_and_types_of_their_contracts(table: ProtectedTable, contracts):
    assert table._rows.schema.equals(contracts.table("flows").arrow_schema())
    assert table._base_cells.schema.equals(contracts.table("base_cells").arrow_schema())
    assert table.base_cells["persons_without"][0] == {"mobile": 500, "unicom": 500, "telecom": 500}


def test_its_text_holds_no_figure_of_persons(table: ProtectedTable):
    assert repr(table) == "ProtectedTable(outflow of 2020-01-22, release 1, 3 rows)"


def test_a_type_checker_refuses_anything_else(tmp_path: Path):
    """publish(table: ProtectedTable) takes no frame, and nobody can make a table of one."""
    text = (
        "import pandas as pd\n"
        "from popflow.disclosure import ProtectedTable\n"
        "def publish(table: ProtectedTable) -> None: ...\n"
        "publish(pd.DataFrame())\n"
        "class Mine(ProtectedTable): ...\n"
        "ProtectedTable(object())\n"
    )
    source = tmp_path / "publishing.py"
    source.write_text(text)
    said, _, status = mypy.run([str(source)])
    assert status == 1
    lines = {line.split(":")[1] for line in said.splitlines() if ": error:" in line and "publishing.py" in line}
    assert {"4", "5", "6"} <= lines


def test_a_table_read_by_columns_is_protected_as_one_of_maps(protect, table: ProtectedTable, contracts):
    schema = contracts.table("flows_exact").arrow_schema()
    maps = moves(EXACT).assign(date=table.date)
    by_columns = read_exact(pa.Table.from_pandas(maps[schema.names], schema, preserve_index=False))
    assert "persons_without" not in by_columns
    assert protect(by_columns).digest == table.digest
    uneven = maps.assign(persons_without=[{"mobile": 1}, *maps["persons_without"][1:]])
    with pytest.raises(PopflowError, match="lacks the figure"):
        protect(read_exact(pa.Table.from_pandas(uneven[schema.names], schema, preserve_index=False)))
    assert read_exact(schema.empty_table()).empty
