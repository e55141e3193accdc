"""The reduction of one mobile file in a process of its own: python measured.py FILE ROWS prints its peak and counts."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

from landing_files import D, cells_file

from popflow.contracts import load
from popflow.intake import reduction
from popflow.intake.packing import Pack, PackFile


def peak_mb() -> int:
    """Most memory of this program so far, MB; getrusage would tell that of the process it was forked from."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found, "no peak of memory in /proc/self/status"
    return int(found[1]) >> 10


def main(path: Path, rows: int) -> None:
    """Print peak megabytes, rows of presence, and records by reason."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    pack = Pack("mobile", "d1", D, [PackFile(str(path), path.name, "", path.stat().st_size, sha256, rows)])
    contracts = load()
    cells = cells_file(path.parent, "mobile", contracts.feeds["mobile"])
    schema = contracts.table("intake").arrow_schema()
    presence, counts = 0, {}
    for batch in reduction.reduce_pack(pack, contracts.feeds["mobile"], cells, schema, reduction.Limits()):
        if batch["kind"][0].as_py() == "presence":
            presence += batch.num_rows
        else:
            counts |= {row["reason"]: row["records"] for row in batch.to_pylist() if row["kind"] == "tallies"}
    print(json.dumps({"peak": peak_mb(), "presence": presence, "counts": counts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
