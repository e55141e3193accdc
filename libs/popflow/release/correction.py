"""A correction: a new release of a date from its exact tables computed anew, as far as the earlier ones let it be.

Whoever compares two releases sees who joined and who left each cell. These are computed person by person, between whom
the date counts now and whom each earlier release counted (`released_persons`). Whoever stayed where they were neither
joined nor left, whatever the register says of them now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popflow.audit import stamp_published
from popflow.dates import ONE_DAY
from popflow.disclosure import EarlierRelease, ProtectedTable, protect_flows, refuse_second
from popflow.errors import PopflowError
from popflow.exact import days_of, keep_exact
from popflow.lake import Lake
from popflow.movement.headcounts import MNOs, headcounts
from popflow.movement.person_states import person_states
from popflow.release.candidates import audited, bits_of, day_end_counties, input_fingerprint
from popflow.release.commit import Run, keep_base_cells, publish
from popflow.release.ledger import all_releases, record_releases, releases_of
from popflow.release.persons import departures, keep_persons

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

CELL = ["origin_county", "destination_county"]
SAME = ["person_key", *CELL]
KNOWN_AS = ["person_key", "registered", "mno_mask"]


@dataclass(frozen=True)
class Persons:
    """A date's persons: as its tables have them, or computed anew, then with person_day."""

    state: DataFrame
    days: DataFrame | None = None

    def forget(self) -> None:
        """Let go of what was kept in memory; a later reading of the same tables would be given it, old as it is."""
        for frame in (self.days, self.state):
            if frame is not None:
                frame.unpersist()


def correct(lake: Lake, date: dt.date, reason: str, signed_by: str, run_id: str) -> ProtectedTable:
    """Release a date once more. Raises PopflowError, with nothing published or changed, where that may not be.

    While the date's presence is kept, its persons are computed anew, with all deliveries that have come since; after
    that its tables are taken as they stand. Nothing else is computed again: what followed from the date stands.
    """
    if not reason.strip() or not signed_by.strip():
        raise PopflowError("a correction needs --reason and --signed-by: both stand in its release, for good")
    record_releases(lake)
    name = lake.contracts.correctable.indicator
    _refuse_unless_kept(lake, date, releases_of(lake, name, date))
    mnos = _mnos_of(lake, date)
    persons = _computed_anew(lake, date, mnos)
    now = departures(lake, lake.contracts.correctable, persons.state).persist()
    try:
        table = _protected(lake, date, now, persons.state, mnos)
        verdict = audited(lake, table)
        if verdict.ok:
            _replace_exact(lake, date, persons, bits_of(lake, mnos))
            keep_persons(lake, date, table.release, now)
            keep_base_cells(lake, table)
        run = Run(run_id, input_fingerprint(lake, date), tuple(mnos), reason, signed_by)
        publish(lake, table, verdict, run)
        stamp_published(lake, verdict, date)
    finally:
        now.unpersist()
        persons.forget()
    return table


def _refuse_unless_kept(lake: Lake, date: dt.date, releases: Sequence[dict[str, Any]]) -> None:
    numbers = [int(row["release"]) for row in releases]
    if not numbers:
        raise PopflowError(f"{date} has no release to correct; popflow nightly --date {date} makes the first")
    refuse_second(numbers, date)
    days = lake.contracts.disclosure.correction_days
    nights = [dt.date.fromisoformat(one["as_of"]) for one in lake.partitions("person_state")]
    if not nights or (max(nights) - date).days > days:
        raise PopflowError(f"{date} cannot be corrected any more: its person tables are kept for {days} days")
    kept = {(one["date"], one["release"]) for one in lake.partitions("released_persons")}
    _refuse_other_definition(lake, date, releases)
    _refuse_told(lake, date)
    for number in numbers:
        if (str(date), str(number)) not in kept:
            raise PopflowError(
                f"{date} cannot be corrected: whom its release {number} counted is not kept any more (released_persons)"
            )


def _refuse_told(lake: Lake, date: dt.date) -> None:
    """Raise PopflowError where dates are not corrected, or figures on movers were told of this one.

    Who left a cell was in it: with what a figure leaves room for, that can tell the others (tests/attack).
    """
    if not lake.contracts.disclosure.corrections:
        raise PopflowError(f"correction of {date} refused: disclosure.yaml says that dates are never corrected")
    movers = {name for name, one in lake.contracts.hundreds.items() if one.movers}
    if told := sorted({row["indicator"] for row in all_releases(lake) if row["date"] == date} & movers):
        raise PopflowError(
            f"correction of {date} refused: {told[0]} of it was told, and both would tell single persons"
        )


def _refuse_other_definition(lake: Lake, date: dt.date, releases: Sequence[dict[str, Any]]) -> None:
    """Raise PopflowError where a release went by another definition, by which others would have joined and left."""
    now = lake.contracts.correctable.definition
    others = sorted({str(row["definition"]) for row in releases} - {now})
    if others:
        raise PopflowError(
            f"correction refused: {date} was released by {others[0]}, and persons are counted by {now} now"
        )


def _mnos_of(lake: Lake, date: dt.date) -> list[str]:
    """MNOs whose deliveries of a date were taken in, late ones too."""
    files = lake.read_pandas("deliveries", columns=["mno"], delivery_date=date, status="accepted")
    return [mno for mno in lake.contracts.mno_bits() if mno in set(files["mno"])]


def _protected(lake: Lake, date: dt.date, now: DataFrame, state: DataFrame, mnos: Sequence[str]) -> ProtectedTable:
    bits = bits_of(lake, mnos)
    earlier = _earlier(lake, date, now, state.select(*KNOWN_AS), bits)
    if earlier[-1].changes.empty:
        raise PopflowError(f"{date}: nobody joined or left since release {earlier[-1].release}: nothing to correct")
    ends = day_end_counties(lake)
    return protect_flows(
        now.groupBy(*CELL).agg(*headcounts(bits)).toPandas(),
        indicator=lake.contracts.correctable,
        date=date,
        release=earlier[-1].release + 1,
        areas=lake.contracts.areas,
        covered_counties=ends(date),
        covered_before=ends(date - ONE_DAY),
        mnos=mnos,
        rules=lake.contracts.disclosure,
        earlier=earlier,
    )


def _earlier(lake: Lake, date: dt.date, now: DataFrame, known: DataFrame, bits: MNOs) -> list[EarlierRelease]:
    """Every release of a date that somebody may have read, with who joined and who left since."""
    found = []
    name = lake.contracts.correctable.indicator
    for row in releases_of(lake, name, date):
        number = int(row["release"])
        before = lake.read("released_persons", date=date, release=number).select(*SAME, *KNOWN_AS[1:])
        _refuse_other_keys(number, before, known)
        rows = lake.read_pandas("flows", indicator=name, date=date, release=number)
        found.append(EarlierRelease(number, rows, changes(before, now, known, bits), tuple(row["mnos"])))
    return found


def _refuse_other_keys(number: int, before: DataFrame, known: DataFrame) -> None:
    """Raise PopflowError where nobody of before is known by the same key now: who stayed could not be told."""
    if not before.isEmpty() and before.join(known, "person_key", "left_semi").isEmpty():
        raise PopflowError(
            f"correction refused: nobody whom release {number} counted is there by the same key; the key file or the "
            "register's person tokens are others now, and who stayed cannot be told"
        )


def changes(before: DataFrame, now: DataFrame, known: DataFrame, bits: MNOs) -> pd.DataFrame:
    """Who joined and who left each cell between two countings of a date's departures, by person and places alone.

    Each counts with the less favourable of what the register says of them now and what it said before, as far as both
    know them (popflow.disclosure.correction says why).
    In: person_key, registered, mno_mask; before and now also origin_county, destination_county. known: all persons of
    the date now, wherever they are. Out: as EarlierRelease wants them.
    """
    from pyspark.sql import functions as F

    joined = _less_favourable(now.join(before, SAME, "left_anti"), before).withColumn("change", F.lit("joined"))
    left = _less_favourable(before.join(now, SAME, "left_anti"), known).withColumn("change", F.lit("left"))
    ends = [F.col(cell).alias(cell.replace("county", "code")) for cell in CELL]
    return joined.unionByName(left).groupBy("change", *ends).agg(*headcounts(bits)).toPandas()


def _less_favourable(persons: DataFrame, others: DataFrame) -> DataFrame:
    """Persons as registered where both frames say so, and with the SIMs that either gives them."""
    from pyspark.sql import functions as F

    also = others.select("person_key", F.col("registered").alias("also"), F.col("mno_mask").alias("more"))
    both = persons.join(also, "person_key", "left")
    registered = F.col("registered") & F.coalesce("also", F.lit(True))
    mask = F.col("mno_mask").bitwiseOR(F.coalesce("more", F.lit(0)))
    return both.withColumns({"registered": registered, "mno_mask": mask}).drop("also", "more")


def _computed_anew(lake: Lake, date: dt.date, mnos: Sequence[str]) -> Persons:
    """The persons of a date from presence, while all that is needed is kept; else as its tables have them."""
    if not _presence_is_whole(lake, date):
        return Persons(lake.read("person_state", as_of=date))
    yesterday = lake.read("person_state", as_of=date - ONE_DAY)
    days = days_of(lake, date, mnos, yesterday).persist()
    return Persons(person_states(yesterday, days, date).persist(), days)


def _presence_is_whole(lake: Lake, date: dt.date) -> bool:
    """Whether the presence of every delivery that can hold records of a date is still kept, and yesterday's state."""
    kept = {(one["mno"], one["delivery_id"]) for one in lake.partitions("presence")}
    near = [date - ONE_DAY, date, date + ONE_DAY]
    files = lake.read_pandas("deliveries", columns=["mno", "delivery_id"], delivery_date=near, status="accepted")
    there = set(files.itertuples(index=False, name=None)) <= kept
    return there and str(date - ONE_DAY) in {one["as_of"] for one in lake.partitions("person_state")}


def _replace_exact(lake: Lake, date: dt.date, persons: Persons, bits: MNOs) -> None:
    """Put what was computed anew in the place of a date's tables; none where they were taken as they stand.

    What the night alone reads, the persons' day and the population by hour, is not written again.
    """
    if persons.days is None:
        return
    lake.replace("person_state", persons.state, as_of=date)
    keep_exact(lake, lake.contracts.correctable, date, persons.state, bits)
