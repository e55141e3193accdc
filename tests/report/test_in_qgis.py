"""A package's GeoPackage and a GeoJSON of pull in QGIS itself: valid layers, the same figures, a map that is drawn."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import popflow
from popflow.report import packages

PYTHON = "/usr/bin/python3"  # QGIS's bindings belong to the system's Python
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "PATH": os.environ["PATH"], "HOME": "/tmp"}


def _has_qgis() -> bool:
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, env=OFFSCREEN).returncode == 0


@pytest.mark.slow
def test_qgis_shows_what_pull_shows(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if not _has_qgis():
        pytest.skip("no QGIS here (apt-get install python3-qgis)")
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "cache"))
    packages(published, "2020-01-22", tmp_path / "packages", days=3, only=["hunan"])
    (package,) = (tmp_path / "packages").glob("*/*.gpkg")
    lake = popflow.read(published)
    asked = lake.outflow("wuhan", "2020-01-20", "2020-01-22", level="county", destination="hunan")
    prefectures = lake.outflow("wuhan", "2020-01-20", "2020-01-22", level="prefecture", geometry=True)
    prefectures.to_file(tmp_path / "wuhan.geojson", driver="GeoJSON")

    script = Path(__file__).with_name("qgis_layers.py")
    layers = [f"{package}|layername=from_wuhan", str(tmp_path / "wuhan.geojson")]
    picture = tmp_path / "map.png"
    done = subprocess.run(
        [PYTHON, str(script), str(picture), *layers], capture_output=True, text=True, check=False, env=OFFSCREEN
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "partially supported" not in done.stderr  # by a QGIS that is some years old
    first, drawn, second = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert drawn["colours"] > 3
    for layer, frame in zip((first, second), (asked, prefectures), strict=True):
        shown = frame[frame["kind"] == "shown"]
        assert layer["valid"]
        assert layer["crs"] == "EPSG:4326"
        persons = shown["persons_at_least"].astype(int)
        assert layer["persons"] == dict(zip(shown["destination_code"], persons, strict=True))
        assert layer["persons"]
