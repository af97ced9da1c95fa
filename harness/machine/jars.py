"""The Java libraries that Spark needs beyond its own, by Maven coordinates, each checked against a lock.

Spark's own resolver (Ivy, behind `spark-submit --packages`) fetches them on first use; each must have the SHA-256
of `requirements/jars.json`, which `make lock` writes.
"""

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.console import working
from harness.errors import HarnessError
from harness.files import write
from harness.machine.cache import cache_root
from harness.machine.java import java_home
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.machine.proxy.truststore import java_options

LOCK: Final = REQUIREMENTS / "jars.json"


@dataclass(frozen=True)
class JarGroup:
    """Jars that are fetched together, by `group:artifact:version`; `jars` has the SHA-256 of each file."""

    coordinates: tuple[str, ...]
    jars: Mapping[str, str]
    # As `group:artifact`: Spark has them, or nothing needs them.
    excludes: tuple[str, ...] = ()


def jars(*groups: str, lock: Path = LOCK) -> list[Path]:
    """The jars of `groups` in the lock's order, fetched on first use and checked against the lock."""
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
    """File names of the jars of `groups` that the cache lacks; nothing is fetched."""
    known = read_lock(lock)
    return [jar for name in groups for jar in known[name].jars if not _cached(jar, known[name]).is_file()]


def read_lock(lock: Path = LOCK) -> dict[str, JarGroup]:
    try:
        content = json.loads(lock.read_text(encoding="utf-8"))
        return {
            name: JarGroup(tuple(group["coordinates"]), dict(group["jars"]), tuple(group.get("excludes", ())))
            for name, group in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"{lock} is not a readable lock of jars ({error}): restore it with git.") from error


def update_lock(lock: Path = LOCK) -> None:
    groups = read_lock(lock)
    content = {}
    for name, group in groups.items():
        with tempfile.TemporaryDirectory(prefix="jars-") as folder:
            paths = resolve(group.coordinates, Path(folder), group.excludes)
            content[name] = {
                "coordinates": list(group.coordinates),
                **({"excludes": list(group.excludes)} if group.excludes else {}),
                "jars": {path.name: sha256(path) for path in sorted(paths)},
            }
    write(lock, json.dumps(content, indent=2) + "\n")


def resolve(coordinates: Sequence[str], folder: Path, excludes: Sequence[str] = ()) -> list[Path]:
    """Fetches `coordinates` and their dependencies, without `excludes`, to `folder`; returns the jars."""
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
    """SPARK_HOME of this environment's pyspark, which is not imported."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise HarnessError("pyspark is missing in this Python's environment: run 'make setup'.")
    return Path(spec.origin).parent


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def _cached(jar: str, group: JarGroup) -> Path:
    return cache_root() / "jars" / group.jars[jar][:16] / jar


def _fetch(name: str, group: JarGroup, damaged: Sequence[str]) -> None:
    """Resolves the group and caches the jars that are missing or damaged."""
    announced = working(f"fetching Spark's jars: {name}", usually="under a minute")
    with announced, tempfile.TemporaryDirectory(prefix=".resolve-", dir=cache_root()) as folder:
        paths = {path.name: path for path in resolve(group.coordinates, Path(folder), group.excludes)}
        for jar, path in paths.items():
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
            if jar not in paths:
                raise HarnessError(
                    f"{jar} of group {name!r} did not come with its coordinates: run 'make lock' and review "
                    "what changed."
                )
            target = _cached(jar, group)
            target.parent.mkdir(parents=True, exist_ok=True)
            paths[jar].replace(target)


def _java_options_line() -> str:
    """The JVM's options, as the launcher splits them: at spaces, except within quotes."""
    return " ".join(f'"{option}"' if " " in option else option for option in java_options())
