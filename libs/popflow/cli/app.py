"""The program `popflow`: its commands, and how it stops.

Exit codes: 0 done; 1 refused or failed, with one line on standard error that says what and how to mend it; 2 a command
line that popflow does not understand; 3 the night is held back, nothing was published; 4 the night that
`status --check` asks about failed or was withdrawn; 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import typer

from popflow import environment
from popflow.cli import (
    accuracy,
    analyst,
    briefings,
    corrections,
    delivery,
    doctor,
    feed,
    keys,
    night,
    reference,
    scenario,
    share,
    simulation,
)
from popflow.encryption.faults import fault_in
from popflow.errors import Amiss, Held, PopflowError, one_line

app = typer.Typer(
    name="popflow",
    help="County-level population flows from signalling records, published so that nobody can be singled out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
MODULES = (
    simulation,
    accuracy,
    scenario,
    reference,
    night,
    corrections,
    analyst,
    briefings,
    doctor,
    share,
    keys,
    delivery,
    feed,
)


def _register() -> None:
    """Add every command; some are made of the contracts, which may not hold together."""
    for module in MODULES:
        module.register(app)


def main() -> None:
    """Run the program; whatever goes wrong is one line and an exit code, never a stack trace with somebody's data."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to stop
    stopping_in_one_line(app)


def stopping_in_one_line(run: Callable[[], object]) -> None:
    """Call, and end the process with one line and an exit code if it fails."""
    if environment.DEBUG.is_set():
        run()
        return
    try:
        run()
    except Held as held:
        _stop(str(held), 3)
    except Amiss as amiss:
        _stop(str(amiss), 4)
    except PopflowError as error:
        _stop(str(error), 1)
    except KeyboardInterrupt:
        _stop("interrupted; start it again, nothing is half-written", 130)
    except MemoryError:
        _stop("out of memory; give the driver less at once (POPFLOW_DRIVER_MEMORY) or the machine more", 1)
    except OSError as error:
        _stop(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}", 1)
    except Exception as error:  # noqa: BLE001 an unforeseen error's message may hold a record: only its kind is said
        if fault := fault_in(error):
            _stop(str(fault), 1)
        _stop(f"unforeseen {type(error).__name__}; POPFLOW_DEBUG=1 shows where, in the restricted zone only", 1)


def _stop(line: str, code: int) -> None:
    print(f"popflow: {one_line(line)}", file=sys.stderr)
    sys.exit(code)


stopping_in_one_line(_register)
