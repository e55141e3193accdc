"""Resolve Delta's jars once, by Spark's own resolver, into a folder of the project.

python scripts/fetch_jars.py FOLDER
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
# What Spark itself ships; only io.delta and io.unitycatalog are new.
SHIPPED = ["com.fasterxml.*:*", "com.github.*:*", "com.google.*:*", "commons-*:*", "io.airlift:*", "javax.*:*"]
SHIPPED += ["org.apache.*:*", "org.locationtech.*:*", "org.roaringbitmap:*", "org.slf4j:*", "org.xerial.*:*"]
RESOLVE = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate().stop()
"""


def main(folder: Path) -> int:
    """Fetch into a temporary folder and move the jars at the end, so that a broken call leaves nothing behind."""
    with tempfile.TemporaryDirectory() as scratch:
        # A home of its own: a local Maven cache that holds poms but no jars would break the resolution.
        home = {"SPARK_SUBMIT_OPTS": f"-Duser.home={scratch}", "SPARK_LOCAL_IP": "127.0.0.1"}
        arguments = f"--packages {DELTA} --exclude-packages {','.join(SHIPPED)} --conf spark.jars.ivy={scratch}/ivy"
        environment = os.environ | home | {"PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell"}
        run = subprocess.run([sys.executable, "-c", RESOLVE], env=environment, capture_output=True, text=True)
        jars = sorted(Path(scratch, "ivy", "jars").glob("io.*.jar"))
        if run.returncode or not any("delta-spark" in jar.name for jar in jars):
            print(f"Delta's jars ({DELTA}) could not be fetched: is Maven Central reachable?", file=sys.stderr)
            print("\n".join(run.stderr.splitlines()[-5:]), file=sys.stderr)
            return 1
        folder.mkdir(exist_ok=True)
        for jar in jars:
            shutil.copy(jar, folder / jar.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
