"""The intake of one date: every ready delivery that is not in yet, in one commit; then the law; then `deliveries`."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from popflow.encryption.faults import fault_in
from popflow.errors import Held, PopflowError, printable
from popflow.intake import cell_table, conservation, spark_progress, tasks
from popflow.intake.deliveries import Delivery, Landing, discover
from popflow.intake.encrypted import identities, is_encrypted
from popflow.intake.feed_sql import DAYS
from popflow.intake.file_checks import PASSING
from popflow.intake.kernel_plan import refusal
from popflow.intake.kernel_use import uncompiled
from popflow.intake.manifests import ManifestFile
from popflow.intake.packing import budget, packs
from popflow.intake.reduction import Limits
from popflow.intake.storage import open_address
from popflow.intake.summary import IntakeSummary, summarise
from popflow.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from popflow.lake import Lake

Engine = Literal["kernel", "duckdb", "spark"]
Key = tuple[str, str]  # mno, delivery_id
Print = tuple[str, str]  # mno, SHA-256 of a file


class Taken(NamedTuple):
    """A delivery that is in: its date, and name and SHA-256 of each file."""

    date: dt.date
    files: set[tuple[str, str]]


class Planned(NamedTuple):
    """A delivery to take in: its files that are new, and those that an earlier file repeats."""

    delivery: Delivery
    fresh: list[ManifestFile]
    redelivered: list[ManifestFile]


def take_in(
    lake: Lake,
    landing: str,
    date: dt.date,
    mnos: Sequence[str],
    *,
    engine: Engine = "kernel",
    may_miss: Sequence[str] = (),
    on_progress: Progress = silent,
    limits: Limits | None = None,
) -> IntakeSummary:
    """Take in every ready delivery in the date's landing folders that is not in yet, late ones too.

    Presence, tallies and quarantine leave in one commit; a delivery counts once `deliveries` names it, after the law
    has been checked. A rerun takes in nothing twice; a delivery that lacked files, or an identity to open them, is
    tried anew as a whole once its files are there. may_miss: MNOs that are taken in too where they have delivered.
    Raises PopflowError, and changes nothing, where the landing folder is missing, Held where an MNO's delivery is; a
    refused delivery beside a sound one is a line of the summary.
    """
    found = discover(landing, date, lake.contracts, (*mnos, *may_miss))
    before = _taken_in(lake, found.ready)
    found = found._replace(ready=_of_their_date(before, date, found))
    _refuse_absent(found, landing, date, mnos)
    left, taken = _not_in_yet(lake, before, found.ready), []
    accepted = _accepted_fingerprints(lake, left)
    while left:
        wave = next_wave(left, accepted)
        accepted |= _take(lake, wave, engine, on_progress, limits or Limits())
        now = {_key(planned.delivery) for planned in wave}
        left = [delivery for delivery in left if _key(delivery) not in now]
        taken += [f"{planned.delivery.mno}/{planned.delivery.delivery_id}" for planned in wave]
    notes = _unlisted(found.ready) + (_by_duckdb(lake, found.ready) if engine == "kernel" else [])
    return summarise(lake, date, (*mnos, *may_miss), taken, found.waiting, found.refused, notes)


def _unlisted(ready: list[Delivery]) -> list[str]:
    """Deliveries in which there are files that their manifests do not list, a line each."""
    listed = ((printable(delivery.address), [printable(name) for name in delivery.unlisted]) for delivery in ready)
    return [f"{address}: {len(names)} file(s) that its manifest does not list, set aside; the first is {names[0]}"
            for address, names in listed if names]  # fmt: skip


def _by_duckdb(lake: Lake, ready: list[Delivery]) -> list[str]:
    """Which feeds of some deliveries the kernel leaves to DuckDB, a line each; or that it does not run at all."""
    if ready and (fault := uncompiled()):
        return [f"all feeds are read by the engine duckdb, with the same result: {fault}"]
    feeds = {delivery.feed: refusal(lake.contracts.feeds[delivery.feed]) for delivery in ready}
    return [f"feed {feed} is read by the engine duckdb, with the same result: {why}"
            for feed, why in sorted(feeds.items()) if why]  # fmt: skip


def _refuse_absent(found: Landing, landing: str, date: dt.date, mnos: Sequence[str]) -> None:
    for mno in mnos:
        if any(delivery.mno == mno for delivery in found.ready):
            continue
        own = printable(f"{landing.rstrip('/')}/{mno}/")
        if refused := [line for line in found.refused if line.startswith(own)]:
            raise PopflowError(refused[0])
        if waiting := [address for address in found.waiting if address.startswith(own)]:
            raise Held(f"{date} is held back: no delivery of {mno} is ready, {waiting[0]} has no manifest.json yet")
        raise Held(f"{date} is held back: no delivery of {mno} in landing; wait for it, or go on without it by "
                   f"--allow-missing-mno {mno} --reason TEXT, which cannot be corrected later")  # fmt: skip


def _of_their_date(before: Mapping[Key, Taken], date: dt.date, found: Landing) -> list[Delivery]:
    """The ready deliveries without those whose id is another date's; these, and changed ones, are refused."""
    own = []
    for delivery in found.ready:
        earlier = before.get(_key(delivery))
        if earlier and earlier.date != date:
            delivery_id = printable(delivery.delivery_id)
            found.refused.append(f"{printable(delivery.address)}: delivery_id: {delivery_id} was taken in for "
                                 f"{earlier.date}; an id is an MNO's only once")  # fmt: skip
            continue
        if earlier and earlier.files != _fingerprints(delivery):
            found.refused.append(f"{printable(delivery.address)}: its manifest has changed since it was taken in; "
                                 "send what is new as a delivery of its own")  # fmt: skip
        own.append(delivery)
    return own


def _taken_in(lake: Lake, ready: list[Delivery]) -> dict[Key, Taken]:
    """What `deliveries` says of those that are in."""
    if not ready or not lake.exists("deliveries"):
        return {}
    columns = ["mno", "delivery_id", "delivery_date", "file", "sha256"]
    files = lake.read_pandas("deliveries", columns, delivery_id=[delivery.delivery_id for delivery in ready])
    taken: dict[Key, Taken] = {}
    for mno, delivery_id, date, file, sha256 in files.itertuples(index=False, name=None):
        taken.setdefault((mno, delivery_id), Taken(date, set())).files.add((file, sha256))
    return taken


def _not_in_yet(lake: Lake, before: Mapping[Key, Taken], ready: list[Delivery]) -> list[Delivery]:
    """The deliveries that are new, and those with files, there now, that could not be had when they were read."""
    known = [d for d in ready if _key(d) in before and before[_key(d)].files == _fingerprints(d)]
    again = []
    if known:
        tallies = lake.read_pandas("tallies", delivery_id=[d.delivery_id for d in known], reason=PASSING)
        lacked = set(conservation.whole_files(tallies))
        again = [d for d in known if any((d.mno, d.delivery_id, name) in lacked for name in d.present)]
    return [d for d in ready if _key(d) not in before or d in again]


def next_wave(left: list[Delivery], accepted: set[Print]) -> list[Planned]:
    """What to take in together: no file of a wave repeats one of another delivery in it.

    accepted: files that are in. Whether a repeated file may be ignored shows only when the first copy is in: it may
    have been damaged.
    """
    wave: list[Planned] = []
    pending: set[Print] = set()
    for delivery in left:
        prints = {(delivery.mno, file.sha256) for file in delivery.manifest.files} - accepted
        if not prints & pending:
            wave.append(_planned(delivery, accepted))
        pending |= prints
    return wave


def _planned(delivery: Delivery, accepted: set[Print]) -> Planned:
    planned = Planned(delivery, [], [])
    seen: set[Print] = set()
    for file in delivery.manifest.files:
        fingerprint = (delivery.mno, file.sha256)
        (planned.redelivered if fingerprint in seen or fingerprint in accepted else planned.fresh).append(file)
        seen.add(fingerprint)
    return planned


def _accepted_fingerprints(lake: Lake, left: list[Delivery]) -> set[Print]:
    """Files that are in by other deliveries than those that are left: what these had is replaced.

    Of dates nearby alone, so that this costs the same every night: a record is of its delivery's date, the one before
    or the one after, so a file of two deliveries further apart has no record that both could count.
    """
    prints = {file.sha256 for delivery in left for file in delivery.manifest.files}
    if not prints or not lake.exists("deliveries"):
        return set()
    columns = ["mno", "delivery_id", "sha256"]
    found = lake.read_pandas("deliveries", columns, delivery_date=_dates_near(left), status="accepted")
    own = {_key(delivery) for delivery in left}
    rows = found[found["sha256"].isin(prints)].itertuples(index=False, name=None)
    return {(mno, sha256) for mno, delivery_id, sha256 in rows if (mno, delivery_id) not in own}


def _dates_near(deliveries: list[Delivery]) -> list[dt.date]:
    """Dates of which a delivery may hold a record that one of these holds too."""
    apart = range(2 * min(DAYS), 2 * max(DAYS) + 1)
    return sorted({one.manifest.event_date + dt.timedelta(days=days) for one in deliveries for days in apart})


def _key(delivery: Delivery) -> Key:
    return delivery.mno, delivery.delivery_id


def _fingerprints(delivery: Delivery) -> set[tuple[str, str]]:
    return {(file.name, file.sha256) for file in delivery.manifest.files}


def _take(lake: Lake, wave: list[Planned], engine: Engine, on_progress: Progress, limits: Limits) -> set[Print]:
    """Take a wave in; the fingerprints of its files that were accepted."""
    _refuse_encrypted(wave, engine)
    lake.make_zone("restricted")  # a lake without a register may hold nothing there yet
    scratch = f"{lake.zone('restricted')}/_scratch/{uuid.uuid4().hex}"
    partitions = [{"mno": p.delivery.mno, "delivery_id": p.delivery.delivery_id} for p in wave]
    try:
        with spark_progress.watched(lake.spark, on_progress), contextlib.ExitStack() as held:
            lake.replace_partitions("intake", _intake(lake, wave, scratch, engine, limits, held), partitions)
    except PopflowError:
        raise
    except Exception as error:  # noqa: BLE001 - Spark wraps what its tasks raise in types of its own
        raise PopflowError(_one_line(error)) from None
    finally:
        _remove(scratch)
    tallies = lake.read_pandas("tallies", **_any_of(partitions))
    conservation.refuse_difference(_manifest_rows(wave), tallies.loc[_of(wave, tallies)])
    set_aside = conservation.whole_files(tallies)
    rows = delivery_rows(wave, set_aside, dt.datetime.now(dt.UTC))
    lake.replace_partitions("deliveries", lake.frame("deliveries", rows), partitions)
    fresh = [(p.delivery, file) for p in wave for file in p.fresh]
    return {(d.mno, file.sha256) for d, file in fresh if (d.mno, d.delivery_id, file.name) not in set_aside}


def _refuse_encrypted(wave: list[Planned], engine: Engine) -> None:
    """Raise PopflowError where a file of a wave is encrypted and nothing here opens it."""
    encrypted = [f"{p.delivery.address}/{file.name}" for p in wave for file in p.fresh if is_encrypted(file.name)]
    if encrypted and engine == "spark":  # Spark keeps the rows it reads, on disk where memory is short
        raise PopflowError(f"{printable(encrypted[0])}: the engine spark reads no encrypted file; use kernel or duckdb")
    if encrypted:
        identities()


def _intake(
    lake: Lake, wave: list[Planned], scratch: str, engine: Engine, limits: Limits, held: contextlib.ExitStack
) -> DataFrame:
    contract = lake.contracts.table("intake")
    cells = _write_cells(lake, wave, scratch)
    cores = lake.spark.sparkContext.defaultParallelism
    total = sum(file.bytes for planned in wave for file in planned.fresh)
    made = packs([(p.delivery, p.fresh) for p in wave], budget(total, cores))
    feeds = {p.delivery.mno: lake.contracts.feeds[p.delivery.feed] for p in wave}
    if engine == "spark":
        from popflow.intake.spark_sql import reduced_by_spark

        frame = reduced_by_spark(lake.spark, made, feeds, cells, contract, held)
    else:
        task = tasks.PackTask(feeds, cells, contract, limits, engine)
        frame = tasks.combined(tasks.reduced(lake.spark, made, task, contract))
    unlisted = [
        {"mno": p.delivery.mno, "delivery_id": p.delivery.delivery_id, "kind": "quarantine", "file": name,
         "reason": "file_unlisted"}
        for p in wave for name in p.delivery.unlisted
    ]  # fmt: skip
    return frame.unionByName(lake.spark.createDataFrame(unlisted, contract.spark_schema()))


def _write_cells(lake: Lake, wave: list[Planned], scratch: str) -> dict[str, str]:
    """Address of each MNO's cell table of the night."""
    addresses: dict[str, str] = {}
    for planned in wave:
        mno = planned.delivery.mno
        if mno in addresses:
            continue
        columns = ["mno", "cell_id", "county_code", "area_share", "valid_from", "valid_to"]
        known = lake.read_arrow("cell_to_county", columns, mno=mno)
        if not known.num_rows:
            raise PopflowError(f"cell_to_county has no cell of {mno}; load them: popflow reference load cells FILE")
        feed = lake.contracts.feeds[planned.delivery.feed]
        addresses[mno] = f"{scratch}/cells-{mno}.parquet"
        date = planned.delivery.manifest.event_date
        cell_table.write_cells(cell_table.cell_table(known, feed, date), addresses[mno])
    return addresses


def delivery_rows(wave: list[Planned], set_aside: Mapping[conservation.FileKey, str], now: dt.datetime) -> list[tuple]:
    """Rows of the contract `deliveries`; set_aside: reason of each file that was set aside whole."""
    rows = []
    for delivery, fresh, redelivered in wave:
        for file, again in [*((file, False) for file in fresh), *((file, True) for file in redelivered)]:
            key = (delivery.mno, delivery.delivery_id, file.name)
            status = "redelivered" if again else "quarantined" if key in set_aside else "accepted"
            rows.append((delivery.mno, delivery.delivery_id, delivery.manifest.event_date, file.name, file.area,
                         file.sha256, file.rows, status, now))  # fmt: skip
    return rows


def _manifest_rows(wave: list[Planned]) -> dict[conservation.FileKey, int]:
    return {(p.delivery.mno, p.delivery.delivery_id, file.name): file.rows for p in wave for file in p.fresh}


def _of(wave: list[Planned], rows: pd.DataFrame) -> list[bool]:
    mine = {_key(planned.delivery) for planned in wave}
    return [key in mine for key in zip(rows.mno, rows.delivery_id, strict=True)]


def _any_of(partitions: list[dict[str, str]]) -> dict[str, list[str]]:
    return {column: sorted({partition[column] for partition in partitions}) for column in ("mno", "delivery_id")}


def _remove(address: str) -> None:
    from pyarrow.fs import FileType

    system, path = open_address(address)
    if system.get_file_info(path).type == FileType.Directory:
        system.delete_dir(path)


def _one_line(error: Exception) -> str:
    """What a task said, without Spark's stack; never a line of a file, since tasks say none."""
    if fault := fault_in(error):
        return str(fault)
    said = re.findall(r"^(?:\w+\.)*(?:PopflowError|RuntimeError|MemoryError|OSError): (.+)$", str(error), re.MULTILINE)
    return said[-1].strip() if said else f"intake failed in Spark ({type(error).__name__}); see the log of its tasks"
