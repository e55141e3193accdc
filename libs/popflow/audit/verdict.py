"""What an audit says: a verdict, and each failure as an equation that a person can check by hand.

Findings show the small groups that they found. A verdict belongs to the restricted zone and is never published.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popflow.audit.history import Seen

CODES = {
    "A1": "a difference of nested published cells is a small group",
    "A2": "the same without the persons of an MNO",
    "A3": "a withheld cell has a single feasible value",
    "A4": "the same for an MNO that knows its own part",
    "A5": "a small group over releases of one date, or over rows of another grouping",
    "A6": "something outside the contract, or rows that do not agree with the base cells",
    "A7": "a planted leak was not caught",
    "A8": "the audit did not come to its end in its time",
    "B1": "a figure in hundreds is not what its count and its secret offset make",
    "B2": "a county has a row and may not have one, or has none and should",
    "B3": "a figure in hundreds was told before",
    "B5": "figures in hundreds and the flows of their date tell something together, or count other persons",
    "B4": "something among the figures in hundreds is outside their contract",
}
SHOWN_FINDINGS = 50


@dataclass(frozen=True)
class Finding:
    """One failure: its code of CODES, where, the cells it names, and the attack as an equation."""

    code: str
    where: str
    cells: tuple[str, ...]
    equation: str

    def text(self) -> str:
        """The finding on one line."""
        return f"{self.code} {self.where}: {self.equation}"


@dataclass(frozen=True)
class Planted:
    """One leak that was planted in a copy of the history; outcome is caught, missed or not applicable."""

    leak: str
    outcome: str
    where: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The outcome of one audit.

    ok: nothing was found, every planted leak that this history can hold was caught, all in time.
    counts: what was looked at and how much of it, by name.
    digest: SHA-256 of exactly what was audited (`audited_digest`); publishing refuses a verdict with another.
    good: by date, digests of what was found good of each chain and release; `stamps` keeps them.
    limit_s: seconds that the audit had.
    rows_alone: dates that were looked at by their rows alone, since their base cells are gone.
    notes: what was not attacked, in a sentence each, without a figure of any cell.
    """

    ok: bool
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    seconds: float
    digest: str
    planted: tuple[Planted, ...] = ()
    good: dict[dt.date, dict[str, Seen]] = field(default_factory=dict, repr=False)
    rows_alone: tuple[dt.date, ...] = ()
    notes: tuple[str, ...] = ()
    limit_s: float = 0.0

    def with_(self, other: Verdict) -> Verdict:
        """This verdict and one on something else, as one; the digest and the planted leaks are this one's."""
        return replace(
            self,
            ok=self.ok and other.ok,
            findings=(*self.findings, *other.findings),
            counts=dict(Counter(self.counts) + Counter(other.counts)),
            seconds=self.seconds + other.seconds,
            good=self.good | other.good,
            rows_alone=(*self.rows_alone, *other.rows_alone),
            notes=(*self.notes, *other.notes),
            limit_s=self.limit_s + other.limit_s,
        )

    def summary(self) -> str:
        """How many findings of which code, without a figure of any cell: fit for a log or a message."""
        if self.ok:
            return "nothing"
        kinds = Counter(finding.code for finding in self.findings)
        return ", ".join(f"{code} {number} times ({CODES[code]})" for code, number in sorted(kinds.items()))

    def text(self) -> str:
        """The verdict as plain lines, for the restricted zone alone."""
        lines = [f"audit: {'ok' if self.ok else 'NOT OK'} in {self.seconds:.1f} s, digest {self.digest[:16]}"]
        lines += [f"  {name}: {number:,}" for name, number in sorted(self.counts.items())]
        caught = [plant for plant in self.planted if plant.outcome == "caught"]
        possible = [plant for plant in self.planted if plant.outcome != "not applicable"]
        if self.planted:
            lines.append(f"  planted leaks caught: {len(caught)} of {len(possible)}")
        lines += [
            f"  planted leak not applicable: {plant.leak} ({plant.where})"
            for plant in self.planted
            if plant.outcome == "not applicable"
        ]
        lines += [f"  {note}" for note in self.notes]
        if alone := self.rows_alone:
            lines.append(f"  {len(alone)} dates, {min(alone)} to {max(alone)}, were looked at by their rows alone: "
                         "their base cells are not kept any more")  # fmt: skip
        lines += [f"  {finding.text()}" for finding in self.findings[:SHOWN_FINDINGS]]
        if len(self.findings) > SHOWN_FINDINGS:
            lines.append(f"  ... and {len(self.findings) - SHOWN_FINDINGS} more findings")
        return "\n".join(lines)


class Overtime(Exception):  # noqa: N818 - it is not an error of the data
    """The audit's time is up."""
