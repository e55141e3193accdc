"""What lies in landing: deliveries with their manifests, which are ready, which are not yet, which are refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from popflow.contracts import Contracts
from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake.manifests import MANIFEST, Manifest, ManifestFile, read_manifest
from popflow.intake.regular_files import Listing, deliveries_under
from popflow.intake.storage import open_address
from popflow.paths import normal


class Delivery(NamedTuple):
    """A delivery that is ready: its manifest, its address, and what lies there."""

    feed: str
    address: str
    manifest: Manifest
    present: frozenset[str]

    @property
    def mno(self) -> str:
        """The operator that sent it."""
        return self.manifest.mno

    @property
    def delivery_id(self) -> str:
        """Its name, unique within the MNO."""
        return self.manifest.delivery_id

    @property
    def missing(self) -> list[ManifestFile]:
        """Files of the manifest that are not there."""
        return [file for file in self.manifest.files if file.name not in self.present]

    @property
    def unlisted(self) -> list[str]:
        """Files that are there and not in the manifest."""
        return sorted(self.present - {file.name for file in self.manifest.files} - {MANIFEST})


class Landing(NamedTuple):
    """The deliveries of one date, in the order in which they are taken in; and why others are not."""

    ready: list[Delivery]
    waiting: list[str]  # no manifest yet: not an error
    refused: list[str]  # one line each: the manifest's address, the field, the reason


def discover(landing: str, date: dt.date, contracts: Contracts, mnos: Sequence[str]) -> Landing:
    """The deliveries of a date under landing/<mno>/<date>/<delivery_id>/.

    Raises PopflowError where there is no such landing folder, or no feed of an MNO.
    """
    feeds = {mno: feed_of(contracts, mno) for mno in mnos}
    landing = normal(landing)
    _refuse_missing_folder(landing)
    found = Landing([], [], [])
    for mno, feed in feeds.items():
        try:
            _of_an_mno(f"{landing}/{mno}/{date}", date, feed, found)
        except PopflowError as refusal:
            found.refused.append(str(refusal))
    found.ready.sort(key=lambda delivery: (delivery.manifest.created_at_utc, delivery.mno, delivery.delivery_id))
    return found


def _of_an_mno(folder: str, date: dt.date, feed: Feed, found: Landing) -> None:
    for delivery_id, (names, fault) in sorted(deliveries_under(folder, feed.limits.files).items()):
        address = f"{folder}/{delivery_id}"
        try:
            delivery = delivery_at(address, Listing(names, fault), feed, date, delivery_id)
        except PopflowError as refusal:
            found.refused.append(str(refusal))
        else:
            if delivery is None:
                found.waiting.append(printable(address))
            else:
                found.ready.append(delivery)


def delivery_at(address: str, listing: Listing, feed: Feed, date: dt.date, delivery_id: str) -> Delivery | None:
    """The delivery of a folder by what lies there; None while it has no manifest. Raises PopflowError, one line."""
    if listing.fault:
        raise PopflowError(f"{printable(address)}: {listing.fault}")
    if MANIFEST not in listing.names and not any(name.startswith(f"{MANIFEST}/") for name in listing.names):
        return None
    return Delivery(feed.feed, address, read_manifest(address, feed, date, delivery_id), listing.names)


def feed_of(contracts: Contracts, mno: str) -> Feed:
    """The landing contract of an MNO."""
    for feed in contracts.feeds.values():
        if feed.mno == mno:
            return feed
    known = ", ".join(sorted(feed.mno for feed in contracts.feeds.values()))
    raise PopflowError(f"no landing contract for the MNO '{printable(mno)}'; there are {known}; "
                       "--contracts FOLDER adds the feeds of a folder")  # fmt: skip


def _refuse_missing_folder(landing: str) -> None:
    from pyarrow.fs import FileType

    system, path = open_address(landing)
    try:
        found = system.get_file_info(path).type
    except OSError:  # a name too long, a loop of links
        found = FileType.NotFound
    if found != FileType.Directory:
        raise PopflowError(
            f"{printable(landing)}: no such landing folder; it holds <mno>/<date>/<delivery>/manifest.json"
        )
