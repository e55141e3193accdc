"""A benchmark says nothing of a difference that is within the noise of the two times that it comes from."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def times() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "intake_times.py"
    spec = importlib.util.spec_from_file_location("intake_times", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_rate_bears_its_noise(times: ModuleType) -> None:
    taken = times.net([10.0, 10.2, 10.4], [2.0, 2.2, 2.4])
    assert (round(taken.seconds, 6), round(taken.noise, 3)) == (8.0, 0.283)
    assert times.rate(16_000_000, taken) == "2,000,000 ± 4 %"
    assert times.ratio(taken, times.Net(4.0, 0.0)) == "2.00 x ± 4 %"


@pytest.mark.parametrize(
    ("seconds", "fixed"), [([2.0, 2.1], [2.0, 2.2]), ([1.9, 2.0], [2.0, 2.2]), ([3.0, 9.0], [2.0, 2.0])]
)
def test_what_is_within_the_noise_has_no_rate_and_no_ratio(
    times: ModuleType, seconds: list[float], fixed: list[float]
) -> None:
    taken = times.net(seconds, fixed)
    assert times.rate(16_000_000, taken) == "within the noise"
    assert times.ratio(taken, times.Net(4.0, 0.0)) == times.ratio(times.Net(4.0, 0.0), taken) == "within the noise"


def test_one_run_alone_is_not_taken_for_exact(times: ModuleType) -> None:
    assert not times.net([3.0], [2.0]).clear
    assert times.net([30.0], [2.0]).clear


def test_processor_seconds_count_processes_that_have_ended(times: ModuleType) -> None:
    work = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"]
    taken = times.measured(1, lambda: subprocess.run(work, check=True))
    assert taken.cpu[0] >= 0.25
