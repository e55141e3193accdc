"""What lies deep in the causes of Spark's errors is said in one line of popflow's."""

from __future__ import annotations

from popflow.encryption.faults import fault_in
from popflow.intake.night import _one_line


class Cause:
    """A Java exception as py4j shows it."""

    def __init__(self, text: str, cause: Cause | None = None) -> None:
        self._text, self._cause = text, cause

    def __str__(self) -> str:
        return self._text

    def getCause(self) -> Cause | None:  # noqa: N802 as Java spells it
        return self._cause


class Py4JJavaError(Exception):
    """An error of Spark, with its cause."""

    def __init__(self, cause: Cause) -> None:
        super().__init__("An error occurred while calling o7.save")
        self.java_exception = cause


def test_a_full_disk_is_said_wherever_it_lies() -> None:
    full = Cause("java.io.IOException: No space left on device")
    error = Py4JJavaError(Cause("org.apache.spark.SparkException: Job aborted", full))
    assert str(fault_in(error)) == _one_line(error)
    assert _one_line(error) == (
        "no room is left on a disk that Spark writes to, the lake's or its scratch's; make room, or name another "
        "folder for scratch by POPFLOW_SCRATCH, and run the night again"
    )


def test_anything_else_stays_unsaid() -> None:
    error = Py4JJavaError(Cause("java.lang.Exception: 0123456789abcdef0123456789abcdef|460"))
    assert fault_in(error) is None
    assert _one_line(error) == "intake failed in Spark (Py4JJavaError); see the log of its tasks"
