"""Files of images that this repository builds itself: what a pod starts is copied into its image."""

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from harness.errors import closest
from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, sequence
from harness.validate.finding import Violation
from harness.validate.model import Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mounted_places

LH218: Final = ValidationRule(
    "LH218",
    "A file that a pod starts is in the image, if this repository builds it",
    "The container ends at once.",
)

_IMAGES: Final = "images"
_COPY: Final = re.compile(r"^COPY ([^-\s].*)$", re.MULTILINE)
_STAGE: Final = re.compile(r"^FROM ", re.MULTILINE)
_FILE: Final = re.compile(r"(?:local://)?((?:/[\w.-]+){2,}\.[a-z]\w*)")
_ALIKE: Final = 0.85


def check(environment: Environment) -> Iterator[Violation]:
    """Finds files that an image does not have, in commands and in SparkApplications."""
    for pod in environment.pods:
        for path, image, word, mounts in _started(pod):
            match = _FILE.fullmatch(word)
            name = posixpath.basename(reference(image).repository)
            if not match or any(f"{match[1]}/".startswith(f"{mount}/") for mount in mounts):
                continue
            if said := _missing(match[1], copied(environment.root, name)):
                yield Violation(
                    LH218, f"{pod.owner} starts {match[1]}, which {_IMAGES}/{name} {said}.", pod.owner, path
                )


def _started(pod: Pod) -> Iterator[tuple[FieldPath, str, str, list[str]]]:
    """What a pod starts: (field, image, path, the folders that are mounted there)."""
    if pod.role == "driver":
        base = pod.path[: -len(("driver",))]
        spec = dig(pod.owner.value, *base[len(pod.owner.inside) :])
        main = str(dig(spec, "mainApplicationFile") or "")
        containers = [container for _, container, _ in pod.containers()]
        yield (*base, "mainApplicationFile"), str(containers[0].get("image")), main, mounted_places(containers[0])
    for place, container, _ in pod.containers():
        for field in ("command", "args"):
            for index, word in enumerate(sequence(container.get(field))):
                yield (
                    (*place, field, index),
                    str(container.get("image") or ""),
                    str(word),
                    mounted_places(container),
                )


def _missing(path: str, files: frozenset[str]) -> str:
    """Why an image has no such file, as the end of a sentence; empty where it has, or may have it."""
    if not files or path in files:
        return ""
    folder = next((above for above in _above(path) if any(file.startswith(f"{above}/") for file in files)), "")
    # Of a folder that holds more than this repository's files, nothing is known.
    close = closest(path, files, _ALIKE)
    if close:
        return f"does not have: use {close}"
    is_copied = folder.count("/") > 2
    return f"does not have: it has {folder}, without {path[len(folder) + 1 :]}" if is_copied else ""


def _above(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) != "/":
        yield path


@lru_cache(maxsize=100)
def dockerfile(root: Path, image: str) -> str:
    """The Dockerfile of an image that this repository builds; empty for others."""
    file = root / _IMAGES / image / "Dockerfile"
    return file.read_text(encoding="utf-8", errors="replace") if image and file.is_file() else ""


@lru_cache(maxsize=100)
def copied(root: Path, image: str) -> frozenset[str]:
    """The files that the last stage of an image's Dockerfile copies from the repository, by their path there."""
    text = dockerfile(root, image).replace("\\\n", " ")
    found: set[str] = set()
    for line in _COPY.findall(_STAGE.split(text)[-1]):
        *sources, target = line.split()
        for source in sources:
            place = root / source
            if place.is_dir():
                inside = (file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file())
                found |= {posixpath.join(target, name) for name in inside}
            elif place.is_file():
                found.add(posixpath.join(target, place.name) if target.endswith("/") else target)
    return frozenset(found)
