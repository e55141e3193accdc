"""Results that take seconds to compute and never change, kept in the user's cache folder.

The folder is $POPFLOW_CACHE, else popflow in $XDG_CACHE_HOME, else in ~/.cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from popflow import environment

if TYPE_CHECKING:
    import geopandas as gpd

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where results are kept."""
    if folder := environment.CACHE.path():
        return folder
    return (environment.XDG_CACHE_HOME.path() or Path.home() / ".cache") / "popflow"


def fingerprint(versions: Iterable[str], files: Iterable[Path]) -> str:
    """Names what a result was made from: versions of packages, and the content of files of data or code."""
    digest = hashlib.sha256("\n".join(versions).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def kept(name: str, made_from: str, build: Callable[[], gpd.GeoDataFrame]) -> Path | None:
    """File (GeoParquet) of a result, built and kept if it is not there yet; None where no folder can be written."""
    path = cache_folder() / f"{name}-{made_from}.parquet"
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_at_once(build(), path)
    except OSError as error:
        logger.warning("%s is not kept in %s: %s", name, path.parent, error.strerror)
        return None
    return path


def _write_at_once(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Processes that build at the same time each rename a whole file into place; the last one wins."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    os.close(handle)
    try:
        frame.to_parquet(unfinished)
        Path(unfinished).replace(path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
