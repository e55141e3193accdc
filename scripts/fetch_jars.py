"""Resolve jars once, by Spark's own resolver, into a folder of the project: Delta's, or with --s3 those of S3A.

python scripts/fetch_jars.py [--s3] [--lock] FOLDER

A jar that is not in libs/popflow/jars.lock, or differs from its digest there, is refused. After a change of a version
below, --lock writes the digests of what was fetched into the lock; look at its difference before it is committed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from popflow.jars import DELTA as OF_DELTA
from popflow.jars import LOCK, digest_of, locked, not_as_locked


class Wanted(NamedTuple):
    """Packages, what of that they need Spark has itself, and how the names of the jars to keep begin."""

    packages: list[str]
    excluded: list[str]
    keep: tuple[str, ...]


# What Spark itself ships.
SHIPPED = ["com.fasterxml.*:*", "com.github.*:*", "com.google.*:*", "commons-*:*", "org.slf4j:*"]
# Only io.delta and io.unitycatalog are new.
OF_SPARK = [*SHIPPED, "io.airlift:*", "javax.*:*", "org.apache.*:*", "org.locationtech.*:*", "org.roaringbitmap:*"]
# Built for the pinned pyspark, 4.2.0; the jar of 4.4.1 is not to be had.
DELTA = Wanted(["io.delta:delta-spark_4.2_2.13:4.4.0"], [*OF_SPARK, "org.xerial.*:*"], (OF_DELTA,))
# Spark's Hadoop is 3.5.0, built for this AWS SDK. Those of its modules that S3A uses are 20 MB, the usual bundle 690.
SDK = [f"software.amazon.awssdk:{name}:2.35.4" for name in ("s3", "s3-transfer-manager", "sts", "netty-nio-client")]
NOT_OF_S3A = [*SHIPPED, "io.netty:*", "org.apache.httpcomponents:*", "org.wildfly.*:*", "software.amazon.awssdk:bundle"]
S3A = Wanted(
    ["org.apache.hadoop:hadoop-aws:3.5.0", *SDK],
    NOT_OF_S3A,
    ("org.apache.hadoop_hadoop-aws", "org.reactivestreams", "software.amazon."),
)
RESOLVE = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate().stop()
"""


def main(wanted: Wanted, folder: Path, lock: bool = False) -> int:
    """Fetch into a temporary folder and copy the jars at the end, so that a broken call leaves nothing behind."""
    with tempfile.TemporaryDirectory() as scratch:
        # A home of its own: a local Maven cache that holds poms but no jars would break the resolution.
        home = {"SPARK_SUBMIT_OPTS": f"-Duser.home={scratch}", "SPARK_LOCAL_IP": "127.0.0.1"}
        packages = f"--packages {','.join(wanted.packages)} --exclude-packages {','.join(wanted.excluded)}"
        arguments = f"{packages} --conf spark.jars.ivy={scratch}/ivy pyspark-shell"
        environment = os.environ | home | {"PYSPARK_SUBMIT_ARGS": arguments}
        run = subprocess.run([sys.executable, "-c", RESOLVE], env=environment, capture_output=True, text=True)
        jars = [jar for jar in sorted(Path(scratch, "ivy", "jars").glob("*.jar")) if jar.name.startswith(wanted.keep)]
        asked = wanted.packages[0].split(":")[1]
        if run.returncode or not any(asked in jar.name for jar in jars):
            print(f"jars ({wanted.packages[0]}) could not be fetched: is Maven Central reachable?", file=sys.stderr)
            print("\n".join(run.stderr.splitlines()[-5:]), file=sys.stderr)
            return 1
        if lock:
            write_lock(wanted, jars)
        return install(jars, folder)


def install(jars: list[Path], folder: Path, lock: Path = LOCK) -> int:
    """Copy the jars into the folder, all of them or none: none where one is not as the lock has it."""
    if others := not_as_locked(jars, lock):
        said = f"{others[0]}: its SHA-256 is not that of {lock.name}, so no jar was installed; fetch again, and find"
        print(f"{said} out who changed it if that does not help", file=sys.stderr)
        return 1
    folder.mkdir(exist_ok=True)
    for jar in jars:
        shutil.copy(jar, folder / jar.name)
    return 0


def write_lock(wanted: Wanted, jars: list[Path]) -> None:
    """Put the digests of these jars in the place of those that earlier ones of their kind have in the lock."""
    kept = {name: digest for name, digest in locked().items() if not name.startswith(wanted.keep)}
    lines = {**kept, **{jar.name: digest_of(jar) for jar in jars}}
    LOCK.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items())), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--lock", action="store_true")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    raise SystemExit(main(S3A if given.s3 else DELTA, given.folder, given.lock))
