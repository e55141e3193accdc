"""popflow scenario: January 2020 around Wuhan, night after night, published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from popflow.cli.screen import DATE_HELP, SEEDS, day, progress, say, show
from popflow.errors import PopflowError

WUHAN_2020 = "wuhan-2020"
LEAST_SCALE = 1_000_000  # one person for so many: of 11 million who left Wuhan, eleven


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(scenario)


def scenario(
    name: Annotated[str, typer.Argument(help=f"There is one: {WUHAN_2020}.")],
    out: Annotated[Path, typer.Option(help="Folder for simulation and lake; resumes a stopped run.")],
    scale: Annotated[
        str | None, typer.Option(help="1:N, one person for N; 1:1000, or 1:1 with --counts.", show_default=False)
    ] = None,
    first: Annotated[str, typer.Option("--from", help=DATE_HELP)] = "2019-12-31",
    days: Annotated[int, typer.Option(min=2, max=400, help="Number of days; 37 reach 5 February 2020.")] = 37,
    counts: Annotated[bool, typer.Option("--counts", help="Exact flows, drawn without records.")] = False,
    national: Annotated[bool, typer.Option("--national", help="With --counts: 100 million movers a day.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="The same seed gives the same scenario.")] = 1,
    stayers: Annotated[int, typer.Option(min=0, max=100_000_000, help="Persons in addition to the movers.")] = 50_000,
) -> None:
    """Run the Wuhan 2020 scenario: simulate, all nights, publication; then compare what came out with what went in.

    Example: popflow scenario wuhan-2020 --scale 1:1000 --from 2020-01-18 --days 6 --out scenario
    """
    from popflow.accuracy.scenario_checks import scenario_checks, wuhans_outflow
    from popflow.scenario import ScenarioRun, run_scenario

    if name != WUHAN_2020:
        raise PopflowError(f"no scenario '{name}'; there is {WUHAN_2020}")
    if national and not counts:
        raise PopflowError("--national: the nation's movers are drawn without records; give --counts as well")
    one_for = _scale(scale or ("1:1" if counts else "1:1000"))
    asked = ScenarioRun(out, one_for, day(first), days, seed, stayers, counts, national)
    with progress(name) as on_progress:
        lake = run_scenario(asked, on_progress)
    show(scenario_checks(wuhans_outflow(lake)), "What came out beside what the scenario was fed with")
    say("The scenario is fed with these figures: this shows that they are handed through, and validates nothing.")
    say(f"Ask on: popflow pull outflow --area wuhan --days 14 --before 2020-01-23 --lake {out / 'lake'}")


def _scale(text: str) -> float:
    try:
        one, _, many = text.rpartition(":")
        if one in ("", "1") and 1 <= float(many) <= LEAST_SCALE:
            return float(many)
    except ValueError:
        pass
    raise PopflowError(f"--scale {text}: write 1:N, as 1:50; N from 1 to {LEAST_SCALE:,}")
