"""What the share keeps for itself: grants, the key of its addresses, its own trail; apart from all other zones.

So that it can run under an account of its own, which reads `published` and writes here, and has no other access.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.environment import SHARE_ANCHOR
from popflow.errors import PopflowError
from popflow.operations.trail import Trail

if TYPE_CHECKING:
    from popflow.lake import Lake

ZONE = "share"


def state_folder(lake: Lake) -> Path:
    """The share's folder, there or not: the zone `share` of a lake.

    Raises PopflowError where an earlier popflow left the share's state among the night's files.
    """
    folder = lake.local_zone(ZONE)
    if os.access(old := f"{lake.zone('ops')}/share/grants.json", os.F_OK) and not folder.exists():
        raise PopflowError(f"{Path(old).parent}: the share's state has a folder of its own now; move it there: "
                           f"mv {Path(old).parent} {folder}")  # fmt: skip
    return folder


def trail_of(lake: Lake, anchor: Path | None = None) -> Trail:
    """The share's own trail, anchored where POPFLOW_SHARE_ANCHOR says or as given."""
    return Trail(state_folder(lake) / "trail.jsonl", anchor or SHARE_ANCHOR.path())
