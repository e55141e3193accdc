"""Deliveries in landing that are older than their feed's contract allows: found, deleted, and named where they stay.

Only what lies in <landing>/<mno>/<date>/ is touched, of MNOs that a contract names; no link is followed.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.paths import is_local, normal


class Old(NamedTuple):
    """A delivery, or what else lies in the folder of a date that is too old; that folder itself where it is bare.

    fault: why a folder cannot be looked into, be it of a date or of an MNO; nothing in it is touched then.
    """

    mno: str
    folder: Path
    path: Path
    fault: str = ""


def landing_folder(landing: str) -> Path | None:
    """The folder of the deliveries; None in object storage, where the bucket's lifecycle rule deletes.

    Raises PopflowError for no name at all, which would be the folder that the program runs in.
    """
    if not landing:
        raise PopflowError("--landing: it is empty; name the folder or address of the deliveries")
    place = normal(landing)
    return Path(place) if is_local(place) else None


def old_deliveries(landing: Path, contracts: Contracts, date: dt.date) -> list[Old]:
    """What is older on a date than the contract of its MNO's feed allows."""
    found: list[Old] = []
    for mno, days in retention_days(contracts).items():
        try:
            dated = list(_dated(landing / mno, date - dt.timedelta(days=days)))
        except OSError as error:
            found.append(Old(mno, landing / mno, landing / mno, _reason(error)))
        else:
            found += [one for folder in dated for one in _inside(mno, folder)]
    return found


def _inside(mno: str, folder: Path) -> list[Old]:
    try:
        inside = [] if folder.is_symlink() else sorted(folder.iterdir())
    except OSError as error:
        return [Old(mno, folder, folder, _reason(error))]
    return [Old(mno, folder, path) for path in inside or [folder]]


def retention_days(contracts: Contracts) -> dict[str, int]:
    """For how many days each MNO's deliveries may be kept: the fewest that one of its feeds says."""
    feeds = sorted(contracts.feeds.values(), key=lambda feed: -feed.retention_days)
    return {feed.mno: feed.retention_days for feed in feeds}


def delete(old: list[Old]) -> dict[str, str]:
    """Delete what is old, and the folders of dates that are empty then; path and reason of what cannot be deleted.

    A link stays, since what it points to would: whoever made it knows what that is.
    """
    stays = {str(one.path): one.fault for one in old if one.fault}
    old = [one for one in old if not one.fault]
    for one in old:
        if link := next((path for path in (one.folder.parent, one.folder, one.path) if path.is_symlink()), None):
            stays[str(link)] = "a link, and none is followed: delete what it points to, then the link"
        else:
            stays |= _deleted(one.path)
    for folder in {one.folder for one in old}:
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            stays |= _deleted(folder)
    return stays


def never_taken_in(old: list[Old], known: Container[tuple[str, str]]) -> list[str]:
    """Of these the deliveries that no night has taken in, as mno/date/delivery."""
    deliveries = [one for one in old if one.path != one.folder and one.path.is_dir()]
    return [
        f"{one.mno}/{one.folder.name}/{one.path.name}" for one in deliveries if (one.mno, one.path.name) not in known
    ]


def _deleted(path: Path) -> dict[str, str]:
    """Delete a file or a folder with all in it, links as links; what stays, and why."""
    stays: dict[str, str] = {}
    if path.is_dir():
        shutil.rmtree(path, onerror=lambda _, name, error: stays.update({str(name): _reason(error[1])}))
    else:
        try:
            path.unlink()
        except OSError as error:
            stays[str(path)] = _reason(error)
    return dict(list(stays.items())[:1])  # a folder stays because of what stays in it


def _reason(error: BaseException) -> str:
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _dated(folder: Path, oldest: dt.date) -> Iterator[Path]:
    """The folders of dates before one, below an MNO's."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        date = _date_of(path.name)
        if date and date < oldest and path.is_dir():
            yield path


def _date_of(name: str) -> dt.date | None:
    try:
        date = dt.date.fromisoformat(name)
    except ValueError:
        return None
    return date if str(date) == name else None
