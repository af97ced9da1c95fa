"""Tags an environment's own images by their content: built, pushed if asked, and written into the overlay."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness import files
from harness.clusters.docker.client import image_id
from harness.clusters.docker.image import local_name
from harness.clusters.docker.registry import answers, digest, host, pull, push
from harness.clusters.images import tags
from harness.clusters.images.build import builds_on_spark
from harness.clusters.images.display import Display
from harness.clusters.images.wanted import Wanted, wanted
from harness.clusters.images.work import Origin, ensure, plan
from harness.clusters.without_registry.base import ensure_base
from harness.errors import HarnessError, UsageError
from harness.manifests.environments import overlay
from harness.manifests.images import ImageReference, reference

_KEY_DIGITS: Final = 12


@dataclass(frozen=True)
class Released:
    """One image: its name in the bases, what the overlay makes of it, where it comes from, and if that is new."""

    image: str
    repository: str
    tag: str
    digest: str
    origin: str
    changed: bool


@dataclass(frozen=True)
class Release:
    """The outcome; `elsewhere` are images of the environment that another overlay gives their tags."""

    file: Path
    images: list[Released]
    elsewhere: list[str]


def release(environment: str, root: Path, registry: str | None) -> Release:
    """Builds and pushes what the registry lacks, then writes the overlay; a second time, it changes nothing."""
    file = overlay(root, environment) / tags.FILE
    text = tags.read(file)
    before = tags.images(file, text)
    own = {image.repository: image for image in wanted(environment, root) if image.own}
    before = {name: image for name, image in before.items() if image.repository in own}
    repositories = {name: _repository(name, image, registry, environment) for name, image in before.items()}
    for repository in repositories.values() if registry else ():
        if not answers(repository):
            raise HarnessError(f"The registry {host(repository)} does not answer: check its name and the network.")
    version, keys = _version(root), _keys(list(own.values()))
    after = {
        name: ImageReference(repositories[name], f"{version}-{keys[image.repository][:_KEY_DIGITS]}", "")
        for name, image in before.items()
    }
    released = [replace(own[before[name].repository], name=str(image)) for name, image in after.items()]
    rest = [image for image in own.values() if image.repository not in {old.repository for old in before.values()}]
    origins = _ensured(released, rest, pushed=registry is not None)
    for name, image in after.items():
        # What is pushed keeps its digest when the next release does not push.
        known = before[name].digest if image[:2] == before[name][:2] else ""
        after[name] = image._replace(digest=_digest(str(image)) if registry else known)
    changed = tags.with_images(file, text, after)
    if changed != text:
        files.write(file, changed)
    images = [
        Released(name, *image, origins[str(image._replace(digest=""))], before[name] != image)
        for name, image in after.items()
    ]
    return Release(file, images, sorted(image.name for image in rest))


def _repository(name: str, before: ImageReference, registry: str | None, environment: str) -> str:
    """An image's repository, in the registry if one is given."""
    if registry is None:
        return before.repository
    repository = f"{registry}/{name.replace('/', '-')}"
    if before.repository not in (name, repository):
        raise UsageError(
            f"{environment} has {before.repository}, which is not in {registry}: "
            f"'harness init {environment} --registry {registry}' changes that."
        )
    return repository


def _keys(own: list[Wanted]) -> Mapping[str, str]:
    """The content key of each repository's image."""
    with Display() as display, display.row("debian:bookworm-slim") as say:
        say("looking")
        base = ensure_base(pull=True)
    # A key does not depend on the tag, which a digest may have taken the place of.
    plans = plan([replace(image, name=f"{image.repository}:key") for image in own], registry=False, base=base)
    return {reference(part.name).repository: part.job.key for part in plans if part.job}


def _ensured(released: list[Wanted], rest: list[Wanted], *, pushed: bool) -> dict[str, str]:
    """Gets released images into Docker or the registry, and returns where each comes from."""
    there = [image for image in released if pushed and digest(image.name)]
    missing = [image for image in released if image not in there]
    if any(image.recipe and builds_on_spark(image.recipe) for image in missing):
        for image in there:
            # What is built on the registry's Spark image is built on that very one.
            if image.recipe and image.recipe.folder.name == "spark" and not image_id(local_name(image.name)):
                pull(image.name)
    built = set()
    if missing:
        plans = ensure([*released, *rest], only=[image.name for image in missing])
        built = {part.name for part in plans if part.origin is Origin.BUILD}
    for image in missing if pushed else ():
        push(image.name)
    return {
        image.name: "registry" if image in there else "built" if image.name in built else "unchanged"
        for image in released
    }


def _digest(name: str) -> str:
    if found := digest(name):
        return found
    raise HarnessError(
        f"The registry does not say the digest of {name}, which it has: check your right to pull it."
    )


def _version(root: Path) -> str:
    """The platform's version, with which tags begin, so that none reads as a number."""
    try:
        version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise HarnessError(
            f"{root / 'pyproject.toml'} does not name the platform's version: restore it."
        ) from error
    return str(version)
