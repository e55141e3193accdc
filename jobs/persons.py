"""From presence to person_day and person_state of a date.

spark-submit --jars "$(ls .jars/*.jar | paste -sd,)" jobs/persons.py --date 2020-01-22 --landing LANDING --lake LAKE
"""

from popflow.cli.job import submit
from popflow.pipeline import PERSONS

if __name__ == "__main__":
    submit(PERSONS)
