"""An answer as a file or on the screen: csv, parquet, xlsx, geojson, table. Files appear whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError, printable
from popflow.reading.headings import HEADINGS, INDEX, NET
from popflow.reading.names import did_you_mean

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from rich.table import Table

FORMULA = re.compile(r"[\s'\"]*[=+\-@＝＋－＠]")  # how a spreadsheet's formula may begin
SCREEN_COLUMNS = [
    "date",
    "hour",
    "county_code",
    "county_name",
    "county_name_en",
    "persons",
    "origin_code",
    "origin_name",
    "destination_code",
    "destination_name",
    "destination_name_en",
    "province_name",
    "persons_at_least",
    "persons_at_most",
    *NET,
    *INDEX,
    "share_percent",
    "dates_shown",
]


def format_of(out: str | Path | None, wanted: str | None = None) -> str:
    """The format that is meant: the one that is named, else the one of the file's ending, else the screen's table.

    Raises PopflowError for one that there is not, with the nearest, and for a file whose ending tells of another.
    """
    ending = Path(out).suffix.lstrip(".").lower() if out else ""
    name = wanted or (ending if out else "table")
    if name not in FORMATS:
        where = f"--format {wanted}" if wanted else f"{out}: no format '{name}'"
        raise PopflowError(f"{where}{did_you_mean(name, FORMATS)}; the formats are {', '.join(FORMATS)}")
    if out and name == "table":
        raise PopflowError(f"{out}: a table is for the screen; give --format csv, parquet, xlsx or geojson for a file")
    if out and name != ending:
        raise PopflowError(f"{out}: does not end in .{name}, as --format {name} says; name it {Path(out).stem}.{name}")
    return name


def save(frame: pd.DataFrame, out: str | Path, wanted: str | None = None) -> Path:
    """Write an answer to a file, all at once; its directory must exist. Raises PopflowError where it cannot."""
    name, path = format_of(out, wanted), Path(out)
    with at_once(path) as temporary:
        FORMATS[name](frame, temporary)
    return path


def refuse_no_file(path: Path) -> None:
    """Raise PopflowError where a file has no folder to lie in, or a link, folder or device stands in its place."""
    if not path.parent.is_dir():
        raise PopflowError(f"{path}: there is no folder {path.parent}; create it first")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"
        raise PopflowError(f"{path}: is {kind}; name a file that may be written")


@contextmanager
def at_once(path: Path) -> Iterator[Path]:
    """A temporary file beside the path that takes its place when all is written, and is gone when not.

    Raises PopflowError where no file can be written there; a link is not followed.
    """
    refuse_no_file(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    except OSError as error:
        raise PopflowError(f"{path}: cannot be written ({error.strerror})") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def as_text(frame: pd.DataFrame, wanted: str) -> str:
    """An answer as text for a pipe; csv only, since the others are files."""
    if wanted != "csv":
        raise PopflowError(f"--format {wanted} needs a file: give --out FILE.{wanted}")
    return _without_formulas(_plain(frame)).to_csv(index=False)


def screen_table(frame: pd.DataFrame, rows: int = 25, title: str = "") -> Table:
    """An answer as a table for the screen: the largest rows, and how many more there are."""
    if is_wide(frame):
        raise PopflowError("--wide is for a file: give --out FILE.xlsx, .csv or .parquet")
    there = [name for name in SCREEN_COLUMNS if name in frame]
    figures_of = {"persons_at_least", "persons", *INDEX, *NET}
    columns = [name for name in there if name in figures_of or frame[name].astype(str).nunique() > 1]
    heads = [HEADINGS[name] for name in columns]
    figures = [head.number_format != "General" and name != "date" for name, head in zip(columns, heads, strict=True)]
    shown = frame[columns].head(rows).itertuples(index=False, name=None)
    return drawn(
        [(f"{head.zh}\n{head.en}", figure) for head, figure in zip(heads, figures, strict=True)],
        [[_on_screen(value) for value in row] for row in shown],
        title,
        _caption(frame, rows),
    )


def _on_screen(value: Any) -> str:
    """A value as it is printed; what is missing is a dash."""
    import pandas as pd

    if value is None or value is pd.NA or value != value:  # NaN is not equal to itself
        return "-"
    return f"{value:,}" if isinstance(value, Real) else str(value)


def drawn(
    columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], title: str = "", caption: str | None = None
) -> Table:
    """A table for the screen, whose cells are text whatever they hold; columns: heading, and whether of figures."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)) if title else None, title_justify="left", header_style="bold")
    table.caption = caption
    for heading, figure in columns:
        head = Text("\n".join(printable(line) for line in heading.split("\n")))
        table.add_column(head, justify="right" if figure else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _caption(frame: pd.DataFrame, rows: int) -> str | None:
    return f"and {len(frame) - rows:,} more rows; --out FILE.xlsx writes all" if len(frame) > rows else None


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    """With a byte order mark, without which Excel takes Chinese for Latin."""
    _without_formulas(_plain(frame)).to_csv(path, index=False, encoding="utf-8-sig")


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    _plain(frame).to_parquet(path, index=False)


def _write_xlsx(frame: pd.DataFrame, path: Path) -> None:
    from popflow.reading.workbook import write_workbook

    write_workbook(frame if is_wide(frame) else _plain(frame), path)


def _write_geojson(frame: gpd.GeoDataFrame, path: Path) -> None:
    if "geometry" not in frame:
        raise PopflowError(f"{path.name}: geojson needs polygons; ask with geometry")
    dates = {name: frame[name].astype(str) for name in ("date", "date_from", "date_to") if name in frame}
    frame.assign(**dates).to_file(path, driver="GeoJSON", engine="pyogrio", RFC7946="YES", COORDINATE_PRECISION=5)


def is_wide(frame: pd.DataFrame) -> bool:
    """Whether an answer is a matrix: origins by destinations, the bounds as the upper level of the columns."""
    return frame.columns.nlevels > 1


def _long(frame: pd.DataFrame) -> pd.DataFrame:
    """A matrix with one row an origin and bound."""
    import pandas as pd

    parts = {str(bound): frame.xs(bound, axis=1, level=0) for bound in frame.columns.unique(0)}
    return pd.concat(parts, names=["bound", "origin_code"]).rename_axis(columns=None).reset_index()


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without polygons, its notices kept; a matrix with a row for each origin and bound."""
    import pandas as pd

    if is_wide(frame):
        return _long(frame)
    if "geometry" not in frame:
        return frame
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    plain.attrs = frame.attrs
    return plain


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an apostrophe before each text that a spreadsheet would compute, and each text on one line."""
    texts = [name for name in frame if frame[name].dtype == object]
    return frame.assign(**{str(name): frame[name].map(_inert) for name in texts})


def _inert(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if FORMULA.match(text) else text


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


FORMATS: dict[str, Callable] = {
    "table": lambda frame, path: None,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "xlsx": _write_xlsx,
    "geojson": _write_geojson,
}
