"""The night: at 02:00 Asia/Shanghai, for the day before; one run at a time, missed ones in order.

The release job writes nothing where the date is not complete, and says so. No task waits for the night before: where
that one has not run, persons fails and says so, and the upkeep follows.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG, CronDataIntervalTimetable, Param
from night_plan import MNOS, STAGES, ZONE, edges, setting
from tasks import arguments, delivery, job, through, upkeep

FIRST = setting("FIRST_DATE")  # the first date of the service: all since then are caught up with

with DAG(
    "popflow_nightly",
    schedule=CronDataIntervalTimetable("0 2 * * *", ZONE),
    start_date=dt.datetime.fromisoformat(f"{FIRST or '2020-01-01'}T02:00:00+08:00"),
    catchup=bool(FIRST),
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=20),
    params={
        "date": Param(None, type=["null", "string"], format="date", description="of the night; else the day before")
    },
    doc_md=__doc__,
    tags=["popflow"],
) as dag:
    landed = [delivery(mno) for mno in MNOS]
    stages = {}
    for stage in STAGES:
        each = [arguments("--mno", mno) for mno in MNOS] if stage.each_mno else [arguments()]
        more = {"map_index_template": "{{ task.application_args[-1] }}"} if stage.each_mno else {}
        stages[stage.name] = job(stage, **more).expand(application_args=each)
    for before, after in sorted(edges()):
        stages[before] >> stages[after]
    landed >> stages["intake"]
    kept_up, end = upkeep(), through()
    stages["release"] >> kept_up
    [stages["release"], kept_up] >> end
