"""What a task lets go of before its memory is full: presence in scratch, encrypted under a key that only it holds.

DuckDB's own spill would be plain, since its encryption needs an extension that is not there. The key lies in memory
alone and is gone with the task.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyrage

from popflow.errors import PopflowError


class Spill:
    """Arrow tables on disk, encrypted with age, read back once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, list[Path]()
        self._identity = pyrage.x25519.Identity.generate()

    def __len__(self) -> int:
        return len(self._files)

    def put(self, table: pa.Table) -> None:
        """Write a table."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        path = self._folder / f"presence-{os.urandom(8).hex()}.age"
        with path.open("xb") as file:
            pyrage.encrypt_io(pa.BufferReader(sink.getvalue()), file, [self._identity.to_public()])
        self._files.append(path)

    def drop_after(self, count: int) -> None:
        """Forget all tables but the first so many."""
        for path in self._files[count:]:
            path.unlink()
        del self._files[count:]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What was put, in its order, each table gone once it is read. Raises PopflowError where one is not whole."""
        for path in self._files:
            plain = io.BytesIO()
            try:
                with path.open("rb") as file:
                    pyrage.decrypt_io(file, plain, [self._identity])
            except (OSError, pyrage.DecryptError):
                raise PopflowError(f"{path}: scratch was changed or cannot be read; run the intake again") from None
            path.unlink()
            yield from pa.ipc.open_stream(plain.getbuffer())
        self._files.clear()
