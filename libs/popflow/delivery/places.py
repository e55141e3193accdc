"""Where a delivery lies: in landing, whose folders name its MNO and date, or elsewhere before it is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from popflow.contracts import Contracts
from popflow.errors import PopflowError, printable
from popflow.intake.deliveries import Delivery, delivery_at, feed_of
from popflow.intake.manifests import MANIFEST, parsed
from popflow.intake.regular_files import folder_listing, read_whole


class Layout(NamedTuple):
    """What the folders of landing say: <mno>/<date>/<delivery_id>."""

    mno: str
    date: dt.date
    delivery_id: str


def layout_of(folder: Path, mnos: Collection[str]) -> Layout | None:
    """What the folders above a delivery say, if they are an MNO's and a date's."""
    *_, mno, date, delivery_id = ("", "", *folder.absolute().parts)
    try:
        return Layout(mno, dt.date.fromisoformat(date), delivery_id) if mno in mnos and len(date) == 10 else None
    except ValueError:
        return None


def found_delivery(folder: Path, contracts: Contracts) -> Delivery | None:
    """The delivery of a folder as the night finds it in landing; None while it has no manifest.

    In landing its folders say MNO, date and id; elsewhere the manifest does. Raises PopflowError, in the night's own
    words, for what the night refuses.
    """
    if not folder.is_dir() and not folder.is_symlink():
        raise PopflowError(f"{printable(folder)}: there is no such folder; name the one that holds {MANIFEST}")
    layout = layout_of(folder, contracts.mno_bits()) or _by_manifest(folder, contracts)
    if layout is None:
        return None
    feed = feed_of(contracts, layout.mno)
    listing = folder_listing(str(folder), feed.limits.files)
    return delivery_at(str(folder), listing, feed, layout.date, layout.delivery_id)


def _by_manifest(folder: Path, contracts: Contracts) -> Layout | None:
    where = folder / MANIFEST
    if not where.exists() and not where.is_symlink():
        return None
    try:
        said = parsed(read_whole(str(where), max(feed.limits.manifest_bytes for feed in contracts.feeds.values())))
        feed_of(contracts, said.mno)
    except PopflowError as refusal:
        raise PopflowError(f"{printable(where)}: {refusal}") from None
    return Layout(said.mno, said.event_date, said.delivery_id)
