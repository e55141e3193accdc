"""A short valid history for the auditor's tests."""

from __future__ import annotations

import pytest
from toy_history import Toy, nights


@pytest.fixture(scope="session")
def three_nights() -> Toy:
    return nights(3)
