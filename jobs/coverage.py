"""Whether all MNOs of a date are there and as active as usual; holds the date back where not.

spark-submit --jars "$(ls .jars/*.jar | paste -sd,)" jobs/coverage.py --date 2020-01-22 --landing LANDING --lake LAKE
"""

from popflow.cli.job import submit
from popflow.pipeline import COVERAGE

if __name__ == "__main__":
    submit(COVERAGE)
