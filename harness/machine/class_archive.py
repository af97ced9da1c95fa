"""The archive of loaded and verified classes, which Java maps into memory instead of doing that work each time.

Java writes one as it ends (https://openjdk.org/jeps/350), and ignores one that does not fit its class path.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.machine.cache import cache_root, content_key, locked

_MAGIC: Final = bytes.fromhex("a8ab0bf0")
"""The beginning of a whole archive: Java writes the header last (`CDS_DYNAMIC_ARCHIVE_MAGIC` of its cds.h)."""
_SILENT: Final = "-Xlog:cds*=off"
_USERS_OPTIONS: Final = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


@contextmanager
def class_archive(spark: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Options for the one Java process that starts and ends within the block.

    The first such process writes the archive, which takes some seconds; later ones use it.

    Args:
        spark: From `spark_environment`.
        environ: The environment of this process.

    Yields:
        Options for Java, quoted as Spark reads them; empty if this Java can have no archive, the user sets options
        of their own, which an archive may not agree with, or another process is writing the archive.
    """
    home = Path(spark["JAVA_HOME"])
    if not _can_have_one(home) or any(environ.get(name) for name in _USERS_OPTIONS):
        yield ""
        return
    archive = cache_root(environ) / "java" / f"{_key(home, spark)}.jsa"
    if archive.is_file():
        yield _options("SharedArchiveFile", archive)
        return
    with locked(archive.with_suffix(".lock"), wait=False) as is_mine:
        if not is_mine:
            yield ""
            return
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            yield _options("ArchiveClassesAtExit", part)
            if part.is_file() and _is_whole(part):
                part.rename(archive)
        finally:
            part.unlink(missing_ok=True)


def _options(option: str, archive: Path) -> str:
    return f"{shlex.quote(f'-XX:{option}={archive}')} {_SILENT}"


def _can_have_one(home: Path) -> bool:
    """Whether Java has the archive of its own classes that others build on; Java 11 has no others."""
    release = home / "release"
    return (
        (home / "lib" / "server" / "classes.jsa").is_file()
        and release.is_file()
        and re.search(r'^JAVA_VERSION="17\b', release.read_text(), re.MULTILINE) is not None
    )


def _key(home: Path, spark: Mapping[str, str]) -> str:
    """Java itself compares the size and time of each jar."""
    jars = sorted((Path(spark["SPARK_HOME"]) / "jars").glob("*.jar"))
    stamps = (f"{jar.name} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars)
    return content_key(home / "release", str(home), spark["PYSPARK_SUBMIT_ARGS"], spark["SPARK_HOME"], *stamps)


def _is_whole(archive: Path) -> bool:
    with archive.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
