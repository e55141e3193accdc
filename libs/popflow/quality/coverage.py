"""Coverage: whether all MNOs of the night are there, and as active as usual; else the date is held back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from popflow.errors import Held, PopflowError
from popflow.quality import norms

LEAST_PERCENT = 80  # of an MNO's trailing norm of active SIMs
LEAST_NEAR_PERCENT = 70  # of an MNO's SIMs that belong to prefectures near their norm
CANNOT_BE_CORRECTED = (
    "A night that is released without an MNO cannot be corrected later: the difference between the two releases would "
    "be that MNO's own count, so a correction that adds it is refused for ever."
)


@dataclass(frozen=True)
class Coverage:
    """Which MNOs a night goes on with, and the mark that its release bears; no mark where all are there."""

    mnos: tuple[str, ...]
    missing: tuple[str, ...]
    reason: str | None


def coverage(
    expected: tuple[str, ...],
    landed: Mapping[str, bool],
    activity: pd.DataFrame,
    date: dt.date,
    allowed: tuple[str, ...] = (),
    reason: str | None = None,
    *,
    sample: bool = False,
) -> Coverage:
    """The MNOs that the night goes on with.

    landed: for each MNO whether a complete delivery of the date is there. activity: contract `activity`, the date and
    the nights before. allowed: MNOs that may be missing, by an operator's word, with its reason.
    sample: the deliveries are of a sample of the people, which may leave a prefecture together as no nation does.
    Raises Held, naming MNO and figure, where one that is not allowed to be missing is missing or thin; PopflowError
    for a word without a reason, on an MNO that is there, or on all of them.
    """
    refuse_empty_word(expected, allowed, reason)
    troubles = {mno: said for mno in expected if (said := _trouble(mno, landed, activity, date, sample))}
    if unneeded := [mno for mno in allowed if mno not in troubles]:
        raise PopflowError(
            f"--allow-missing-mno {unneeded[0]}: its delivery of {date} is there and whole; leave it out"
        )
    if open_troubles := [said for mno, said in troubles.items() if mno not in allowed]:
        raise Held(f"{date} is held back: {'; '.join(open_troubles)}; nothing was published, it is tried again when "
                   "deliveries come")  # fmt: skip
    mnos = tuple(mno for mno in expected if mno not in allowed)
    return Coverage(mnos, tuple(allowed), without_text(allowed, reason) if allowed else None)


def without_text(missing: Sequence[str], reason: str | None) -> str:
    """Reason that a release gives, for ever, where a night went on without an MNO: which, and why."""
    return f"without {', '.join(missing)}: {reason}"


def warning_of(mnos: tuple[str, ...], date: dt.date) -> str:
    """What somebody is asked before a night goes on without an MNO."""
    return f"Release {date} without {', '.join(mnos)}? {CANNOT_BE_CORRECTED}"


def _trouble(mno: str, landed: Mapping[str, bool], activity: pd.DataFrame, date: dt.date, sample: bool) -> str | None:
    if not landed.get(mno, False):
        return f"no complete delivery of {mno}"
    percent = norms.percent_of_norm(activity, date).get(mno)
    if percent is not None and percent < LEAST_PERCENT:
        return f"active SIMs of {mno} are {percent:.0f} % of their trailing norm, at least {LEAST_PERCENT} are needed"
    near = norms.prefectures_near_norm_percent(activity, date).get(mno)
    if near is not None and near < LEAST_NEAR_PERCENT and not sample:
        return (
            f"{near:.0f} % of {mno}'s SIMs are in prefectures near their trailing norm, {LEAST_NEAR_PERCENT} are needed"
        )
    return None


def refuse_empty_word(expected: tuple[str, ...], allowed: tuple[str, ...], reason: str | None) -> None:
    """Raise PopflowError for an operator's word on an MNO that there is not, without a reason, or on all of them."""
    if unknown := [mno for mno in allowed if mno not in expected]:
        raise PopflowError(f"--allow-missing-mno {unknown[0]}: no such MNO; there are {', '.join(expected)}")
    if allowed and not (reason or "").strip():
        raise PopflowError("--allow-missing-mno needs --reason: it stands in the release for ever")
    if set(allowed) == set(expected):
        raise PopflowError("--allow-missing-mno: a night without any MNO publishes nothing")
