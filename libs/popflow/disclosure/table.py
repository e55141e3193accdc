"""ProtectedTable and ProtectedCounts: what the gate lets through, and the only thing that publishing accepts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, NoReturn, final

import pandas as pd
import pyarrow as pa

from popflow.errors import PopflowError


@final
class _Seal:
    """What only the gate holds; without it no ProtectedTable is made."""


_SEAL: Final = _Seal()

ROW_COLUMNS = [
    "indicator",
    "date",
    "release",
    "origin_level",
    "origin_code",
    "destination_level",
    "destination_code",
    "persons",
    "definition",
]


class Sealed:
    """What the gate made: it cannot be changed, copied, pickled, or made elsewhere."""

    __slots__ = ("_seal", "date", "definition", "digest", "indicator", "mnos", "release")
    _HELD: ClassVar[tuple[str, ...]]  # names of the tables that the digest is of

    indicator: str
    date: dt.date
    release: int
    definition: str
    mnos: tuple[str, ...]
    digest: str
    _seal: _Seal

    def _fill(self, seal: _Seal, content: Mapping[str, Any]) -> None:
        if seal is not _SEAL:
            raise PopflowError(f"a {type(self).__name__} is made by popflow.disclosure alone")
        for name, value in {**content, "_seal": seal}.items():
            object.__setattr__(self, name, value)

    def _tables(self) -> tuple[pa.Table, ...]:
        """What the digest is of."""
        return tuple(getattr(self, name) for name in self._HELD)

    def refuse_if_changed(self) -> None:
        """Raise PopflowError unless the content is what the gate made."""
        if getattr(self, "_seal", None) is not _SEAL or self.digest != content_digest(*self._tables()):
            raise PopflowError("the protected table is not what the gate made; protect the exact table again")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise PopflowError("a ProtectedTable cannot be changed")

    __delattr__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise PopflowError("a ProtectedTable cannot be copied or pickled; protect the exact table again")


@final
class ProtectedTable(Sealed):
    """One release of one indicator of the kind chain and one date, protected.

    rows: contract `flows`; base_cells: a contract of that name, secret. shares: for each step of the chain the share of
    the roots' persons that its cells show; figures of shown rows alone. cells: for each step cells shown and cells with
    persons; secret, since the second is not published.
    """

    __slots__ = ("_base_cells", "_rows", "cells", "root_persons", "shares")
    _HELD = ("_rows", "_base_cells")

    def __init__(
        self,
        seal: _Seal,
        *,
        indicator: str,
        date: dt.date,
        release: int,
        definition: str,
        mnos: tuple[str, ...],
        rows: pa.Table,
        base_cells: pa.Table,
        root_persons: int,
        shares: Mapping[str, float],
        cells: Mapping[str, tuple[int, int]],
    ) -> None:
        content = {
            "indicator": indicator,
            "date": date,
            "release": release,
            "definition": definition,
            "mnos": mnos,
            "root_persons": root_persons,
            "shares": MappingProxyType(dict(shares)),
            "cells": MappingProxyType(dict(cells)),
            "digest": content_digest(rows, base_cells),
            "_rows": rows,
            "_base_cells": base_cells,
        }
        self._fill(seal, content)

    root_persons: int
    shares: Mapping[str, float]
    cells: Mapping[str, tuple[int, int]]
    _rows: pa.Table
    _base_cells: pa.Table

    @property
    def rows(self) -> pd.DataFrame:
        """The rows to publish, contract `flows`: a fresh frame at every call."""
        return self._rows.to_pandas(date_as_object=True)

    @property
    def base_cells(self) -> pd.DataFrame:
        """What the auditor needs, contract `base_cells`, persons_without as dicts: a fresh frame at every call."""
        return self._base_cells.to_pandas(date_as_object=True, maps_as_pydicts="strict")

    @property
    def base_cells_table(self) -> pa.Table:
        """What the auditor needs, contract `base_cells`, as an Arrow table, which nobody can change."""
        return self._base_cells

    @property
    def status(self) -> str:
        """released, or empty where no root was publishable."""
        return "released" if self._rows.num_rows else "empty"

    def __repr__(self) -> str:
        return f"ProtectedTable({self.indicator} of {self.date}, release {self.release}, {self._rows.num_rows} rows)"


@final
class ProtectedCounts(Sealed):
    """One date of an indicator in hundreds, protected.

    rows: contract `counts`. shown_percent: share of the places that can have a row, counties by hours, which have one.
    draws: how often the offsets of a prefecture were drawn before they passed the public test, none for 0; secret.
    """

    __slots__ = ("_rows", "draws", "shown_percent")
    _HELD = ("_rows",)

    def __init__(
        self,
        seal: _Seal,
        *,
        indicator: str,
        date: dt.date,
        definition: str,
        mnos: tuple[str, ...],
        rows: pa.Table,
        shown_percent: int,
        draws: Mapping[str, int],
    ) -> None:
        content = {
            "indicator": indicator,
            "date": date,
            "release": 1,
            "definition": definition,
            "mnos": mnos,
            "shown_percent": shown_percent,
            "draws": MappingProxyType(dict(draws)),
            "digest": content_digest(rows),
            "_rows": rows,
        }
        self._fill(seal, content)

    shown_percent: int
    draws: Mapping[str, int]
    _rows: pa.Table

    @property
    def rows_table(self) -> pa.Table:
        """The rows to publish, contract `counts`, as an Arrow table, which nobody can change."""
        return self._rows

    @property
    def status(self) -> str:
        """released, or empty where no county could be shown."""
        return "released" if self._rows.num_rows else "empty"

    def __repr__(self) -> str:
        return f"ProtectedCounts({self.indicator} of {self.date}, {self._rows.num_rows} rows)"


def content_digest(*tables: pa.Table) -> str:
    """SHA-256 over some tables, schema and values in their order, as Arrow writes them."""
    digest = hashlib.sha256()
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(sink.getvalue())
    return digest.hexdigest()
