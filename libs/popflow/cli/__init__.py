"""The command line: thin commands over the library, one module for each kind of user."""

import atexit
import gc
import os

# A short command is mostly imports: neither the collector nor BLAS's threads have anything to do in them, nor has the
# collector at the end, when the process gives all back at once (0.3 s of pull's 2).
gc.set_threshold(100_000)
atexit.register(gc.freeze)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from popflow.cli.app import app, main  # noqa: E402 they import all of these

__all__ = ["app", "main"]
