"""The data-quality checks between the stages: Great Expectations looks at small frames, and what fails stops the night.

Suites, validation results and Data Docs lie in the lake's ops folder, for the owner only. Frames of figures hold
national figures; of samples GX is told whether each value has its form and nothing else, so that it can keep no value
and no digest of one. It tells nobody: its analytics are off before it is imported.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from popflow.errors import PopflowError
from popflow.quality.suites import SUITES, checked, contract_expectations, expectations, great_expectations

if TYPE_CHECKING:
    from popflow.lake import Lake
    from popflow.tables import Table

SAMPLE = 20_000  # rows of a table that a contract's suite looks at; every row passes Delta's constraints anyway

DOCS = ("gx", "uncommitted", "data_docs", "local_site")


@dataclass(frozen=True)
class Finding:
    """An expectation that did not hold."""

    expectation: str
    column: str
    figure: str
    bounds: str
    says: str

    def __str__(self) -> str:
        figure = f" is {self.figure}, {self.bounds}" if self.figure else ""
        return f"{self.expectation}({self.column}){figure}: {self.says}"


@dataclass(frozen=True)
class CheckVerdict:
    """What GX found, and what of it stops the night or is worth a warning; page: of the Data Docs, if any."""

    suite: str
    ok: bool
    failed: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    result: dict[str, Any] = field(repr=False, default_factory=dict)
    page: str = ""

    def enforce(self) -> CheckVerdict:
        """Raise PopflowError naming the first failed expectation and its figure; the verdict itself where none is."""
        if not self.ok:
            more = f" ({len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
            page = f"; its page: {self.page}" if self.page else ""
            raise PopflowError(f"data-quality check {self.suite}: {self.failed[0]}{more}; nothing is published{page}")
        return self


class QualityChecks:
    """The data-quality checks of a run; GX's project lies in ops/quality. pages: each makes a page to the Data Docs."""

    def __init__(self, folder: Path, date: dt.date, run_id: str, *, pages: bool = True) -> None:
        self.folder = folder
        self._pages = pages
        self._run_name = f"{date}.{run_id}"
        self._context = _context(folder)

    @classmethod
    def of(cls, lake: Lake, date: dt.date, run_id: str) -> QualityChecks:
        """The data-quality checks of a run of a lake. Raises PopflowError where the ops zone is not a local folder."""
        return cls(lake.local_zone("ops") / "quality", date, run_id)

    def check(self, suite: str, figures: pd.DataFrame, *, sample: bool = False) -> CheckVerdict:
        """Hold figures (see popflow.quality.figures) against a suite of popflow.quality.suites.

        sample: they cover a sample of the people, so checks made for a nation only warn.
        """
        columns = {rule.column for rule in SUITES[suite]}
        subject = [name for name in ("mno",) if name in figures]
        seen = {"result_format": "COMPLETE", "unexpected_index_column_names": subject}
        return self._run(suite, figures[[*subject, *sorted(columns)]], expectations(SUITES[suite], sample), seen)

    def check_contract(self, contract: Table, sample: pd.DataFrame) -> CheckVerdict:
        """Hold a sample of a table against its contract's suite; no value is kept, nor how many of them do not fit."""
        form = {"result_format": "BOOLEAN_ONLY"}
        frame = checked(contract, sample.head(SAMPLE))
        return self._run(f"contract_{contract.table}", frame, contract_expectations(contract), form)

    def docs(self) -> Path:
        """The first page of the Data Docs; each check adds a page of its own."""
        return self.folder.joinpath(*DOCS, "index.html")

    def _run(self, name: str, frame: pd.DataFrame, rules: list[Any], form: dict[str, Any]) -> CheckVerdict:
        with _owner_only():
            verdict = _verdict(name, self._ran(name, frame, rules, form))
        return replace(verdict, page=str(self.docs()) if self._pages else "")

    def _ran(self, name: str, frame: pd.DataFrame, rules: list[Any], form: dict[str, Any]) -> dict[str, Any]:
        gx = great_expectations()
        context = self._context
        source = context.data_sources.add_or_update_pandas(name)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
        suite = context.suites.add_or_update(gx.ExpectationSuite(name, expectations=rules))
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        definition = context.validation_definitions.add_or_update(definition)
        pages: Any = [gx.checkpoint.UpdateDataDocsAction(name="pages")] if self._pages else []
        checkpoint = gx.Checkpoint(name=name, validation_definitions=[definition], actions=pages, result_format=form)
        checkpoint = context.checkpoints.add_or_update(checkpoint)
        ran = checkpoint.run(
            batch_parameters={"dataframe": frame}, run_id=gx.core.RunIdentifier(run_name=self._run_name)
        )
        return dict(next(iter(ran.run_results.values())).to_json_dict())


def _verdict(suite: str, result: dict[str, Any]) -> CheckVerdict:
    unmet = [one for one in result["results"] if not one["success"]]
    critical = tuple(_finding(one) for one in unmet if one["expectation_config"].get("severity") != "warning")
    warnings = tuple(_finding(one) for one in unmet if one["expectation_config"].get("severity") == "warning")
    return CheckVerdict(suite, not critical, critical, warnings, result)


def _finding(result: dict[str, Any]) -> Finding:
    config = result["expectation_config"]
    kwargs = config["kwargs"]
    bounds = [f"at least {kwargs['min_value']:g}"] if kwargs.get("min_value") is not None else []
    bounds += [f"at most {kwargs['max_value']:g}"] if kwargs.get("max_value") is not None else []
    column = str(kwargs.get("column") or "columns")
    says = str(config.get("meta", {}).get("says", "see the table's contract"))
    return Finding(config["type"], column, _figure(result, column), ", ".join(bounds) or "must be known", says)


def _figure(result: dict[str, Any], column: str) -> str:
    """The figures that GX found odd, with whose they are; nothing where it was told to keep none."""
    odd = (result.get("result") or {}).get("unexpected_index_list") or []
    named = [one for one in odd if isinstance(one, dict)]
    if named:
        return ", ".join(
            f"{one.get(column)} of {one['mno']}" if "mno" in one else str(one.get(column)) for one in named
        )
    return ", ".join(str(one) for one in (result.get("result") or {}).get("partial_unexpected_list") or [])


def _context(folder: Path) -> Any:
    gx = great_expectations()
    with _owner_only():
        folder.mkdir(parents=True, exist_ok=True)
        context: Any = gx.get_context(mode="file", project_root_dir=str(folder))
        context.enable_analytics(False)
        context.variables.progress_bars = {"globally": False}
    return context


@contextmanager
def _owner_only() -> Iterator[None]:
    """GX leaves its files as the umask says."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
