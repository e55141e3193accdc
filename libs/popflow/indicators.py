"""Indicators of the kind chain as contracts: what is published of which persons, by which steps, and what beside it.

Night, gate, auditor and reader each interpret these with code of their own; nothing here says how.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from popflow.declared import Declared
from popflow.errors import PopflowError

NAME = r"^[a-z][a-z0-9_]{0,40}$"
DOTTED = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"
ORIGINS = ("area", "prefecture", "county")  # each within the one before
DESTINATIONS = ("all", "border", "province", "prefecture", "county")


class Step(Declared):
    """One step of a chain: levels of origin and destination, and the end in which its rest row bears another code.

    The rest row names its parent there: rest_of_<code>. A step without one shows all its children or none.
    """

    step: str = Field(pattern=NAME)
    origin: Literal["area", "prefecture", "county"]
    destination: Literal["all", "border", "province", "prefecture", "county"]
    rest: Literal["origin", "destination"] | None = None

    @property
    def levels(self) -> tuple[int, int]:
        """How fine origin and destination are, 0 for the coarsest."""
        return ORIGINS.index(self.origin), DESTINATIONS.index(self.destination)


class Labels(Declared):
    """A text for people, Chinese and English."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class NamesFunction(Declared):
    """A contract of an indicator that names a pure function: popflow's own, or of a module in the contracts' folder."""

    indicator: str = Field(pattern=NAME)
    _folder: Path = PrivateAttr(default=Path())

    def in_folder(self, folder: Path) -> Self:
        """This contract, knowing the folder of contracts that it was read from."""
        self._folder = folder
        return self

    def _named_by(self, field: str) -> Callable[..., Any]:
        """The function that a field names. Raises PopflowError, with file and field, where there is none."""
        module, _, name = str(getattr(self, field)).rpartition(".")
        beside = self._folder / f"{module}.py"
        try:
            there = _loaded(module, beside) if beside.is_file() else importlib.import_module(f"popflow.{module}")
            made: Callable[..., Any] = getattr(there, name)
        except (ImportError, AttributeError, SyntaxError):
            raise PopflowError(
                f"{self._folder}/indicators/{self.indicator}.yaml: {field}: there is no function {name} in "
                f"popflow.{module} or {beside}"
            ) from None
        return made


class Link(Declared):
    """What another indicator has to do with this one. Only such as count other persons may stand side by side."""

    indicator: str
    persons: Literal["disjoint"]
    why: str = Field(min_length=1)


class Thresholds(Declared):
    """Thresholds of an indicator's own; they can only raise those of disclosure.yaml."""

    k: int = Field(default=0, ge=0)
    floor: int = Field(default=0, ge=0)


class Indicator(NamesFunction):
    """A published indicator of the kind chain.

    persons: a pure function, by dotted name, from person_state of a date to the persons that it counts (date,
    person_key, origin_county, destination_county, registered, mno_mask). It is popflow's own, or of a module that lies
    in the contracts' folder. exact: the restricted table of their counts by origin and destination county. areas: those
    of areas.yaml whose chains are published. beside: for indicators in hundreds that do not say it themselves, why both
    may stand side by side. headline: what briefing, status and commands speak of where none is named.
    """

    kind: Literal["chain"]
    headline: bool = False
    labels: Labels
    meaning: Labels
    unit: Literal["person"]
    persons: str = Field(pattern=DOTTED)
    exact: str
    when: Literal["daily"]
    definition: str = Field(min_length=1)
    correctable: bool
    areas: Literal["all"] | list[str]
    thresholds: Thresholds = Thresholds()
    links: list[Link] = Field(default_factory=list)
    beside: dict[str, str] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=3)

    @model_validator(mode="after")
    def _steps_refine(self) -> Indicator:
        """Each step divides one end of the one before, and its rest row, if any, differs in that end."""
        names = [one.step for one in self.steps]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"steps: '{min(twice)}' appears twice")
        first = self.steps[0]
        if first.levels != (0, 0) or first.rest:
            raise ValueError("steps: the first is from area to all, without a rest")
        for before, one in zip(self.steps, self.steps[1:], strict=False):
            finer = [new - old for old, new in zip(before.levels, one.levels, strict=True)]
            if sorted(finer) != [0, 1]:
                raise ValueError(f"steps: '{one.step}' has to divide one end of '{before.step}' by one level")
            end = "origin" if finer[0] else "destination"
            sides = one.rest is None and end == "destination" and one.destination == "border"
            if one.rest != end and not sides:
                raise ValueError(f"steps: '{one.step}': rest: its rest row differs in the {end}")
        return self

    def function(self) -> Callable[..., Any]:
        """The function that `persons` names. Raises PopflowError where there is none."""
        return self._named_by("persons")

    def areas_of(self, areas: Mapping[str, Any]) -> dict[str, Any]:
        """Areas, by name, that the indicator is published of, out of some."""
        return {name: area for name, area in areas.items() if self.areas == "all" or name in self.areas}


class Retired(Declared):
    """An indicator that older lakes hold and no release has any more: what it was asked for as, and why it went."""

    asked_as: str
    why: str


def _loaded(name: str, path: Path) -> Any:
    specification = importlib.util.spec_from_file_location(f"contracts_{name}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def refuse_together(indicators: Mapping[str, Indicator], areas: Iterable[str], folder: Path) -> None:
    """Raise PopflowError for indicators that may not stand side by side, or name an area that there is not."""
    known = set(areas)
    for one in reversed(list(indicators.values())):
        where = f"{one._folder}/indicators/{one.indicator}.yaml"
        if one.areas != "all" and (strange := sorted(set(one.areas) - known)):
            raise PopflowError(f"{where}: areas: '{strange[0]}' is none of areas.yaml")
        linked = {link.indicator for link in one.links}
        said = ((other.indicator, link.indicator) for other in indicators.values() for link in other.links)
        linked |= {other for other, named in said if named == one.indicator}
        if unlinked := sorted(set(indicators) - linked - {one.indicator}):
            raise PopflowError(
                f"{where}: links: nothing says that it counts other persons than {unlinked[0]}; of two figures on the "
                "same persons one opens the other by subtraction"
            )
    for what in ("headline", "correctable"):
        named = [one.indicator for one in indicators.values() if getattr(one, what)]
        if len(named) != 1:
            raise PopflowError(f"{folder}/indicators: {what}: of one indicator, not of {', '.join(named) or 'none'}")
