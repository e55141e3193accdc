"""What was found good is stamped, date by date, and not looked at again while nothing of it has changed.

A stamp says of one date what was seen of each chain of each release, which files held it, by which rules it was judged
and by which auditor. It is keyed, so that one that was written by hand is not believed: whatever does not verify is no
stamp, and its date is looked at again. Stamps stand in the restricted zone in one file a month, `_audit/<month>.json`,
one line a date: 0.7 KB with one chain, 7.6 KB with 31. A night reads all of them (3 MB after 400 nights of 31 chains)
and writes its own month's (0.2 MB).
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass
from typing import Any

from popflow.audit.history import Seen
from popflow.intake.keys import key_file, read_secret, write_new_key
from popflow.intake.storage import files_under
from popflow.lake import Lake
from popflow.paths import below

FOLDER = "_audit"
COUNTS_FOLDER = "_audit_counts"  # of figures in hundreds
MONTHS_FILE = re.compile(r"(?P<month>\d{4}-\d{2})\.json", re.ASCII)
PURPOSE = b"popflow: stamps of the auditor"
FORM = 2  # of a stamp: parts bear the indicator's name; an older one is not a stamp, and its date is looked at again


@dataclass(frozen=True)
class Stamp:
    """One date that was found good. files, base_cell_files: digests of the data files of rows and base cells."""

    date: dt.date
    files: str
    base_cell_files: str
    rules: str
    auditor: str
    seen: dict[str, Seen]


def stamps_key(lake: Lake) -> bytes:
    """The key of the stamps: <restricted zone>/_keys/audit.key, made there at first use.

    A key that is lost costs a look at every date, and nothing else. In object storage it is derived from the key of the
    persons' pseudonyms. Raises PopflowError where it cannot be had, or others than its owner can read it.
    """
    zone = lake.make_zone("restricted")
    if zone is None:
        return hmac.digest(read_secret(key_file(lake)), PURPOSE, "sha256")
    path = zone / "_keys" / "audit.key"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_new_key(path)
    return read_secret(path)


def stamped_months(lake: Lake, folder: str = FOLDER) -> list[str]:
    """Months (2020-01) that have a file of stamps, whether rows of theirs are published still or not."""
    names = (file.path.rpartition("/")[2] for file in files_under(below(lake.zone("restricted"), folder)))
    return sorted(found["month"] for name in names if (found := MONTHS_FILE.fullmatch(name)))


def read_stamps(lake: Lake, key: bytes, months: Collection[str], folder: str = FOLDER) -> dict[dt.date, Stamp]:
    """Every stamp of some months (2020-01) that can be believed, by date."""
    found = (stamp for month in sorted(months) for stamp in _month(lake, key, month, folder))
    return {stamp.date: stamp for stamp in found}


def write_stamps(lake: Lake, key: bytes, stamps: Iterable[Stamp], folder: str = FOLDER) -> None:
    """Keep stamps, each in place of an earlier one of its date."""
    by_month: dict[str, dict[dt.date, Stamp]] = {}
    for stamp in stamps:
        by_month.setdefault(month_of(stamp.date), {})[stamp.date] = stamp
    for month, new in by_month.items():
        kept = {stamp.date: stamp for stamp in _month(lake, key, month, folder)} | new
        lines = [json.dumps(_keyed(kept[date], key), sort_keys=True) for date in sorted(kept)]
        lake.write_text("restricted", f"{folder}/{month}.json", "\n".join(lines) + "\n")


def month_of(date: dt.date) -> str:
    """The file in which a date's stamp stands."""
    return date.isoformat()[:7]


def _month(lake: Lake, key: bytes, month: str, folder: str) -> list[Stamp]:
    lines = (lake.read_text("restricted", f"{folder}/{month}.json") or "").splitlines()
    found = [_believed(line, key) for line in lines]
    return [stamp for stamp in found if stamp is not None and month_of(stamp.date) == month]


def _keyed(stamp: Stamp, key: bytes) -> dict[str, Any]:
    record = {
        "form": FORM,
        "date": str(stamp.date),
        "files": stamp.files,
        "base_cell_files": stamp.base_cell_files,
        "rules": stamp.rules,
        "auditor": stamp.auditor,
        "seen": {name: list(astuple(seen)) for name, seen in stamp.seen.items()},
    }
    return record | {"mac": _mac(record, key)}


def _mac(record: dict[str, Any], key: bytes) -> str:
    return hmac.digest(key, json.dumps(record, sort_keys=True).encode(), "sha256").hex()


def _believed(line: str, key: bytes) -> Stamp | None:
    """The stamp on a line; None where it is none, or another hand's."""
    try:
        record = json.loads(line)
        mac = record.pop("mac")
        if not hmac.compare_digest(mac, _mac(record, key)) or record.pop("form", 1) != FORM:
            return None
        seen = {name: Seen(*digests) for name, digests in record.pop("seen").items()}
        return Stamp(date=dt.date.fromisoformat(record.pop("date")), seen=seen, **record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
