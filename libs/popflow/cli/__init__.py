"""The command line: thin commands over the library, one module for each kind of user."""

from popflow.cli.app import app, main

__all__ = ["app", "main"]
