"""What the thin jobs/*.py share: one stage of one night, started by spark-submit."""

from __future__ import annotations

import argparse
import uuid

from popflow import contracts
from popflow.cli.app import stopping_in_one_line
from popflow.cli.screen import plain_text
from popflow.dates import day
from popflow.errors import PopflowError, printable
from popflow.lake import Lake
from popflow.pipeline import Night, Stage, run_stage


def submit(stage: Stage) -> None:
    """Run a stage with the arguments of the command line: --date, --lake, --landing, --mno (again for each)."""
    stopping_in_one_line(lambda: _run(stage))


def _run(stage: Stage) -> None:
    parser = argparse.ArgumentParser(prog=f"jobs/{stage.name}.py", description=stage.run.__doc__)
    parser.add_argument("--date", type=day, required=True, help="as 2020-01-22")
    parser.add_argument("--lake", required=True, help="folder or object-storage address of the lake")
    parser.add_argument("--landing", default="", help="folder or object-storage address of the deliveries (intake)")
    parser.add_argument("--mno", action="append", help="an MNO of the night; default all with a contract")
    parser.add_argument("--allow-missing-mno", action="append", default=[], help="release without this MNO, for good")
    parser.add_argument("--reason", type=plain_text, help="reason, kept in the release")
    parser.add_argument("--sample", action="store_true", help="the deliveries cover a sample, as a simulation's do")
    parser.add_argument("--run-id", default=uuid.uuid4().hex[:12], help="the same for the jobs of one night")
    asked = parser.parse_args()
    if stage.name == "intake" and not asked.landing:
        raise PopflowError("jobs/intake.py: --landing is missing: the folder of the deliveries")
    known = contracts.load()
    missing = tuple(asked.allow_missing_mno)
    mnos = tuple(mno for mno in asked.mno or known.mno_bits() if mno not in missing)
    night = Night(asked.date, asked.landing, mnos, missing, asked.reason, sample=asked.sample, run_id=asked.run_id)
    done = run_stage(Lake(asked.lake, known), night, stage)
    print(printable(f"{stage.name}: {done.said}"))
