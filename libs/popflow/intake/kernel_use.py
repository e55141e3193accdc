"""Whether the kernel takes a feed in on this machine, and why not: then DuckDB does, with the same result."""

from __future__ import annotations

import functools
from typing import Any

from popflow.feeds import Feed
from popflow.intake import kernel_plan


def without_kernel(feed: Feed) -> str | None:
    """Why DuckDB reads a feed here; nothing where the kernel does."""
    return kernel_plan.refusal(feed) or uncompiled()


@functools.cache
def uncompiled() -> str | None:
    """Why the kernel does not run here; compiles it, in a first process of a machine, and loads it else."""
    try:
        import numba

        settings: Any = numba.config
        if settings.DISABLE_JIT:
            return "numba is switched off (NUMBA_DISABLE_JIT)"
        from popflow.intake.kernel_trial import compile_all

        compile_all()
    except ImportError as missing:
        return f"numba is not installed or does not load ({type(missing).__name__})"
    except Exception as fault:  # noqa: BLE001 - whatever the compiler says: the other engine does the work
        return f"numba does not compile here ({type(fault).__name__})"
    return None
