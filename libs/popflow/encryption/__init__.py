"""Encryption in transit and at rest: Spark's settings, and Parquet's own encryption of the restricted zone.

At rest each Parquet file of the restricted zone is encrypted by itself (AES-GCM, footer included; parquet-format,
"Modular encryption") under a key of its own, wrapped by a master key from a file, and bound to its path below the zone:
a file in another's place is refused, and so is a plain one. Delta's log is not encrypted: it holds dates, delivery
names and ranges of counties and counts, no token; the owner-only modes of the zone cover it. What reads these tables
without Java (delta-rs) cannot read them any more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popflow.encryption.jar import JARS, zone_crypto_jar
from popflow.encryption.key_file import keys_file, master_keys
from popflow.environment import MASTER_KEYS
from popflow.errors import PopflowError
from popflow.paths import is_local, normal


def settings_of(restricted_zone: str, jars_folder: Callable[[], Path]) -> dict[str, str]:
    """All of Spark's settings where POPFLOW_MASTER_KEYS names master keys; none where it does not.

    jars_folder: finds the folder of Delta's jars, into which the jar that Parquet needs is put at first use. Raises
    PopflowError for a zone in object storage, which encrypts by itself.
    """
    if not MASTER_KEYS.is_set():
        return {}
    at_rest = at_rest_settings(restricted_zone)
    jars = jars_folder()
    every = [*(jar for jar in jars.glob("*.jar") if not jar.match(JARS)), zone_crypto_jar(jars)]
    return in_transit_settings() | at_rest | {"spark.jars": ",".join(sorted(jar.as_uri() for jar in every))}


def folder_of(restricted_zone: str) -> Path:
    """The folder that a zone is. Raises PopflowError for object storage, whose files nobody looks through for keys."""
    zone = normal(restricted_zone)
    if not is_local(zone):
        raise PopflowError(
            f"{zone}: {MASTER_KEYS} encrypts the files of a folder; in object storage let the bucket encrypt "
            f"(SSE-KMS), unset {MASTER_KEYS}, and say so by 'popflow keys waive'"
        )
    return Path(zone)


def in_transit_settings() -> dict[str, str]:
    """Spark settings: traffic between driver and executors, shuffle and spill files encrypted (AES, 256 bits).

    Spark makes the shared secret itself, locally and on YARN and Kubernetes; a standalone cluster takes it from
    spark.authenticate.secret.file on each machine.
    """
    return {
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.network.crypto.cipher": "AES/GCM/NoPadding",
        "spark.io.encryption.enabled": "true",
        "spark.io.encryption.keySizeBits": "256",
    }


def at_rest_settings(restricted_zone: str, keys: Path | None = None) -> dict[str, str]:
    """Spark settings under which everything that is written below the restricted zone is encrypted with the newest key.

    keys: file of master keys; POPFLOW_MASTER_KEYS where None. The jar of `zone_crypto_jar` must be on spark.jars.
    """
    path = keys_file(keys)
    return {
        "spark.hadoop.parquet.crypto.factory.class": "org.popflow.ZoneCrypto",
        "spark.hadoop.parquet.encryption.kms.client.class": "org.popflow.ZoneKeys",
        "spark.hadoop.parquet.encryption.uniform.key": list(master_keys(path))[-1],
        "spark.hadoop.parquet.encryption.algorithm": "AES_GCM_V1",
        "spark.hadoop.popflow.encrypted.zone": str(folder_of(restricted_zone)),
        "spark.hadoop.popflow.master.keys": str(path),
    }
