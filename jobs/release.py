"""Gate, audit and release of a date.

spark-submit --jars "$(ls .jars/*.jar | paste -sd,)" jobs/release.py --date 2020-01-22 --landing LANDING --lake LAKE
"""

from popflow.cli.job import submit
from popflow.pipeline import RELEASE

if __name__ == "__main__":
    submit(RELEASE)
