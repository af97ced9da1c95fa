"""The Java libraries that Spark needs beyond its own, by Maven coordinates, each checked against a lock.

Spark's own resolver (Ivy, behind `spark-submit --packages`) fetches them on first use; what it brings is taken
only if its SHA-256 is the one in `requirements/jars.json`, which `make lock` writes.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.cache import built, cache_root
from harness.machine.java import java_home
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.machine.proxy.truststore import java_options

LOCK: Final = REQUIREMENTS / "jars.json"


@dataclass(frozen=True)
class JarGroup:
    """Jars that are fetched together.

    Attributes:
        coordinates: What was asked for, as `group:artifact:version`.
        jars: What that brings: SHA-256 of each file, in hexadecimal, by file name.
        excludes: What of that is left out, as `group:artifact`: Spark has it, or nothing needs it.
    """

    coordinates: tuple[str, ...]
    jars: Mapping[str, str]
    excludes: tuple[str, ...] = ()


def jars(*groups: str, lock: Path = LOCK) -> list[Path]:
    """The jars of `groups`, fetched on first use.

    Args:
        groups: Names of groups in the lock.
        lock: The lock file.

    Returns:
        Their files in the cache, each checked against the lock, in the lock's order.
    """
    known = read_lock(lock)
    paths: list[Path] = []
    for name in groups:
        if name not in known:
            raise HarnessError(f"{lock.name} has no group {name!r}: it has {', '.join(sorted(known))}.")
        group = known[name]
        if damaged := [jar for jar in group.jars if not is_intact(_cached(jar, group), group.jars[jar])]:
            _fetch(name, group, damaged)
        paths += [_cached(jar, group) for jar in group.jars]
    return paths


def missing(*groups: str, lock: Path = LOCK) -> list[str]:
    """File names of the jars of `groups` that are not yet in the cache (presence only, nothing is fetched)."""
    known = read_lock(lock)
    return [jar for name in groups for jar in known[name].jars if not _cached(jar, known[name]).is_file()]


def read_lock(lock: Path = LOCK) -> dict[str, JarGroup]:
    """The groups of the lock by name."""
    try:
        content = json.loads(lock.read_text(encoding="utf-8"))
        return {
            name: JarGroup(tuple(group["coordinates"]), dict(group["jars"]), tuple(group.get("excludes", ())))
            for name, group in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"{lock} is not a readable lock of jars ({error}): restore it with git.") from error


def update_lock(lock: Path = LOCK) -> None:
    """Resolves the coordinates of every group again and writes what they bring now."""
    groups = read_lock(lock)
    content = {}
    for name, group in groups.items():
        with tempfile.TemporaryDirectory(prefix="jars-") as folder:
            found = resolve(group.coordinates, Path(folder), group.excludes)
            content[name] = {
                "coordinates": list(group.coordinates),
                **({"excludes": list(group.excludes)} if group.excludes else {}),
                "jars": {path.name: sha256(path) for path in sorted(found)},
            }
    aside = lock.with_suffix(".json.new")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(lock)


def resolve(coordinates: Sequence[str], folder: Path, excludes: Sequence[str] = ()) -> list[Path]:
    """Has Spark's resolver fetch `coordinates`, with what they depend on but `excludes`, into `folder`.

    Returns:
        The jars' files.
    """
    spark = spark_home()
    nothing = folder / "nothing.py"
    nothing.write_text("", encoding="utf-8")
    environ = {
        **with_certificates(os.environ),
        "SPARK_HOME": str(spark),
        "JAVA_HOME": str(java_home()),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": _java_options_line(),
    }
    # The resolver is reached only through a submission; an empty script starts no Spark.
    command: list[str | Path] = [spark / "bin" / "spark-submit", "--packages", ",".join(coordinates)]
    command += ["--exclude-packages", ",".join(excludes)] if excludes else []
    run(
        [*command, "--master", "local[1]", "--conf", f"spark.jars.ivy={folder / 'ivy'}", nothing],
        doing=f"fetch the Spark libraries {', '.join(coordinates)}",
        hint=f"{NETWORK_HINT}; a mirror of Maven Central goes in DEFAULT_ARTIFACT_REPOSITORY",
        env=environ,
        cwd=folder,
    )
    return sorted((folder / "ivy" / "jars").glob("*.jar"))


def spark_home() -> Path:
    """SPARK_HOME of the pyspark package in this environment; it is not imported."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise HarnessError("pyspark is not in this Python's environment: run 'make setup'.")
    return Path(spec.origin).parent


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(path: Path, digest: str) -> bool:
    """Whether the file is there and its SHA-256 is `digest`."""
    return path.is_file() and sha256(path) == digest


def _cached(jar: str, group: JarGroup) -> Path:
    return cache_root() / "jars" / group.jars[jar][:16] / jar


def _fetch(name: str, group: JarGroup, damaged: Sequence[str]) -> None:
    """Resolves the group and puts those of its jars that the cache lacks, or has damaged, into the cache."""
    with tempfile.TemporaryDirectory(prefix=".resolve-", dir=cache_root()) as folder:
        found = {path.name: path for path in resolve(group.coordinates, Path(folder), group.excludes)}
        for jar, path in found.items():
            if jar not in group.jars:
                raise HarnessError(
                    f"{jar} came with the Spark libraries of group {name!r} but is not in the lock: "
                    "run 'make lock' and review what changed."
                )
            if sha256(path) != group.jars[jar]:
                raise HarnessError(
                    f"{jar} was refused: its SHA-256 is not the one in requirements/{LOCK.name}; find out what "
                    "served it, or, if the change is meant, run 'make lock' and review it."
                )
        for jar in damaged:
            if jar not in found:
                raise HarnessError(
                    f"{jar} of group {name!r} did not come with its coordinates: run 'make lock' and review "
                    "what changed."
                )
            _place(found[jar], _cached(jar, group))


def _place(source: Path, target: Path) -> None:
    if target.parent.is_dir():
        # There, but damaged: what replaces it is renamed over it.
        source.replace(target)
        return

    def move(folder: Path) -> None:
        shutil.move(source, folder / target.name)

    built(target.parent, move)


def _java_options_line() -> str:
    """The JVM's options as the launcher reads them: split at spaces, quotes kept together."""
    return " ".join(f'"{option}"' if " " in option else option for option in java_options())
