"""Every notebook runs from its first cell to its last on a published lake; their own asserts compare with `pull`."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))


def with_parameters(notebook: nbformat.NotebookNode, **values: object) -> nbformat.NotebookNode:
    """The notebook with other values set right after the cell that is tagged `parameters`."""
    at = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    text = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(text))
    return notebook


def test_there_are_four_notebooks_without_outputs():
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell for cell in cells if cell.get("outputs")], path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_headline_equals_pull(path: Path, published: Path):
    notebook = nbformat.read(path, as_version=4)
    code = "".join(cell.source for cell in notebook.cells)
    assert "assert" in code
    assert "table[" in code
    values = {"LAKE": str(published), "BEFORE": "2020-01-23", "DAYS": 3}
    NotebookClient(with_parameters(notebook, **values), timeout=300, kernel_name="python3").execute()
