"""The attacker: tries to learn of a small group from what is published, and shares no code with the gate."""

from popflow.audit.attack import Each
from popflow.audit.auditor import audit
from popflow.audit.counts import wide_base_cells
from popflow.audit.digests import audited_digest
from popflow.audit.files import published_version
from popflow.audit.history import Candidate
from popflow.audit.lake_audit import audit_lake, stamp_published
from popflow.audit.lake_counts import CountsCandidate, audit_counts_lake, counts_digest
from popflow.audit.verdict import CODES, Finding, Planted, Verdict

__all__ = [
    "CODES",
    "Candidate",
    "CountsCandidate",
    "Each",
    "Finding",
    "Planted",
    "Verdict",
    "audit",
    "audit_counts_lake",
    "audit_lake",
    "audited_digest",
    "counts_digest",
    "published_version",
    "stamp_published",
    "wide_base_cells",
]
