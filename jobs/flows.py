"""Exact flows and population of a date.

spark-submit --jars "$(ls .jars/*.jar | paste -sd,)" jobs/flows.py --date 2020-01-22 --landing LANDING --lake LAKE
"""

from popflow.cli.job import submit
from popflow.pipeline import FLOWS

if __name__ == "__main__":
    submit(FLOWS)
