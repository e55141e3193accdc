"""Files that an earlier leak scan found clean, so that a night on which little has changed reads little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from popflow import __version__
from popflow.operations.owner_only import ops_folder, write_private

if TYPE_CHECKING:
    from popflow.lake import Lake

STORED = "leak_scan.json"  # in the ops zone


class CleanFiles:
    """What was found clean when the same was asked; anything else asked, and nothing is taken for clean."""

    def __init__(self, lake: Lake, shapes: list[str], tokens: str) -> None:
        asked = json.dumps([__version__, sorted(shapes), tokens])
        self._path = ops_folder(lake) / STORED
        self._asked = hashlib.sha256(asked.encode()).hexdigest()[:12]
        self._before = self._read()
        self._now: dict[str, Any] = {}

    def holds(self, file: str, stamp: list[Any]) -> bool:
        """Whether a file with this size and time of change was found clean."""
        self._now[file] = stamp
        return self._before.get(file) == stamp

    def keep(self, without: Collection[str]) -> None:
        """Keep, for the next scan, the files that were asked for, without those in which something was found."""
        clean = {file: stamp for file, stamp in self._now.items() if file not in without}
        write_private(self._path, json.dumps({"asked": self._asked, "clean": clean}))

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return dict(stored["clean"]) if stored["asked"] == self._asked else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # not there, or not whole: then every file is read
