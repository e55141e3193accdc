"""Zones of a lake: separate roots, so that each can have credentials of its own; and small files beside the tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyarrow.fs import FileType

from popflow import environment
from popflow.errors import PopflowError
from popflow.modes import OPEN, OPEN_ZONES, OWNER_ALONE, make_folder, open_to_readers
from popflow.paths import below, file_system, is_local, normal, refuse_for_tables


class Zones:
    """The zones of one lake.

    root is a folder or an object-storage address; zones, or else the environment's POPFLOW_ZONE_<NAME>, may say where
    a zone lies apart.
    """

    def __init__(self, root: str | Path, zones: Mapping[str, str] | None = None) -> None:
        self.root = normal(root)
        self._zones = {name: normal(place) for name, place in (zones or {}).items()}

    def zone(self, name: str) -> str:
        """Root of a zone (reference, restricted, published, ops or share), absolute and normal.

        Raises PopflowError where the folder's name is one below which no Delta table can lie.
        """
        given = self._zones.get(name) or environment.ZONES[name].text() or below(self.root, name)
        return refuse_for_tables(normal(given))

    def local_zone(self, name: str) -> Path:
        """The folder of a zone whose files are appended to, which object storage cannot do; there or not.

        Raises PopflowError where the zone is not a folder of this machine.
        """
        zone = self.zone(name)
        if not is_local(zone):
            variable = f"POPFLOW_ZONE_{name.upper()}"
            raise PopflowError(f"{zone}: files of the zone {name} are appended to; name a folder for it by {variable}")
        return Path(zone)

    def make_zone(self, name: str) -> Path | None:
        """The folder of a zone, made if need be, the restricted one for its owner alone; None in object storage."""
        if not is_local(self.zone(name)):
            return None
        return make_folder(Path(self.zone(name)), OPEN if name in OPEN_ZONES else OWNER_ALONE)

    def read_text(self, zone: str, name: str) -> str | None:
        """A small file beside the tables of a zone; None where there is none."""
        files, path = file_system(below(self.zone(zone), name))
        if files.get_file_info(path).type is FileType.NotFound:
            return None
        with files.open_input_stream(path) as stream:
            return bytes(stream.read()).decode()

    def write_text(self, zone: str, name: str, text: str) -> None:
        """Write such a file; a reader sees the old one or the new one."""
        self.make_zone(zone)
        files, path = file_system(below(self.zone(zone), name))
        files.create_dir(path.rsplit("/", 1)[0])
        with files.open_output_stream(f"{path}.part") as stream:
            stream.write(text.encode())
        files.move(f"{path}.part", path)
        if zone in OPEN_ZONES and is_local(self.zone(zone)):
            open_to_readers(Path(self.zone(zone), name.partition("/")[0]))
