"""The names that kustomize generates: a hash of the content after the name of a ConfigMap or Secret."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.manifests.resource import Resource

HASH: Final = re.compile(r"-[bcdfghkmt2456789]{10}$")
"""Kustomize's hashes have an alphabet without vowels, so that they form no words."""


@dataclass(frozen=True)
class Names:
    """The generated names of one side.

    Attributes:
        bare: Names with the hash that kustomize appended, and without it.
    """

    bare: Mapping[str, str] = field(default_factory=dict)

    def strip(self, text: str) -> str:
        """The text with each generated name in it bare."""
        if "-" not in text or not self.bare:
            return text
        if text in self.bare:
            return self.bare[text]
        return _HASHED.sub(lambda match: self.bare.get(match[0], match[0]), text)


_HASHED: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,241}-[bcdfghkmt2456789]{10}(?![a-z0-9-])")


def generated_names(resources: Iterable[Resource]) -> Names:
    """The generated names among built resources; not those whose bare name would be taken twice."""
    built = [item for item in resources if item.kind in ("ConfigMap", "Secret")]
    named = [item.name for item in built]
    bare = {item.name: HASH.sub("", item.name) for item in built if item.hashed}
    taken = Counter(bare.values()) + Counter(name for name in set(named) if name not in bare)
    return Names({name: short for name, short in bare.items() if taken[short] == 1})
