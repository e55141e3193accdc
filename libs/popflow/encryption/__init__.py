"""Encryption in transit and at rest: Spark's settings, and Parquet's own encryption of the restricted zone.

At rest each Parquet file of the restricted zone is encrypted by itself (AES-GCM, footer included; parquet-format,
"Modular encryption") under a key of its own, wrapped by a master key from a file. Delta's log is not encrypted: it
holds dates, delivery names and ranges of counties and counts, no token; the owner-only modes of the zone cover it. What
reads these tables without Java (delta-rs) cannot read them any more.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from popflow.errors import PopflowError

VARIABLE = "POPFLOW_MASTER_KEYS"
MASTER_BYTES = 32
SOURCES = Path(__file__).parent / "java"
JAR = "popflow-zone-crypto.jar"


def settings_of(restricted_zone: str, jars_folder: Callable[[], Path]) -> dict[str, str]:
    """All of Spark's settings where POPFLOW_MASTER_KEYS names master keys; none where it does not.

    jars_folder: finds the folder of Delta's jars, into which the jar that Parquet needs is put at first use. Raises
    PopflowError for a zone in object storage, which encrypts by itself.
    """
    if VARIABLE not in os.environ:
        return {}
    at_rest = at_rest_settings(restricted_zone)
    jars = jars_folder()
    every = [*jars.glob("*.jar"), zone_crypto_jar(jars)]
    jar_list = {"spark.jars": ",".join(sorted({str(jar) for jar in every}))}
    return in_transit_settings() | at_rest | jar_list


def folder_of(restricted_zone: str) -> Path:
    """The folder that a zone is. Raises PopflowError for object storage, whose files nobody looks through for keys."""
    folder = restricted_zone.removeprefix("file://")
    if "://" in folder:
        raise PopflowError(
            f"{restricted_zone}: {VARIABLE} encrypts the files of a folder; in object storage let the bucket encrypt "
            f"(SSE-KMS) and unset {VARIABLE}"
        )
    return Path(folder)


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
    newest = key_names(path)[-1]
    return {
        "spark.hadoop.parquet.crypto.factory.class": "org.popflow.ZoneCrypto",
        "spark.hadoop.parquet.encryption.kms.client.class": "org.popflow.ZoneKeys",
        "spark.hadoop.parquet.encryption.uniform.key": newest,
        "spark.hadoop.parquet.encryption.algorithm": "AES_GCM_V1",
        "spark.hadoop.popflow.encrypted.zone": str(folder_of(restricted_zone)),
        "spark.hadoop.popflow.master.keys": str(path),
    }


def keys_file(keys: Path | None = None) -> Path:
    """The file of master keys. Raises PopflowError where it is missing, open to others, or holds no key."""
    named = keys or (Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None)
    if named is None or not named.is_file():
        raise PopflowError(f"{VARIABLE}: no file of master keys at {named}; 'popflow keys add' makes one")
    if named.stat().st_mode & 0o077:
        raise PopflowError(f"{named}: others than its owner can read the master keys; chmod 600 it")
    if not key_names(named):
        raise PopflowError(f"{named}: holds no master key; 'popflow keys add' adds one")
    return named


def key_names(keys: Path) -> list[str]:
    """Names of the master keys, the newest last."""
    lines = keys.read_text(encoding="ascii").split("\n")
    return [line.split(" ")[0] for line in lines if re.fullmatch(r"\S+ [A-Za-z0-9+/]+=*", line)]


def add_master_key(keys: Path, name: str) -> None:
    """Add a master key, with which new files are encrypted from now on; files of earlier keys stay readable."""
    known = key_names(keys) if keys.exists() else []
    if name in known or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise PopflowError(f"{keys}: '{name}' is there already or is no name of letters, digits, '.', '_' and '-'")
    handle = os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{name} {base64.b64encode(secrets.token_bytes(MASTER_BYTES)).decode()}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_master_key(keys: Path, name: str, still_used: Sequence[str]) -> None:
    """Forget a master key: what was encrypted with it can never be read again, which is how its tables end.

    still_used: keys of files on disk (`keys_in_use`). Raises PopflowError for the newest key, or one that is in use.
    """
    lines = keys.read_text(encoding="ascii").splitlines(keepends=True)
    names = key_names(keys)
    if name not in names or name == names[-1]:
        raise PopflowError(f"{keys}: '{name}' is the newest key or not there; there are {', '.join(names)}")
    if name in still_used:
        raise PopflowError(f"{keys}: files on disk still need '{name}'; wait until retention has deleted them")
    draft = keys.with_name(f".{keys.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(line for line in lines if not line.startswith(f"{name} "))
    draft.replace(keys)


def keys_in_use(restricted_zone: Path, names: Sequence[str]) -> list[str]:
    """Which master keys the Parquet files below a folder need: each names its key in its footer, in the clear."""
    found = set()
    for file in restricted_zone.rglob("*.parquet"):
        if is_encrypted(file):
            tail = file.read_bytes()[-65536:]
            found |= {name for name in names if f'"{name}"'.encode() in tail or f'\\"{name}\\"'.encode() in tail}
    return [name for name in names if name in found]


def is_encrypted(file: Path) -> bool:
    """Whether a Parquet file is encrypted, its footer included."""
    with file.open("rb") as opened:
        return opened.read(4) == b"PARE"


def plain_files(restricted_zone: Path) -> list[Path]:
    """Parquet files of the restricted zone that lie there unencrypted, Delta's checkpoints apart."""
    files = (file for file in restricted_zone.rglob("*.parquet") if "_delta_log" not in file.parts)
    return sorted(file for file in files if not is_encrypted(file))


def zone_crypto_jar(folder: Path) -> Path:
    """The jar with the two classes that Parquet calls, compiled at first use by a compiler that Spark brings along."""
    jar = folder / JAR
    if jar.exists():
        return jar
    with TemporaryDirectory() as made:
        _compile(Path(made))
        draft = jar.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(draft, "w") as archive:
            for path in sorted(Path(made).rglob("*.class")):
                archive.write(path, path.relative_to(made))
        draft.replace(jar)
    return jar


def _compile(folder: Path) -> None:
    """By janino, in a Java machine of its own: a Java without compiler, as popflow needs it, suffices."""
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway()
    try:
        compiler = gateway.jvm.org.codehaus.janino.Compiler()
        loader = gateway.jvm.java.lang.ClassLoader.getSystemClassLoader()
        compiler.setIClassLoader(gateway.jvm.org.codehaus.janino.ClassLoaderIClassLoader(loader))
        compiler.setDestinationDirectory(gateway.jvm.java.io.File(str(folder)), False)
        sources = sorted(SOURCES.glob("*.java"))
        files = gateway.new_array(gateway.jvm.java.io.File, len(sources))
        for place, source in enumerate(sources):
            files[place] = gateway.jvm.java.io.File(str(source))
        compiler.compile(files)
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
