"""Whether the tests have passed on exactly what lies here; and run them, so that this can be said the next time.

python scripts/tested.py            says so and ends with 0 where they have, ends with 1 where not
python scripts/tested.py COMMAND... runs the command, and keeps the digest of what it passed on in .tested

The digest is of every file that git knows or would add, of the packages in .venv and the jars in .jars. Where there is
no git, nothing is known and the tests always run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
INSTALLED = (".venv/lib/python3*/site-packages/*.dist-info", ".jars/*.jar")
KNOWN = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]


def digest(house: Path = HOUSE) -> str | None:
    """SHA-256 of what the tests would see, None where git cannot say which files that is."""
    try:
        listed = subprocess.run(KNOWN, cwd=house, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    seen = hashlib.sha256(sys.version.encode())
    for name in sorted(set(listed.split(b"\0")) - {b""}):
        path = house / name.decode(errors="surrogateescape")
        seen.update(name + b"\0" + _of_file(path))
    for pattern in INSTALLED:
        for path in sorted(house.glob(pattern)):
            seen.update(path.name.encode() + b"\0")
    return seen.hexdigest()


def _of_file(path: Path) -> bytes:
    if path.is_symlink():
        return b"link " + str(path.readlink()).encode(errors="surrogateescape")
    if not path.is_file():
        return b"gone"
    executable = b"x" if path.stat().st_mode & 0o100 else b"-"
    return executable + hashlib.sha256(path.read_bytes()).digest()


def passed(house: Path = HOUSE) -> bool:
    """Whether the tests have passed on exactly this."""
    stamp, now = house / ".tested", digest(house)
    return now is not None and stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == now


def run(command: list[str], house: Path = HOUSE) -> int:
    """Run a command; where it passes, and nothing was changed meanwhile, keep what it passed on."""
    stamp, before = house / ".tested", digest(house)
    stamp.unlink(missing_ok=True)
    code = subprocess.run(command, cwd=house, check=False).returncode
    if code == 0 and before is not None and digest(house) == before:
        stamp.write_text(f"{before}\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(run(sys.argv[1:]))
    if not passed():
        raise SystemExit(1)
    print("nothing has changed since the tests passed here; 'make test-again' runs them anyway")
