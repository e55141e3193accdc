"""The gate between exact counts and what may be published. docs/explanation/disclosure.md says what it promises.

Read in this order: rules, chain, suppression, feasibility, protect; then correction, which protect calls.
"""

from popflow.disclosure.correction import EarlierRelease, refuse_second
from popflow.disclosure.exact import read_exact
from popflow.disclosure.protect import protect_flows
from popflow.disclosure.table import ProtectedTable, content_digest

__all__ = [
    "EarlierRelease",
    "ProtectedTable",
    "content_digest",
    "protect_flows",
    "read_exact",
    "refuse_second",
]
