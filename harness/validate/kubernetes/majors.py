"""Images: one program runs in one major version, within an environment and in all of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.manifests.generated_names import HASH
from harness.manifests.images import reference, version
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH741: Final = ValidationRule(
    "LH741",
    "An image runs in one major version",
    "What one writes the other may not read, and what was tested is not what runs.",
)
_LARGEST: Final = 1_000
"""A larger number is a date or counts builds."""


def check(environments: Sequence[Environment], compared_with: str) -> Iterator[tuple[str, Violation]]:
    """Finds images of which two major versions run: (environment, violation)."""
    seen: dict[tuple[str, ...], tuple[str, str, int]] = {}
    told: set[tuple[str, str]] = set()
    for environment in sorted(environments, key=lambda environment: environment.name != compared_with):
        for pod in environment.pods:
            for path, container, _ in pod.containers():
                image = str(container.get("image") or "")
                repository, tag, _ = reference(image)
                number = version(tag)
                if number is None or number[0] >= _LARGEST:
                    continue
                owner = (pod.owner.kind, pod.namespace, HASH.sub("", pod.owner.name), pod.role)
                for key in ((repository,), (*owner, str(container.get("name")))):
                    name, other, major = seen.setdefault(key, (environment.name, image, number[0]))
                    if major != number[0] and _same(other, image) and (other, image) not in told:
                        told.add((other, image))
                        where = "the same environment" if name == environment.name else name
                        message = f"{pod.owner} runs {image} in {environment.name}, and {where} runs {other}."
                        yield environment.name, Violation(LH741, message, pod.owner, (*path, "image"))


def _same(left: str, right: str) -> bool:
    """Whether two images are the same program, which another registry may call by a longer name."""
    one, other = (reference(image).repository.rpartition("/")[2] for image in (left, right))
    return one.endswith(other) or other.endswith(one)
