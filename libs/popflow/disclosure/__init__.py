"""The gate between exact counts and what may be published. docs/explanation/disclosure.md says what it promises.

Read in this order: rules, chain, fold, feasibility, protect; then correction and blocks, which protect calls.
"""

from popflow.disclosure.blocks import ReleasedDay
from popflow.disclosure.chain import chains
from popflow.disclosure.correction import EarlierRelease
from popflow.disclosure.exact import read_exact
from popflow.disclosure.protect import OUTFLOW, OUTFLOW_BLOCK, STOCK, protect_blocks, protect_flows, protect_stock
from popflow.disclosure.table import ProtectedTable, content_digest

__all__ = [
    "OUTFLOW",
    "OUTFLOW_BLOCK",
    "STOCK",
    "EarlierRelease",
    "ProtectedTable",
    "ReleasedDay",
    "chains",
    "content_digest",
    "protect_blocks",
    "protect_flows",
    "protect_stock",
    "read_exact",
]
