"""The document for a data-protection officer says what the gate does: its example is computed here."""

import re
from pathlib import Path

import numpy as np
from exact_tables import moves, shown

from popflow import contracts
from popflow.disclosure.rules import Rules, publishable

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "explanation" / "disclosure.md"
OTHERS = "420102 430202 30\n420502 430202 60\n420502 420102 44\n420102 420502 40"


def example() -> list[list[str]]:
    """Cells of the example's table, row by row."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| 4301")]


def rows_to_changsha(protect, table: list[list[str]]) -> dict[str, int]:
    text = "\n".join(f"420102 {code} {n} {n} {a} {b} {c}" for code, n, a, b, c, _ in table)
    rows = shown(protect(moves(f"{text}\n{OTHERS}")))
    of_wuhan = {key[2:]: n for key, n in rows.items() if key[0] == "prefecture" and key[1] == "420100"}
    return {code: n for (_, code), n in of_wuhan.items() if "4301" in code}


def test_the_five_counties_are_folded_as_the_document_says(protect):
    table, text = example(), DOCUMENT.read_text(encoding="utf-8")
    assert len(table) == 5
    rows = rows_to_changsha(protect, table)
    expected = {row[0]: int(row[1]) for row in table if row[5] == "shown"}
    assert rows == expected | {"430100": 242, "rest_of_430100": 76}
    assert "four rows are written: 242 for Changsha, 125, 41 and a rest of 76" in text.replace("\n", " ")


def test_with_more_persons_without_mobile_the_smallest_sibling_joins(protect):
    table = [[*row[:2], "23", *row[3:]] if row[0] == "430103" else row for row in example()]
    assert rows_to_changsha(protect, table) == {"430100": 242, "430102": 125, "430103": 58, "rest_of_430100": 59}


def test_the_figures_of_the_text_follow_from_the_table():
    table = {row[0]: [int(n) for n in row[1:5]] for row in example()}
    assert sum(row[0] for row in table.values()) == 242
    rest = [sum(column) for column in zip(*(table[code] for code in ("430103", "430105", "430111")), strict=True)]
    assert rest[:2] == [76, 16]
    assert rest[0] - rest[1] == 60
    assert table["430103"][0] - table["430103"][1] == 50


def test_every_test_that_the_table_of_attacks_names_is_there():
    named = re.findall(r"^\| .* \| `(tests/[^`]+)::(test_\w+)` \|$", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert len(named) >= 30
    missing = [f"{path}::{name}" for path, name in named if f"\ndef {name}(" not in (ROOT / path).read_text("utf-8")]
    assert missing == []


def test_every_row_of_the_table_of_attacks_names_a_test():
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text[text.index("| attack | what holds | test |") :].split("\n\n")[0].splitlines()[2:]
    assert [row for row in table if not re.search(r"\| `tests/[^`]+::test_\w+` \|$", row)] == []


def test_document_design_and_gate_say_one_thing_of_an_mno():
    said, design = DOCUMENT.read_text(encoding="utf-8"), (ROOT / "docs/design/DESIGN.md").read_text(encoding="utf-8")
    assert "| one MNO | besides, all moves of all its own customers | 2 and 3; it can read 10 to 19 |" in said
    assert "a group of floor to k-1, so 10 to 19, it can read" in " ".join(design.split())
    rules = Rules.of(contracts.load().disclosure)
    assert (rules.floor, rules.k - 1) == (10, 19)
    assert publishable(np.array([[30, 30, 10, 30]]), rules).all()  # of whom one MNO knows 20, and reads 10
