"""Small nations, made once a run."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from small_nations import DayOfRecords, Simulated, day_of_records, simulated

from popflow.synthetic.demand import Demand
from popflow.synthetic.places import Places, shipped_places
from popflow.synthetic.troubles import Troubles


@pytest.fixture(scope="session")
def everyday(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """The nation of an ordinary feed."""
    return simulated(tmp_path_factory.mktemp("everyday"), Troubles())


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """The nation without any trouble."""
    return simulated(tmp_path_factory.mktemp("quiet"), Troubles.none())


@pytest.fixture(scope="session")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """The nation with every trouble."""
    return simulated(tmp_path_factory.mktemp("hard"), Troubles.all())


@pytest.fixture(scope="session")
def places() -> Places:
    """The shipped counties."""
    return shipped_places()


@pytest.fixture(scope="session")
def demand(places: Places) -> Demand:
    """The demand of the shipped counties."""
    return Demand.of(places)


@pytest.fixture(scope="session")
def day_of(places: Places) -> Callable[[Troubles], DayOfRecords]:
    """The records of one date under the given troubles."""
    return functools.partial(day_of_records, places)
