"""Which rows of a table are wanted, as delta-rs, pyarrow, Spark and SQL take it."""

from __future__ import annotations

import datetime as dt
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.dataset as ds

from popflow.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column

MOST_PRUNED = 50  # values: for a longer list Arrow reads the parts of a file, too, that can hold none of them
Condition = tuple[str, str, Any]  # column, = or in, value or values


def filters(contract: Table, equals: Mapping[str, Any]) -> list[Condition]:
    """Conditions on rows of a table: these values of columns, and its kind where it is stored in another."""
    wanted = [(c, "in", list(v)) if isinstance(v, list | set | tuple) else (c, "=", v) for c, v in equals.items()]
    return [*wanted, ("kind", "=", contract.table)] if contract.stored_in else wanted


def for_spark(wanted: Sequence[Condition]) -> Column:
    """The rows for which all conditions hold, as Spark takes it."""
    from pyspark.sql import functions as F

    each = [F.col(c).isin(v) if how == "in" else F.col(c) == F.lit(v) for c, how, v in wanted]
    return functools.reduce(operator.and_, each, F.lit(True))


def for_arrow(wanted: Sequence[Condition]) -> Any:
    """The rows for which all conditions hold, as pyarrow takes it; None for all."""
    return functools.reduce(operator.and_, (_for_arrow(*one) for one in wanted)) if wanted else None


def _for_arrow(column: str, how: str, value: Any) -> Any:
    if how == "=":
        return ds.field(column) == value
    parts = [value[start : start + MOST_PRUNED] for start in range(0, max(len(value), 1), MOST_PRUNED)]
    return functools.reduce(operator.or_, (ds.field(column).isin(part) for part in parts))


def sql(equals: Mapping[str, Any]) -> str:
    """The rows whose columns have these values, or one of several, as SQL."""
    return " AND ".join(_sql_equals(column, value) for column, value in equals.items())


def _sql_equals(column: str, value: Any) -> str:
    if isinstance(value, list | set | tuple):
        return "(" + " OR ".join(_sql_equals(column, one) for one in value) + ")"
    if isinstance(value, dt.date):
        return f"`{column}` = DATE'{value.isoformat()}'"
    if isinstance(value, int):
        return f"`{column}` = {value}"
    return f"`{column}` = '{value}'"
