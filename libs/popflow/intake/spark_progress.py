"""How far a Spark job is, told while it runs."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from popflow.progress import Progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVERY_SECONDS = 0.5


@contextlib.contextmanager
def watched(spark: SparkSession, on_progress: Progress) -> Iterator[None]:
    """Tell how many tasks of the Spark jobs inside are done, while they run."""
    group, ended = f"intake-{uuid.uuid4().hex}", threading.Event()
    spark.sparkContext.setJobGroup(group, "intake")
    watcher = threading.Thread(target=_watch, args=(spark, group, ended, on_progress), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]


def _watch(spark: SparkSession, group: str, ended: threading.Event, on_progress: Progress) -> None:
    tracker = spark.sparkContext.statusTracker()
    while not ended.wait(EVERY_SECONDS):
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
        stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
        known = [stage for stage in stages if stage]
        if known:
            done, of = sum(stage.numCompletedTasks for stage in known), sum(stage.numTasks for stage in known)
            on_progress(f"{done} of {of} tasks")
