"""The command line: thin commands over the library, one module for each kind of user."""

import atexit
import gc
import sys

from popflow import environment

# A short command is mostly imports, and neither the collector nor BLAS's threads have anything to do in them.
gc.set_threshold(100_000)
environment.BLAS_THREADS.set_unless_given("1")
environment.NO_PLUGINS.set_unless_given("__all__")

from popflow.cli.app import app, main  # noqa: E402 they import all of these

__all__ = ["app", "main"]


@atexit.register
def _end_without_collecting() -> None:
    """The process gives all back at once (0.3 s of pull's 2); DuckDB calls what is left a leak, on standard error."""
    if "duckdb" not in sys.modules:
        gc.freeze()
