"""The gate between exact counts and what may be published. docs/explanation/disclosure.md says what it promises.

Read in this order: rules, chain, suppression, feasibility, protect; then correction, which protect calls. Figures in
hundreds: offsets, arrivals, public_test, hundreds.
"""

from popflow.disclosure.arrivals import Arrived, arrived
from popflow.disclosure.correction import EarlierRelease, refuse_second
from popflow.disclosure.exact import finest_cells, read_exact
from popflow.disclosure.hundreds import protect_counts
from popflow.disclosure.protect import protect_flows
from popflow.disclosure.table import ProtectedCounts, ProtectedTable, content_digest

__all__ = [
    "Arrived",
    "EarlierRelease",
    "ProtectedCounts",
    "ProtectedTable",
    "arrived",
    "content_digest",
    "finest_cells",
    "protect_counts",
    "protect_flows",
    "read_exact",
    "refuse_second",
]
