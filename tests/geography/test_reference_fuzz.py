"""Whatever a file of the register, of cells or counties holds: it is read, or refused in one line that shows no value.

Seconds here; `make slow` does the same for minutes.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
import warnings
from collections.abc import Callable
from hashlib import md5, sha256
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import ODD, damaged

from popflow.contracts import load
from popflow.errors import PopflowError
from popflow.geography.cell_files import given_cells
from popflow.geography.county_files import read_counties
from popflow.geography.tiling import tiling
from popflow.intake.register_files import Forms, verdict

pytestmark = pytest.mark.filterwarnings("ignore")
FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=2_000, derandomize=False)

REGISTER = ["mno,sim_token,person_token,line_kind,home_prefecture"]
REGISTER += [f"mobile,{md5(b'%d' % number).hexdigest()},{sha256(b'%d' % number).hexdigest()},person,420100"
             for number in range(100, 109)]  # fmt: skip
CELLS = ["mno,cell_id,lon,lat,radius_m,valid_from,valid_to"]
CELLS += [f"mobile,460-00-41{number}-77{number},114.{number}31,30.{number}27,53{number},2019-11-0{number},"
          for number in range(1, 9)]  # fmt: skip
NAMES = {"420102": "江岸区", "420103": "江汉区", "420104": "硚口区"}


def as_csv(lines: list[str]) -> bytes:
    return "\n".join(lines).encode()


def as_parquet(lines: list[str]) -> bytes:
    columns = zip(*(line.split(",") for line in lines[1:]), strict=True)
    table = pa.table({name: list(values) for name, values in zip(lines[0].split(","), columns, strict=True)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", use_dictionary=False)
    return sink.getvalue()


def as_geojson() -> bytes:
    features = [
        {"type": "Feature", "geometry": shapely.box(114 + east, 30, 115 + east, 31).__geo_interface__,
         "properties": {"county_code": code, "county_name": name, "edition": "2024"}}
        for east, (code, name) in enumerate(NAMES.items())
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def as_shapefile() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = Path(folder, "source.geojson")
        source.write_bytes(as_geojson())
        gpd.read_file(source).to_file(Path(folder, "counties.shp"), encoding="utf-8")
        return {path.suffix: path.read_bytes() for path in Path(folder).glob("counties.*")}


SHAPEFILE = as_shapefile()


def words_of(data: bytes) -> set[str]:
    """What stands in a file and is long enough to be known again."""
    text = data.decode("utf-8", "replace")
    return {word for word in re.findall(r"[\w.+-]{5,}", text) if word not in NAMES}


def told(
    read: Callable[[Path], object], path: Path, files: dict[str, bytes], capture: pytest.CaptureFixture[str]
) -> None:
    """Read, and hold what is said against what the file says."""
    shown = ""
    try:
        read(path)
    except PopflowError as error:
        shown = str(error)
        assert shown.startswith(str(path))
        assert "\n" not in shown
    shown = shown.replace(str(path), "") + "".join(capture.readouterr())
    own = {"county_code", "county_name", "edition", "geometry", "mobile", "telecom", "unicom", *REGISTER[0].split(",")}
    own |= {*CELLS[0].split(","), "person", "landing", "correct"}
    values = set().union(*(words_of(content) for content in files.values())) - own
    ours = OUR_WORDS.get(read, set())
    assert not [word for word in values - ours if re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", shown)]


def read_register(path: Path) -> None:
    fault = verdict(path, Forms.of(load())).fault
    if fault:
        raise PopflowError(fault)


def read_cells(path: Path) -> None:
    found = given_cells(path, load().feeds.values())
    print(*found.left_out)
    found.refuse_too_many(5)


def read_own_counties(path: Path) -> None:
    print(*tiling(read_counties(path)).sentences())


OUR_WORDS = {read_own_counties: {"polygon", "Polygon", "feature", "Feature", "coordinates", "EPSG", "WGS-84"}}
SUBJECTS = {
    "register.csv": (read_register, as_csv(REGISTER)),
    "register.csv.gz": (read_register, gzip.compress(as_csv(REGISTER), mtime=0)),
    "register.parquet": (read_register, as_parquet(REGISTER)),
    "cells.csv": (read_cells, as_csv(CELLS)),
    "cells.parquet": (read_cells, as_parquet(CELLS)),
    "counties.geojson": (read_own_counties, as_geojson()),
}


def hold(name: str, content: bytes, capture: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        told(SUBJECTS[name][0], path, {name: content}, capture)


def hold_shapefile(parts: dict[str, bytes], capture: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix, content in parts.items():
            Path(folder, f"counties{suffix}").write_bytes(content)
        told(read_own_counties, Path(folder, "counties.shp"), {".dbf": parts.get(".dbf", b"")}, capture)


@st.composite
def with_odd_values(draw: st.DrawFn, lines: list[str]) -> list[str]:
    """A table some of whose values are of another kind, or another column's."""
    rows = [line.split(",") for line in lines]
    for _ in range(draw(st.integers(1, 4))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        other = st.sampled_from([value for one in rows for value in one])
        row[draw(st.integers(0, len(row) - 1))] = draw(st.one_of(st.sampled_from(ODD), other, st.text(max_size=40)))
    return [",".join(row) for row in rows]


def test_what_is_damaged_here_is_sound(tmp_path: Path) -> None:
    for name, (read, content) in SUBJECTS.items():
        (tmp_path / name).write_bytes(content)
        read(tmp_path / name)


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("runs", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_damaged_bytes(name: str, runs: settings, capfd: pytest.CaptureFixture[str]) -> None:
    runs(given(damaged(SUBJECTS[name][1]))(lambda content: hold(name, content, capfd)))()


@pytest.mark.parametrize(("name", "lines"), [("register.csv", REGISTER), ("cells.csv", CELLS)])
@pytest.mark.parametrize("runs", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_odd_values(name: str, lines: list[str], runs: settings, capfd: pytest.CaptureFixture[str]) -> None:
    def one(rows: list[str]) -> None:
        hold(name, "\n".join(rows).encode("utf-8", "surrogatepass"), capfd)

    runs(given(with_odd_values(lines))(one))()


@pytest.mark.parametrize("suffix", sorted(SHAPEFILE))
@pytest.mark.parametrize(
    "runs", [settings(FEW, max_examples=15), pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_damaged_part_of_a_shapefile(suffix: str, runs: settings, capfd: pytest.CaptureFixture[str]) -> None:
    runs(given(damaged(SHAPEFILE[suffix]))(lambda part: hold_shapefile(SHAPEFILE | {suffix: part}, capfd)))()
