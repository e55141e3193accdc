"""Indicators of the kind hundreds as contracts: figures that cut across the trees, rounded to hundreds, told once.

A county has a row or none. Gate, auditor and reader each interpret these with code of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, model_validator

from popflow.declared import Declared
from popflow.indicators import DOTTED, Labels, NamesFunction

ROUNDED_TO = 100  # constants of the promise (docs/explanation/disclosure.md): an indicator can only raise the others
LEAST_FIGURE = 200
LEAST_WITHOUT = 20
FIRST_HOUR, HOURS = 0, 24
# What was attacked by enumeration before anything of it was published (tests/attack): how the offset is drawn, and
# whether movers are counted. A form that is not among these is refused.
ATTACKED = {("fixed", False): "nobody whom a tree counts by his move", ("by_date", True): "movers, with an own part"}


class Part(Declared):
    """Persons of an exact table, by its column `part`.

    counted: they are in the figure. least: how many have to be there for a row; large: as many as a published cell
    holds; secret: more than that, by a number that only the key tells.
    """

    counted: bool
    least: Literal["large", "secret"] | None = None


class Hundreds(NamesFunction):
    """A published indicator of the kind hundreds.

    counts: a pure function, by dotted name, from person_day and person_state of a date and the MNOs of the night to
    rows of `exact`. hourly: there is a figure for each full hour. offset: what is added in secret before a figure is
    rounded off is the county's for good, or drawn anew on each date. movers: persons are counted by their move, whom
    trees count too; then the public test holds. least_figure, least_without: thresholds of its own, which can only
    raise those of the kind. beside: for each other indicator, why both may stand side by side.
    """

    kind: Literal["hundreds"]
    labels: Labels
    meaning: Labels
    unit: Literal["person"]
    counts: str = Field(pattern=DOTTED)
    exact: str
    when: Literal["daily"]
    definition: str = Field(min_length=1)
    hourly: bool = False
    offset: Literal["fixed", "by_date"]
    movers: bool = False
    parts: dict[str, Part] = Field(min_length=1)
    least_figure: int = Field(default=LEAST_FIGURE, ge=LEAST_FIGURE, multiple_of=ROUNDED_TO)
    least_without: int = Field(default=LEAST_WITHOUT, ge=LEAST_WITHOUT)
    beside: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _of_a_form_that_was_attacked(self) -> Hundreds:
        if (self.offset, self.movers) not in ATTACKED:
            known = " or ".join(f"{offset} with movers: {str(movers).lower()}" for offset, movers in ATTACKED)
            raise ValueError(f"offset: only {known}; no other form was attacked")
        own = [name for name, part in self.parts.items() if part.least == "secret"]
        if self.movers != bool(own):
            raise ValueError("parts: where movers are counted, one part is whom no tree counts, with least: secret")
        if not self.counted:
            raise ValueError("parts: none is counted")
        return self

    @property
    def counted(self) -> list[str]:
        """Parts that a figure counts."""
        return [name for name, part in self.parts.items() if part.counted]

    @property
    def of_trees(self) -> list[str]:
        """Parts that a figure on movers counts and trees count too."""
        return [name for name in self.counted if self.parts[name].least != "secret"]

    @property
    def hours(self) -> tuple[int | None, ...]:
        """The hours of a date that have figures; None alone where a figure is of the whole date."""
        return tuple(range(FIRST_HOUR, HOURS)) if self.hourly else (None,)

    def function(self) -> Callable[..., Any]:
        """The function that `counts` names. Raises PopflowError where there is none."""
        return self._named_by("counts")
