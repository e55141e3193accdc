"""ProtectedTable: what the gate lets through, and the only thing that publishing accepts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, final

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


@final
class ProtectedTable:
    """One release of one indicator and date, protected. It cannot be changed, copied into another, or made elsewhere.

    rows: contract `flows`; base_cells: a contract of that name, secret. shares: for each step of the chain the share of
    the roots' persons that its cells show; figures of shown rows alone. cells: for each step cells shown and cells with
    persons; secret, since the second is not published.
    """

    __slots__ = (
        "_base_cells",
        "_rows",
        "_seal",
        "cells",
        "date",
        "definition",
        "digest",
        "indicator",
        "mnos",
        "release",
        "root_persons",
        "shares",
    )

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
        if seal is not _SEAL:
            raise PopflowError("a ProtectedTable is made by popflow.disclosure.protect alone")
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
            "_seal": seal,
        }
        for name, value in content.items():
            object.__setattr__(self, name, value)

    indicator: str
    date: dt.date
    release: int
    definition: str
    mnos: tuple[str, ...]
    root_persons: int
    shares: Mapping[str, float]
    cells: Mapping[str, tuple[int, int]]
    digest: str
    _rows: pa.Table
    _base_cells: pa.Table
    _seal: _Seal

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

    def refuse_if_changed(self) -> None:
        """Raise PopflowError unless the content is what the gate made."""
        if getattr(self, "_seal", None) is not _SEAL or self.digest != content_digest(self._rows, self._base_cells):
            raise PopflowError("the protected table is not what the gate made; protect the exact table again")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise PopflowError("a ProtectedTable cannot be changed")

    __delattr__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise PopflowError("a ProtectedTable cannot be copied or pickled; protect the exact table again")

    def __repr__(self) -> str:
        return f"ProtectedTable({self.indicator} of {self.date}, release {self.release}, {self._rows.num_rows} rows)"


def content_digest(rows: pa.Table, base_cells: pa.Table) -> str:
    """SHA-256 over the rows and the base cells, schema and values in their order, as Arrow writes them."""
    digest = hashlib.sha256()
    for table in (rows, base_cells):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(sink.getvalue())
    return digest.hexdigest()
