"""Every environment variable that popflow reads or sets: name, meaning, kind and what holds without it.

A variable is read when it is asked for, so that a process may set one for what it starts. docs/reference/environment.md
is made of this list, and no other module touches the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OURS = "POPFLOW_"


@dataclass(frozen=True)
class Variable:
    """One variable. kind: what its text is (file, folder, place, name, text, switch); default: what holds without it.

    As text it is its name, so that messages can name it.
    """

    name: str
    kind: str
    meaning: str
    default: str = ""

    def __str__(self) -> str:
        return self.name

    def is_set(self) -> bool:
        """Whether it is there at all, empty or not."""
        return self.name in os.environ

    def text(self) -> str | None:
        """What it says, None where it is missing or empty."""
        return os.environ.get(self.name) or None

    def path(self) -> Path | None:
        """The file or folder of this machine that it names, None where it is missing or empty."""
        named = self.text()
        return Path(named) if named else None

    def set_unless_given(self, text: str) -> None:
        """Set it for this process and those that it starts, unless somebody has."""
        os.environ.setdefault(self.name, text)

    def set(self, text: str) -> None:
        """Set it for this process and those that it starts, whatever it said."""
        os.environ[self.name] = text


# Where things lie
LAKE = Variable("POPFLOW_LAKE", "place", "the lake, in place of `--lake`")
ZONES = {
    zone: Variable(f"POPFLOW_ZONE_{zone.upper()}", "place", meaning, f"`<lake>/{zone}`")
    for zone, meaning in {
        "reference": "zone of cells, counties and their names",
        "restricted": "zone of what tells of persons",
        "published": "zone of what everybody with access to it may read",
        "ops": "zone of logs, trail and lock: a folder, never object storage",
        "share": "what the share keeps of its own: grants and its trail",
    }.items()
}
CACHE = Variable("POPFLOW_CACHE", "folder", "what is computed once for all lakes", "`$XDG_CACHE_HOME/popflow`")
SCRATCH = Variable("POPFLOW_SCRATCH", "folder", "where each process makes a folder for its scratch, mode 0700",
                   "the machine's folder for temporary files")  # fmt: skip
CONTRACTS = Variable("POPFLOW_CONTRACTS", "folder", "contracts beside those that popflow ships: `landing/`, "
                     "`restricted/`, `indicators/`, and the modules that these name")  # fmt: skip
# Keys and the trail
KEY_FILE = Variable("POPFLOW_KEY_FILE", "file", "key of the pseudonyms, mode 0600", "`<restricted>/_keys/person.key`")
OFFSET_KEY_FILE = Variable("POPFLOW_OFFSET_KEY_FILE", "file", "key of figures in hundreds, mode 0600, kept for good",
                           "`<restricted>/_keys/offsets.key`")  # fmt: skip
MASTER_KEYS = Variable("POPFLOW_MASTER_KEYS", "file", "master keys of the encryption at rest, mode 0600")
AGE_IDENTITY = Variable("POPFLOW_AGE_IDENTITY", "file", "what opens deliveries that arrive encrypted, mode 0600")
TRAIL_ANCHOR = Variable("POPFLOW_TRAIL_ANCHOR", "file", "the audit trail's newest entry, kept outside the lake")
SHARE_ANCHOR = Variable("POPFLOW_SHARE_ANCHOR", "file", "the newest entry of the share's trail, kept elsewhere")
PURPOSE = Variable("POPFLOW_PURPOSE", "name", "what the run is for", "`epidemic_prevention`")
# Spark
JARS = Variable("POPFLOW_JARS", "folder", "Delta's jars", "`.jars` of the checkout")
MASTER = Variable("POPFLOW_MASTER", "text", "Spark's master; under spark-submit its own", "`local[<cores>,4]`")
DRIVER_MEMORY = Variable("POPFLOW_DRIVER_MEMORY", "text", "memory of Spark's driver", "`4g`")
JAVA_OPTIONS = Variable("POPFLOW_JAVA_OPTIONS", "text", "options of the driver's JVM", "`-XX:+UseParallelGC`")
SPARK_LOG = Variable("POPFLOW_SPARK_LOG", "file", "Spark's log, kept with mode 0600", "the process's scratch")
# The program
CHROMIUM = Variable("POPFLOW_CHROMIUM", "file", "program for pictures and PDF", "one on the path")
DEBUG = Variable("POPFLOW_DEBUG", "switch", "show unforeseen faults whole, which may quote a record")
# Who is told of a night
WEBHOOK = Variable("POPFLOW_WEBHOOK", "text", "address that gets a JSON object for a failed, held or late date")
MAIL_TO = Variable("POPFLOW_MAIL_TO", "text", "who gets a mail for the same")
MAIL_FROM = Variable("POPFLOW_MAIL_FROM", "text", "its sender", "`popflow@localhost`")
SMTP = Variable("POPFLOW_SMTP", "text", "host:port of the mail server", "`localhost:25`")
METRICS = Variable(
    "POPFLOW_METRICS", "file", "metrics of the newest night, for Prometheus's textfile collector (.prom)"
)

# Variables of others that popflow reads
JAVA_HOME = Variable("JAVA_HOME", "folder", "the Java that `popflow doctor` and Spark look for", "`java` on the path")
S3_ENDPOINT = Variable("AWS_ENDPOINT_URL", "text", "an object storage that speaks S3", "Amazon's")
S3_REGION = Variable("AWS_REGION", "name", "its region", "`us-east-1`")
XDG_CACHE_HOME = Variable("XDG_CACHE_HOME", "folder", "caches of the account", "`~/.cache`")
OPENLINEAGE_URL = Variable("OPENLINEAGE_URL", "text", "lineage backend that gets the events of each stage as well")
OPENLINEAGE_KEY = Variable("OPENLINEAGE_API_KEY", "text", "its key, sent as a bearer token")
COLUMNS = Variable("COLUMNS", "text", "width of tables that go into a pipe or file", "as wide as they need")
LOCALES = [Variable(name, "name", "whether names of files are UTF-8 to what popflow starts; if not, LC_ALL is set")
           for name in ("LC_ALL", "LC_CTYPE", "LANG")]  # fmt: skip
UNDER_SPARK_SUBMIT = Variable("PYSPARK_GATEWAY_PORT", "text", "set by spark-submit, which brings master, memory, jars")

# Variables of others that popflow sets, for itself and what it starts
TEMPORARY = Variable("TMPDIR", "folder", "temporary files of what popflow starts: the process's scratch")
WORKERS_PYTHON = Variable("PYSPARK_PYTHON", "file", "the Python of Spark's workers, unless it is given: popflow's own")
NO_ANALYTICS = Variable("GX_ANALYTICS_ENABLED", "switch", "off: Great Expectations tells nobody what it does")
BLAS_THREADS = Variable("OPENBLAS_NUM_THREADS", "text", "1 in the program, unless it is given")
NO_PLUGINS = Variable("PYDANTIC_DISABLE_PLUGINS", "text", "`__all__` in the program, unless it is given")

PLACES = [LAKE, *ZONES.values(), CACHE, SCRATCH, CONTRACTS]
SECRETS = [KEY_FILE, OFFSET_KEY_FILE, MASTER_KEYS, AGE_IDENTITY, TRAIL_ANCHOR, SHARE_ANCHOR, PURPOSE]
SPARK = [JARS, MASTER, DRIVER_MEMORY, JAVA_OPTIONS, SPARK_LOG]
PROGRAM = [CHROMIUM, DEBUG]
NOTICES = [WEBHOOK, MAIL_TO, MAIL_FROM, SMTP, METRICS]
LINEAGE = [OPENLINEAGE_URL, OPENLINEAGE_KEY]
READ_OF_OTHERS = [JAVA_HOME, S3_ENDPOINT, S3_REGION, XDG_CACHE_HOME, *LINEAGE, COLUMNS, *LOCALES, UNDER_SPARK_SUBMIT]
SET_OF_OTHERS = [TEMPORARY, WORKERS_PYTHON, NO_ANALYTICS, BLAS_THREADS, NO_PLUGINS]
# Airflow's DAGs run where popflow is not installed: they read these, and NOTICES, by airflow_dags/night_plan.py.
AIRFLOW = [
    Variable(
        "POPFLOW_NIGHT_PLAN", "file", "MNOs and stages of a night, by `popflow plan`", "`airflow_dags/night.json`"
    ),
    Variable("POPFLOW_LANDING", "folder", "the deliveries"),
    Variable("POPFLOW_FIRST_DATE", "date", "first date of the service; with it, missed dates are caught up with"),
    Variable("POPFLOW_SAMPLE", "switch", "1 for simulated deliveries, which cover a sample: nation-wide checks warn"),
    Variable("POPFLOW_RETRY_SECONDS", "seconds", "between two tries of a task", "300"),
    Variable("POPFLOW_POKE_SECONDS", "seconds", "between two looks for a delivery", "60"),
    Variable("POPFLOW_DEADLINE_SECONDS", "seconds", "after 02:00, until a delivery is late", "14400"),
]
OF_POPFLOW = [*PLACES, *SECRETS, *SPARK, *PROGRAM, *NOTICES]


@contextmanager
def changed(values: Mapping[Variable, str]) -> Iterator[None]:
    """Set variables for what is started inside, and put back what they said."""
    before = {variable.name: os.environ.get(variable.name) for variable in values}
    os.environ.update({variable.name: text for variable, text in values.items()})
    try:
        yield
    finally:
        for name, text in before.items():
            os.environ.pop(name)
            os.environ.update({} if text is None else {name: text})
