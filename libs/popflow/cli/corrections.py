"""popflow correct and popflow noise: for those who answer for what a date publishes beside its night."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from popflow.cli.opened import opened, unwatched
from popflow.cli.screen import DATE_HELP, LAKE, day, progress, say
from popflow.errors import PopflowError


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(correct)
    app.command()(noise)


def correct(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    reason: Annotated[str, typer.Option(help="Stands in the release, for good.")],
    signed_by: Annotated[str, typer.Option(help="Who answers for it, by name.")],
    lake: Annotated[str, LAKE],
) -> None:
    """Release a date once more, with what came late; refused where the difference would tell of few persons.

    Example: popflow correct --date 2020-01-22 --reason "late files" --signed-by "Li Na" --lake lake
    """
    from popflow.corrections import correct as run
    from popflow.operations.attended import attended

    at, run_id = unwatched(lake), uuid.uuid4().hex[:12]
    with attended(at, day(date), run_id, "correction") as log, progress(f"correcting {date}"):
        table = run(at, day(date), reason, signed_by, run_id)
        log.finish(table.status)
    say(f"{table.indicator} of {date}: {table.status} as release {table.release}; the earlier ones stay readable as of")


def noise(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    cost: Annotated[float, typer.Option(help="Of the budget in disclosure.yaml: epsilon (laplace) or rho (gaussian).")],
    out: Annotated[Path, typer.Option(help="File .csv or .parquet.")],
    lake: Annotated[str, LAKE],
) -> None:
    """Inflow by differential privacy: figures with noise, for cells large enough to be published; each call costs.

    Example: popflow noise --date 2020-01-22 --cost 0.5 --out inflow.csv --lake lake
    """
    from popflow.noisy_inflow import noisy_inflow
    from popflow.operations.turns import one_at_a_time
    from popflow.publish.tables_out import format_of, refuse_no_folder, save

    if format_of(out) not in ("csv", "parquet"):
        raise PopflowError(f"{out}: noise is written as .csv or .parquet")
    refuse_no_folder(out)  # before anything is spent
    at = opened(lake)
    with one_at_a_time(at, f"noise of {date}"):
        rows = noisy_inflow(at, day(date), cost)
    save(rows, out)
    say(f"{len(rows):,} cells of inflow with noise written to {out}; what they cost is spent for good")
