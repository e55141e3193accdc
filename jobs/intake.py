"""Take in the deliveries of a date.

spark-submit --jars "$(ls .jars/*.jar | paste -sd,)" jobs/intake.py --date 2020-01-22 --landing LANDING --lake LAKE
"""

from popflow.cli.job import submit
from popflow.pipeline import INTAKE

if __name__ == "__main__":
    submit(INTAKE)
