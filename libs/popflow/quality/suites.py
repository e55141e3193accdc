"""The expectations: what the contracts say of each column, and what no contract can say.

Each rule is a line: column, least, most, severity, and what it means when it fails. A critical rule stops the night; a
warning is reported and lets it pass.
"""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from popflow.environment import NO_ANALYTICS
from popflow.quality.coverage import LEAST_NEAR_PERCENT, LEAST_PERCENT

if TYPE_CHECKING:
    from popflow.tables import Column, Table

Severity = Literal["critical", "warning"]
UNIQUE = "key_is_unique"


@dataclass(frozen=True)
class Rule:
    """A figure's range; null figures (no history) pass unless the rule demands one.

    of_nation: holds of a whole nation; of a sample of its people, such as a simulation, it is a warning at most.
    """

    column: str
    least: float | None
    most: float | None
    severity: Severity
    says: str
    demanded: bool = False
    of_nation: bool = False

    def holds(self, value: float | None) -> bool:
        """Whether a figure is in the range; without one, whether none is demanded."""
        if value is None or value != value:
            return not self.demanded
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


SUITES: dict[str, tuple[Rule, ...]] = {
    "intake": (
        Rule("located_percent", 90, None, "critical", "cells are missing or the cell table is another MNO's", True),
        Rule("readable_percent", 95, None, "critical", "records do not fit the feed's contract", True),
        Rule("in_time_percent", 90, None, "critical", "records are of other days: a clock or a time zone is off", True),
        Rule("whole_files_percent", 90, None, "critical", "files were set aside whole", True),
        Rule("new_files_percent", 50, None, "critical", "the delivery repeats files of an earlier one", True),
        Rule("new_files_percent", 100, None, "warning", "some files repeat an earlier delivery's"),
        Rule("twin_deliveries", None, 0, "critical", "a delivery came twice under two names"),
        Rule("empty_hours", None, 0, "critical", "hours are missing: files, or a shifted clock", True),
        Rule("night_share_percent", None, 15, "critical", "the night is as busy as the day: a shifted clock", True),
        Rule("percent_of_norm", LEAST_PERCENT, 150, "critical", "the MNO's active SIMs are off their trailing norm"),
        Rule("share_points_off_norm", None, 8, "critical", "the MNO's share of all active SIMs has jumped"),
        Rule("prefectures_near_norm_percent", LEAST_NEAR_PERCENT, None, "critical", "prefectures are off their norm",
             of_nation=True),
        Rule("profile_points_off_norm", None, 15, "critical", "the day's hours are not those of the days before"),
        Rule("percent_of_same_weekday", 70, 150, "warning", "the night is unlike the same weekday a week before"),
    ),
    "movement": (
        Rule("counties_in_edition_percent", 100, None, "critical", "county codes of another edition", True),
        Rule("stayers_percent", 50, None, "critical", "half of all persons moved: swapped cell table", of_nation=True),
        Rule("imbalance_percent", None, 10, "critical", "the date does not begin where the one before ended"),
        Rule("registered_percent", 80, None, "warning", "many SIMs have no register entry"),
        Rule("rows_over_their_sum", None, 0, "critical", "a part is larger than its whole", True),
        Rule("hours", 24, 24, "critical", "hours are missing in the population", True),
        Rule("hourly_swing_percent", None, 20, "critical", "the population changes over the day", True, True),
        Rule("census_percent", None, 110, "critical", "more persons than residents", True),
        Rule("census_agreement_percent", 50, None, "critical", "persons are not where residents are", of_nation=True),
    ),
}  # fmt: skip


def expectations(rules: tuple[Rule, ...], sample: bool = False) -> list[Any]:
    """GX expectations of a suite's rules; sample: as they are held against a sample of the people."""
    gxe = great_expectations().expectations
    found: list[Any] = []
    for rule in rules:
        severity = "warning" if sample and rule.of_nation else rule.severity
        said: dict[str, Any] = {"severity": severity, "notes": rule.says, "meta": {"says": rule.says}}
        if rule.demanded:
            found.append(gxe.ExpectColumnValuesToNotBeNull(column=rule.column, **said))
        bounds = {"min_value": rule.least, "max_value": rule.most}
        found.append(gxe.ExpectColumnValuesToBeBetween(column=rule.column, **bounds, **said))
    return found


def contract_expectations(contract: Table) -> list[Any]:
    """GX expectations that a contract implies, for the frame that `checked` makes of a sample."""
    gxe = great_expectations().expectations
    columns = [*contract.columns, UNIQUE]
    found: list[Any] = [gxe.ExpectTableColumnsToMatchSet(column_set=columns, severity="critical")]
    found.append(gxe.ExpectColumnValuesToBeInSet(column=UNIQUE, value_set=[True], severity="critical"))
    for name, column in contract.columns.items():
        said = {"column": name, "severity": "critical", "meta": {"says": column.meaning}}
        if not column.nullable:
            found.append(gxe.ExpectColumnValuesToNotBeNull(**said))
        found.append(gxe.ExpectColumnValuesToBeInSet(value_set=[True], **said))
    return found


def checked(contract: Table, sample: pd.DataFrame) -> pd.DataFrame:
    """A sample in which each value is only whether it has its form, and each key whether it is the only one.

    GX keeps values that it finds odd, and a digest of what it looks at, so it gets none.
    """
    frame = sample.copy()
    frame[UNIQUE] = ~sample.duplicated(contract.key, keep=False) if contract.key else True
    for name, column in contract.columns.items():
        if name in frame:
            frame[name] = [_has_its_form(column, value) for value in sample[name]]
    return frame


def great_expectations() -> Any:
    """GX, imported where it is needed, since that takes seconds; its analytics are off before, as it looks then.

    It takes no digest of what it looks at. GX tries Spark Connect, whose import ends a process that runs no file
    (python -c, a worker of a pool) with exit code 0: it takes it for its own doctests.
    """
    NO_ANALYTICS.set("false")
    program = sys.modules["__main__"]
    no_file = not hasattr(program, "__file__")
    if no_file:
        program.__file__ = "no file"
    try:
        importlib.import_module("great_expectations.expectations")
        engine: Any = importlib.import_module("great_expectations.execution_engine.pandas_execution_engine")
        engine.HASH_THRESHOLD = 0  # GX leaves a digest of each smaller frame in its results and pages
        return importlib.import_module("great_expectations")
    finally:
        if no_file:
            del program.__file__


def _has_its_form(column: Column, value: Any) -> bool | None:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    fits = re.fullmatch(column.pattern, str(value)) is not None if column.pattern else True
    least = column.minimum is None or value >= column.minimum
    most = column.maximum is None or value <= column.maximum
    return bool(fits and least and most)
