"""Nights of a range of dates, in order: a backfill, or what a late delivery has touched.

popflow_backfill asks for `from` and `to`. popflow_late_delivery asks for the `date` whose delivery came late, and runs
that night and those after it up to `to`; a date that was released stays as it was.
"""

from __future__ import annotations

import datetime as dt

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, task
from night_plan import dates_between
from notice import Notice


def date_param(says: str) -> Param:
    """A date that whoever starts the run gives."""
    return Param(type="string", format="date", description=says)


def nights(dag_id: str, first: str, params: dict[str, Param]) -> DAG:
    """A DAG that starts popflow_nightly for one date after another; the first that fails stops the rest."""
    with DAG(
        dag_id, schedule=None, max_active_runs=1, params=params, doc_md=__doc__, tags=["popflow"],
        render_template_as_native_obj=True,
    ) as made:  # fmt: skip

        @task
        def dates(start: str, end: str) -> list[dict[str, str]]:
            return [{"date": date} for date in dates_between(start, end)]

        TriggerDagRunOperator.partial(
            task_id="night",
            trigger_dag_id="popflow_nightly",
            wait_for_completion=True,
            deferrable=True,
            poke_interval=30,
            max_active_tis_per_dagrun=1,
            execution_timeout=dt.timedelta(hours=20),
            on_failure_callback=Notice("failed", "{{ params.to }}"),
        ).expand(conf=dates("{{ params['" + first + "'] }}", "{{ params.to }}"))
    return made


backfill = nights("popflow_backfill", "from", {"from": date_param("first date"), "to": date_param("last date")})
of_delivery, to = date_param("date of the delivery that came late"), date_param("last date computed since")
late = nights("popflow_late_delivery", "date", {"date": of_delivery, "to": to})
