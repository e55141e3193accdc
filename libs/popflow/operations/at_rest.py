"""Restricted tables at rest: encrypted, or in clear by a person's written word, or of a sample; else no night runs.

The waiver lies in the ops folder: who signed that the restricted zone may lie there without popflow's keys (on a disk
that encrypts by itself, in a bucket with SSE-KMS), until when, and why. A sample's mark is left by the nights that say
--sample, for `popflow doctor` to show.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from popflow.encryption import folder_of
from popflow.encryption.files import plain_files
from popflow.encryption.key_file import keys_file, master_keys
from popflow.environment import MASTER_KEYS
from popflow.errors import PopflowError
from popflow.operations.owner_only import ops_folder, read_own, write_private
from popflow.operations.purposes import stated
from popflow.operations.trail import Trail

if TYPE_CHECKING:
    from popflow.lake import Lake

LONGEST_WAIVER = dt.timedelta(days=366)
SIGN = f"set {MASTER_KEYS} (popflow keys add), or have it signed for: popflow keys waive"


@dataclass(frozen=True)
class Waiver:
    """Who answers for a restricted zone without popflow's keys, up to and including which day, and why."""

    signed_by: str
    until: dt.date
    reason: str
    signed_at_utc: str


@dataclass(frozen=True)
class AtRest:
    """How the restricted tables of a lake lie: encrypted, waived, a sample's, or refused; and what to say of it."""

    state: Literal["encrypted", "waived", "sample", "refused"]
    said: str


def waive(lake: Lake, signed_by: str, until: dt.date, reason: str) -> Waiver:
    """Write a waiver for a lake, in place of an earlier one, and on the audit trail.

    Raises PopflowError for one without a name or reason, of a past day, or for more than a year.
    """
    today = dt.date.today()
    if not (signed_by.strip() and reason.strip()):
        raise PopflowError("a waiver has the name of who signs it (--signed-by) and a reason (--reason)")
    if not today <= until <= today + LONGEST_WAIVER:
        raise PopflowError(
            f"--until {until}: a waiver ends today or within {LONGEST_WAIVER.days} days; then sign again"
        )
    waiver = Waiver(signed_by.strip(), until, reason.strip(), dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    about = f"until {waiver.until}, signed by {waiver.signed_by}: {waiver.reason}"
    Trail.of(lake).append("waive", "restricted", uuid.uuid4().hex[:12], stated(), about)
    write_private(_waiver_file(lake), json.dumps(asdict(waiver), default=str, ensure_ascii=False) + "\n")
    return waiver


def waiver_of(lake: Lake) -> Waiver | None:
    """The waiver of a lake, ended or not; None without one. Raises PopflowError for a file that is none."""
    path = lake.local_zone("ops") / "waiver.json"
    if not path.exists():
        return None
    try:
        told = json.loads(read_own(path))
        return Waiver(told["signed_by"], dt.date.fromisoformat(told["until"]), told["reason"], told["signed_at_utc"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise PopflowError(f"{path}: is not a waiver; sign again: popflow keys waive") from None


def at_rest(lake: Lake) -> AtRest:
    """How a lake's restricted tables lie at rest, as its nights and `popflow doctor` see it."""
    zone = lake.zone("restricted")
    if MASTER_KEYS.is_set():
        folder_of(zone)
        return AtRest("encrypted", f"encrypted with {list(master_keys(keys_file()))[-1]}")
    waiver = waiver_of(lake)
    if waiver and dt.date.today() <= waiver.until:
        return AtRest("waived", f"{zone} without keys of popflow, signed for by {waiver.signed_by} until "
                      f"{waiver.until}: {waiver.reason}")  # fmt: skip
    if _sample_mark(lake).exists():
        return AtRest("sample", f"{zone} in clear, as a sample's; only nights with --sample run")
    ended = f"the waiver of {waiver.signed_by} ended on {waiver.until}" if waiver else "nobody signed for that"
    return AtRest("refused", f"{zone} would hold restricted tables in clear, and {ended}")


@contextmanager
def kept_from_others(lake: Lake, *, sample: bool) -> Iterator[None]:
    """Run a stage: none whose restricted tables nobody protects, and none that leaves a plain file where keys are set.

    Raises PopflowError before the stage, or after it.
    """
    found = at_rest(lake)
    if sample and found.state in ("sample", "refused"):
        _mark_sample(lake)
    elif found.state in ("sample", "refused"):
        raise PopflowError(f"{found.said}; {SIGN}; nights of a simulation say --sample")
    yield
    if found.state == "encrypted":
        refuse_plain(lake)


def refuse_plain(lake: Lake) -> None:
    """Raise PopflowError where a data file of the restricted zone is plain.

    Opens what is new since the last time that all was well, by the file system's own time of change; walks the zone.
    """
    zone, checked = folder_of(lake.zone("restricted")), ops_folder(lake) / "encrypted_until"
    if not zone.is_dir():
        return
    now = write_private(ops_folder(lake) / "encrypted_until.next", f"{zone}\n")
    began = now.stat().st_ctime_ns
    if plain := plain_files(zone, _last_checked(checked, zone)):
        raise PopflowError(
            f"{plain[0]}: lies in the restricted zone unencrypted ({len(plain)} such files); see who wrote it; a "
            "lake to which keys are new is encrypted by 'popflow keys encrypt'"
        )
    write_private(checked, f"{began} {zone}\n")
    now.unlink(missing_ok=True)  # another stage may have ended at the same moment


def _last_checked(checked: Path, zone: Path) -> int:
    """When the zone was last found to be encrypted, in nanoseconds by the file system's clock; 0 where it was never."""
    if not checked.exists():
        return 0
    when, _, of = checked.read_text(encoding="utf-8").rstrip("\n").partition(" ")
    return int(when) if when.isdigit() and of == str(zone) else 0


def _waiver_file(lake: Lake) -> Path:
    return ops_folder(lake) / "waiver.json"


def _sample_mark(lake: Lake) -> Path:
    return lake.local_zone("ops") / "sample"


def _mark_sample(lake: Lake) -> None:
    if not _sample_mark(lake).exists():
        write_private(ops_folder(lake) / "sample", f"{dt.datetime.now(dt.UTC).isoformat(timespec='seconds')}\n")
