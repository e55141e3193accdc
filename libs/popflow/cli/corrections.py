"""popflow correct: for those who answer for what a date publishes beside its night."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from popflow.cli.lakes import open_unrecorded
from popflow.cli.screen import DATE_HELP, LAKE, day, plain_text, progress, say


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(correct)


def correct(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    reason: Annotated[str, typer.Option(callback=plain_text, help="Reason, kept in the release for good.")],
    signed_by: Annotated[str, typer.Option(callback=plain_text, help="Name of who answers for it.")],
    lake: Annotated[str, LAKE],
) -> None:
    """Release a date again, with what came late; refused where the difference would reveal a small group.

    Example: popflow correct --date 2020-01-22 --reason "late files" --signed-by "Li Na" --lake lake
    """
    from popflow.operations.at_rest import at_rest, kept_from_others
    from popflow.operations.recorded_run import recorded_run
    from popflow.release.correction import correct as run

    at, run_id = open_unrecorded(lake), uuid.uuid4().hex[:12]
    kept = kept_from_others(at, sample=at_rest(at).state == "sample")
    with recorded_run(at, day(date), run_id, "correction") as log, progress(f"correcting {date}"):
        with kept:
            table = run(at, day(date), reason, signed_by, run_id)
        log.finish(table.status)
    said = f"{table.indicator} of {date}: {table.status} as release {table.release}"
    say(f"{said}; earlier releases can still be read with --as-of")
