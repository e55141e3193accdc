"""Whether one answer of `popflow feed new` can stand, told before the next question is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from popflow.delivery.guesses import Answers
from popflow.errors import PopflowError, printable
from popflow.feeds import CellField, EventField, Feed, TimeField, TokenField

ANY = {"from": "x"}
COLUMNS = ("token", "time", "cell", "event")


def listed(text: object) -> list[str]:
    """Names that stand with commas between them."""
    return [name.strip() for name in str(text).split(",") if name.strip()]


def meanings(text: str) -> dict[str, str]:
    """What the values of a column mean, from A=attach,U=location_update. Raises PopflowError for what is none."""
    pairs = [pair.partition("=") for pair in listed(text)]
    if odd := [value for value, sign, _ in pairs if not sign]:
        raise PopflowError(f"--kinds: '{printable(odd[0])}' has no meaning; write it as A=attach,U=location_update")
    return {value.strip(): kind.strip() for value, _, kind in pairs}


def fault_of(key: str, answers: Answers) -> str | None:
    """What is wrong with the answer to a question, by the contract and the answers before; None where nothing."""
    value = answers[key]
    if key in COLUMNS:
        there = listed(answers.get("columns", ""))
        unknown = [name for name in listed(value) if name not in there and not (key == "event" and name == "-")]
        return f"'{printable(unknown[0])}' is none of the columns {printable(', '.join(there))}" if unknown else None
    try:
        if key in CHECKS:
            CHECKS[key](answers)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    except PopflowError as error:
        return str(error)
    return None


def _part(model: type[BaseModel], **said: Any) -> Any:
    return model.model_validate(ANY | said)


def _field(model: type[BaseModel], key: str, value: Any) -> Any:
    """One field of a model by itself, with its bounds."""
    field = model.model_fields[key]
    kind: Any = Annotated[field.annotation, field]
    return TypeAdapter(kind).validate_python(value)


CHECKS: dict[str, Callable[[Answers], Any]] = {
    "mno": lambda answers: _field(Feed, "mno", answers["mno"]),
    "format": lambda answers: _field(Feed, "format", answers["format"]),
    "compression": lambda answers: _field(Feed, "compression", answers["compression"]),
    "pattern": lambda answers: _part(TokenField, pattern=answers["pattern"]),
    "time_kind": lambda answers: _field(TimeField, "kind", answers["time_kind"]),
    "time_format": lambda answers: _part(TimeField, kind=answers["time_kind"], format=answers["time_format"]),
    "zone": lambda answers: _part(TimeField, kind="epoch_s", zone=answers["zone"]),
    "cell_base": lambda answers: _field(CellField, "base", answers["cell_base"]),
    "kinds": lambda answers: _part(EventField, kinds=meanings(str(answers["kinds"] or ""))),
}
