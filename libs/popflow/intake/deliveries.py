"""What lies in landing: deliveries with their manifests, which are ready, which are not yet, which are refused."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from popflow.contracts import Contracts, Feed
from popflow.errors import PopflowError
from popflow.intake.storage import files_under, open_address, read_bytes
from popflow.paths import normal

MANIFEST = "manifest.json"
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # a partition of this name is read as null, and makes its table unreadable
PlainName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f'`]+$")]  # it becomes part of a path and of a condition


class ManifestFile(BaseModel):
    """One file as its manifest describes it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: PlainName
    area: str = ""
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int = Field(ge=0)


class Manifest(BaseModel):
    """manifest.json: written last, it says that a delivery is complete and what is in it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    mno: str
    event_date: dt.date
    delivery_id: PlainName
    created_at_utc: str = ""
    files: list[ManifestFile] = Field(min_length=1)


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
        for delivery_id, names in sorted(_folders(f"{landing}/{mno}/{date}").items()):
            address = f"{landing}/{mno}/{date}/{delivery_id}"
            if MANIFEST not in names:
                found.waiting.append(address)
                continue
            try:
                manifest = _manifest(address, mno, date, delivery_id)
            except PopflowError as refusal:
                found.refused.append(str(refusal))
            else:
                found.ready.append(Delivery(feed.feed, address, manifest, frozenset(names)))
    found.ready.sort(key=lambda delivery: (delivery.manifest.created_at_utc, delivery.mno, delivery.delivery_id))
    return found


def feed_of(contracts: Contracts, mno: str) -> Feed:
    """The landing contract of an MNO."""
    for feed in contracts.feeds.values():
        if feed.mno == mno:
            return feed
    known = ", ".join(sorted(feed.mno for feed in contracts.feeds.values()))
    raise PopflowError(f"no landing contract for the MNO '{mno}'; there are {known}")


def _refuse_missing_folder(landing: str) -> None:
    from pyarrow.fs import FileType

    system, path = open_address(landing)
    if system.get_file_info(path).type != FileType.Directory:
        raise PopflowError(f"{landing}: no such landing folder; it holds <mno>/<date>/<delivery>/manifest.json")


def _folders(address: str) -> dict[str, set[str]]:
    """File names by delivery folder; what lies deeper goes by its path within the delivery."""
    _, base = open_address(address)
    found: dict[str, set[str]] = {}
    for info in files_under(address):
        delivery_id, _, name = info.path[len(base) :].strip("/").partition("/")
        if name:
            found.setdefault(delivery_id, set()).add(name)
    return found


def _manifest(address: str, mno: str, date: dt.date, delivery_id: str) -> Manifest:
    where = f"{address}/{MANIFEST}"
    try:
        manifest = Manifest.model_validate(json.loads(read_bytes(where).decode()))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PopflowError(f"{where}: {field or 'manifest'}: {first['msg']}") from None
    except ValueError:
        raise PopflowError(f"{where}: not valid JSON; the delivery must be sent again") from None
    for field, told, stands in (("mno", manifest.mno, mno), ("event_date", manifest.event_date, date),
                                ("delivery_id", manifest.delivery_id, delivery_id)):  # fmt: skip
        if told != stands:
            raise PopflowError(f"{where}: {field}: says {told} and lies in the folder of {stands}")
    if delivery_id == NO_VALUE:
        raise PopflowError(f"{where}: delivery_id: stands for no value in a table's folders; send it by another name")
    names = [file.name for file in manifest.files]
    if twice := sorted({name for name in names if names.count(name) > 1})[:1]:
        raise PopflowError(f"{where}: files: {twice[0]} is listed twice")
    return manifest
