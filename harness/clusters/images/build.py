"""Builds one image with Docker, if its content key has changed."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import docker, explained, image_label
from harness.clusters.docker.image import INPUTS, local_name
from harness.clusters.images import contexts
from harness.clusters.images.inputs import files, key, revision, stage
from harness.clusters.images.recipes import Recipe
from harness.errors import HarnessError
from harness.machine.cache import cache_root
from harness.machine.gobuild import tools_of, version_of
from harness.machine.proxy.certificates import ca_bundle
from harness.manifests.images import reference

STANDS_IN_FOR: Final = "lakehouse.stands-in-for"
"""The label that names upstream's image on one that was built in its place."""
_OCI: Final = "org.opencontainers.image"
VERSION: Final = f"{_OCI}.version"
"""The label with the version of what is in an image, whatever its tag says."""
_HINT: Final = "correct that and build again, what is done is kept"
_ON_SPARK: Final = re.compile(r"^ARG SPARK=", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """An image to build: name and tag, recipe, content key, and the name of the Spark image that it is built on."""

    name: str
    recipe: Recipe
    key: str
    spark: str | None = None

    @property
    def current(self) -> bool:
        return image_label(local_name(self.name), INPUTS) == self.key


def builds_on_spark(recipe: Recipe) -> bool:
    return _ON_SPARK.search(recipe.dockerfile.read_text(encoding="utf-8")) is not None


def job(name: str, recipe: Recipe, *, base: str, spark: "Job | None" = None) -> Job:
    """An image to build, on the base image (by id) or on the Spark image."""
    on_spark = spark if builds_on_spark(recipe) else None
    others = [contexts.identity(context, recipe) for context in contexts.needed(recipe)]
    others += [base, *([on_spark.key] if on_spark else [])]
    content = key(files(recipe.ignore, recipe.root), recipe.dockerfile, *others, root=recipe.root)
    return Job(name, recipe, content, on_spark.name if on_spark else None)


def build(work: Job, say: Callable[[str], None], *, fresh: bool = False) -> None:
    """Builds an image; only a complete one gets its name and tag.

    One of the platform's own that Docker has by another environment's name gets this name as well, unless all steps
    have to run again (`fresh`).
    """
    recipe = work.recipe
    if recipe.own and not fresh and _named_too(work):
        return
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        folder = Path(name)
        arguments: list[str | Path] = ["--progress", "plain", "--file", recipe.dockerfile]
        for context in contexts.needed(recipe):
            (folder / context).mkdir()
            contexts.provide(context, recipe, folder / context, say)
            arguments += ["--build-context", f"{context}={folder / context}"]
        if bundle := ca_bundle(os.environ):
            arguments += ["--secret", f"id=ca-bundle,src={bundle}"]
        if work.spark:
            arguments += ["--build-arg", f"SPARK={work.spark}"]
        if fresh:
            arguments += ["--no-cache"]
        made_of = files(recipe.ignore, recipe.root)
        stage(made_of, folder / "context", recipe.root)
        commit = revision([*made_of, recipe.dockerfile.relative_to(recipe.root)], recipe.root)
        arguments += ["--build-arg", f"SOURCE_DATE_EPOCH={commit.time}"]
        labels = {INPUTS: work.key, f"{_OCI}.revision": commit.name}
        if not recipe.own:
            labels[STANDS_IN_FOR] = work.name
            arguments += _labelled(labels)
            labels = {VERSION: _version(work, [*arguments, folder / "context"], folder, say)}
        else:
            labels[VERSION] = reference(work.name)[1]
        _docker_build([*arguments, *_labelled(labels), "--tag", work.name, folder / "context"], work, say)


def explain(line: str) -> str:
    """A line of Docker's progress without the number of its step."""
    return re.sub(r"^#\d+ ", "", line).strip()


def failure(lines: Sequence[str]) -> str | None:
    """What the step that failed said, in Docker's output of a build; None when no step did.

    Docker repeats its last lines between two rules, each with the seconds since the step began.
    """
    rules = [number for number, line in enumerate(lines) if line == "------"]
    if len(rules) < 2:
        return None
    said = [re.sub(r"^\d+\.\d+ ", "", line) for line in lines[rules[0] + 2 : rules[1]]]
    return "\n".join(said) or None


def _named_too(work: Job) -> bool:
    """Names an image that is made of the same and has the same version; False when Docker has none."""
    labels = {INPUTS: work.key, VERSION: reference(work.name)[1]}
    filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
    same = docker("image", "ls", "--no-trunc", "--quiet", *filters, doing=f"look for an image like {work.name}")
    if not same.strip():
        return False
    docker("tag", same.split()[0], work.name, doing=f"name {work.name}")
    return True


def _version(work: Job, arguments: list[str | Path], folder: Path, say: Callable[[str], None]) -> str:
    """The version of upstream's program in an image that stands in for upstream's."""
    recipe = work.recipe
    if not recipe.version:
        tool = next(iter(tools_of(recipe.folder).values()))
        return version_of(tool, recipe.folder)
    file = folder / "id"
    _docker_build(["--iidfile", file, *arguments], work, say)
    program, *options = recipe.version
    printed = docker(
        *("run", "--rm", "--network=none", "--read-only", "--entrypoint", program),
        *(file.read_text(encoding="ascii").strip(), *options),
        doing=f"ask for the version of {work.name}",
    )
    version = re.search(r"\d+(?:\.\d+)+", printed)
    return version[0] if version else "unknown"


def _docker_build(arguments: list[str | Path], work: Job, say: Callable[[str], None]) -> None:
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        say(explain(line))

    try:
        docker("build", *arguments, doing=f"build {work.name}", hint=_HINT, on_line=keep)
    except HarnessError as error:
        said = failure(lines)
        if said is None:
            raise
        log = cache_root() / "logs" / f"{work.recipe.folder.name}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        raise explained(said, doing=f"build {work.name}", hint=f"{_HINT}; {log} has the rest") from error


def _labelled(labels: Mapping[str, str]) -> list[str]:
    return [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
