"""The tasks that the DAGs are made of: a sensor for a delivery, a spark-submit of a job, the upkeep, the end."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import Asset
from night_plan import DATE, DEADLINE, HOUSE, STAGES, UPKEEP, Stage, manifests, setting, upkeep_variables
from notice import Notice

AGAIN: dict[str, Any] = {"retries": 2, "retry_delay": dt.timedelta(seconds=int(setting("RETRY_SECONDS", "300")))}
RETRIES = AGAIN | {"on_failure_callback": Notice("failed", DATE)}


def asset(table: str) -> Asset:
    """A table of the lake, as Airflow knows it."""
    return Asset(name=table, uri=f"x-popflow://lake/{table}")


def delivery(mno: str) -> FileSensor:
    """Waits, without holding a worker, until the MNO's manifest is there; late is a failure that people are told of.

    Lateness is final; what is tried again is a worker that could not start, as when Airflow itself is just starting.
    """
    return FileSensor(
        task_id=f"delivery_{mno}",
        filepath=manifests(mno),
        deferrable=True,
        poke_interval=float(setting("POKE_SECONDS", "60")),
        timeout=float(setting("DEADLINE_SECONDS", str(DEADLINE.total_seconds()))),
        on_failure_callback=Notice("late", DATE),
        **AGAIN,
    )


def job(stage: Stage, **more: Any) -> Any:
    """spark-submit of one job, partial: expand it over arguments."""
    return SparkSubmitOperator.partial(
        task_id=stage.name,
        application=str(HOUSE / "jobs" / f"{stage.name}.py"),
        name=f"popflow_{stage.name}",
        jars=",".join(str(jar) for jar in sorted((HOUSE / ".jars").glob("*.jar"))),
        conf=spark_conf(),
        inlets=[asset(table) for table in stage.reads],
        outlets=[asset(table) for table in stage.writes],
        execution_timeout=stage.timeout,
        **RETRIES,
        **more,
    )


def arguments(*more: str) -> list[str]:
    """Command line of a job; secrets come from files that the environment names, never from here."""
    sample = ["--sample"] if setting("SAMPLE") else []  # of simulated deliveries
    return ["--date", DATE, "--landing", setting("LANDING"), "--lake", setting("LAKE"), *sample, *more]


def upkeep() -> BashOperator:
    """Quality page, retention and leak scan, once nothing of the night is left to do, however it ended."""
    return BashOperator(
        task_id="upkeep",
        bash_command=UPKEEP,
        env=upkeep_variables(),
        append_env=True,
        trigger_rule="all_done",
        execution_timeout=dt.timedelta(hours=1),
        **RETRIES,
    )


def through() -> EmptyOperator:
    """What a run's state is that of: it fails where the release or the upkeep did; no worker runs it."""
    return EmptyOperator(task_id="through", **AGAIN)


def spark_conf() -> dict[str, str]:
    """What a job needs to open Delta tables; memory and the rest come from spark-defaults.conf of the cluster."""
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.memory": setting("DRIVER_MEMORY", "4g"),
    }


def by_name(name: str) -> Stage:
    """A stage of the night."""
    return next(stage for stage in STAGES if stage.name == name)
