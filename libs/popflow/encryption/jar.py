"""The jar with the classes that Parquet calls, compiled at first use by a compiler that Spark brings along."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

SOURCES = Path(__file__).parent / "java"
JARS = "popflow-zone-crypto*.jar"  # of this and of other versions of the sources


def zone_crypto_jar(folder: Path) -> Path:
    """The jar of these sources, in a folder; its name holds their digest, so that no jar of others is taken for it."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in _sources())).hexdigest()[:16]
    jar = folder / f"popflow-zone-crypto-{digest}.jar"
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


def _sources() -> list[Path]:
    return sorted(SOURCES.glob("*.java"))


def _compile(folder: Path) -> None:
    """By janino, in a Java machine of its own: a Java without compiler, as popflow needs it, suffices."""
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway()
    try:
        compiler = gateway.jvm.org.codehaus.janino.Compiler()
        loader = gateway.jvm.java.lang.ClassLoader.getSystemClassLoader()
        compiler.setIClassLoader(gateway.jvm.org.codehaus.janino.ClassLoaderIClassLoader(loader))
        compiler.setDestinationDirectory(gateway.jvm.java.io.File(str(folder)), False)
        sources = _sources()
        files = gateway.new_array(gateway.jvm.java.io.File, len(sources))
        for place, source in enumerate(sources):
            files[place] = gateway.jvm.java.io.File(str(source))
        compiler.compile(files)
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
