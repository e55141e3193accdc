"""Results kept in the user's cache folder."""

import errno

import geopandas as gpd
import pytest
import shapely

from popflow.geography import cache

FRAME = gpd.GeoDataFrame({"county_code": ["420102"]}, geometry=[shapely.box(114, 30, 115, 31)], crs="EPSG:4326")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "cache"))


def test_a_result_is_built_once():
    builds = []
    for _ in range(2):
        path = cache.kept("counties", "abc", lambda: builds.append(1) or FRAME)
    assert len(builds) == 1
    assert gpd.read_parquet(path).equals(FRAME)


def test_another_origin_is_another_result(tmp_path):
    file = tmp_path / "names.csv"
    file.write_text("1")
    before = cache.fingerprint(["1.0"], [file])
    assert before == cache.fingerprint(["1.0"], [file])
    assert before != cache.fingerprint(["1.1"], [file])
    file.write_text("2")
    assert before != cache.fingerprint(["1.0"], [file])


def test_a_build_that_fails_leaves_nothing():
    def fails():
        raise RuntimeError("no polygons")

    with pytest.raises(RuntimeError):
        cache.kept("counties", "abc", fails)
    assert list(cache.cache_folder().iterdir()) == []


def test_a_full_disk_leaves_nothing_and_is_no_error(caplog):
    class Unwritten:
        def to_parquet(self, path):
            raise OSError(errno.ENOSPC, "No space left on device")

    assert cache.kept("counties", "abc", Unwritten) is None
    assert "No space left on device" in caplog.text
    assert list(cache.cache_folder().iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "file" / "cache"))
    assert cache.kept("counties", "abc", lambda: FRAME) is None
    assert "counties is not kept" in caplog.text


def test_the_folder_follows_the_desktop_standard(monkeypatch, tmp_path):
    monkeypatch.delenv("POPFLOW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "popflow"
