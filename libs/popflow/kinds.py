"""The kinds of indicators that are published: chain and hundreds; reads them all, and says which may stand together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from popflow.declared import read_each, validated
from popflow.errors import PopflowError
from popflow.hundreds import Hundreds
from popflow.indicators import Indicator, refuse_together

Published = Indicator | Hundreds
KINDS: dict[str, type[Indicator] | type[Hundreds]] = {"chain": Indicator, "hundreds": Hundreds}


def read_indicators(folder: Path, *, or_none: bool = False) -> dict[str, Published]:
    """Indicators of a folder of contracts, by name. Raises PopflowError for the first that does not hold together."""

    def made(path: Path, body: dict[str, Any]) -> Published:
        return validated(_model_of(path, body), body, path).in_folder(folder)

    return read_each(folder / "indicators", made, "indicator", or_none=or_none)


def _model_of(path: Path, body: Mapping[str, Any]) -> type[Indicator] | type[Hundreds]:
    """What a contract's kind makes of it. Raises PopflowError for a kind that there is not."""
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise PopflowError(f"{path}: kind: '{kind}' is not a kind that popflow publishes; there are {', '.join(KINDS)}")
    return KINDS[kind]


def of_kind(found: Mapping[str, Published]) -> tuple[dict[str, Indicator], dict[str, Hundreds]]:
    """The indicators that are chains, and those in hundreds."""
    chains = {name: one for name, one in found.items() if isinstance(one, Indicator)}
    return chains, {name: one for name, one in found.items() if isinstance(one, Hundreds)}


def refuse_kinds_together(found: Mapping[str, Published], areas: Iterable[str], folder: Path) -> None:
    """Raise PopflowError for indicators that may not stand side by side, or name what there is not."""
    chains, hundreds = of_kind(found)
    refuse_together(chains, areas, folder)
    for one in reversed(list(hundreds.values())):
        where = f"{one._folder}/indicators/{one.indicator}.yaml: beside"
        if strange := sorted(set(one.beside) - set(found)):
            raise PopflowError(f"{where}: there is no indicator {strange[0]}")
        said_by_others = {name for name, other in found.items() if one.indicator in other.beside}
        if unsaid := sorted(set(found) - {one.indicator} - set(one.beside) - said_by_others):
            raise PopflowError(
                f"{where}: nothing says why it may stand beside {unsaid[0]}; whose part is it, and what is left?"
            )
