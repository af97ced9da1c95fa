"""What slow programs say about resources, kept by the resource's content."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from harness.manifests.cache import Cache
from harness.validate.model import BuiltResource

_KEPT: Final = 5_000
"""Answers about resources that are no more."""


def about(
    resources: Sequence[BuiltResource],
    cache: Cache,
    state: str,
    ask: Callable[[list[BuiltResource]], dict[str, Any]],
) -> dict[str, Any]:
    """The answers by content key.

    Args:
        resources: What is asked about.
        cache: Where answers are kept.
        state: The key of everything else that an answer depends on.
        ask: Asks about those of which no answer is kept, one for each content.
    """
    known: dict[str, Any] = cache.get(state) or {}
    new = list({resource.key: resource for resource in resources if resource.key not in known}.values())
    if new:
        known |= ask(new)
        current = {resource.key for resource in resources}
        older = [key for key in known if key not in current][-_KEPT:]
        cache.put(state, {key: known[key] for key in (*older, *current)})
    return known
