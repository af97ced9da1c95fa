"""The names that kustomize generates: a hash of the content after the name of a ConfigMap or Secret."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from harness.review.fields import Names

_KIND: Final = re.compile(r"^kind: [\"']?(?:ConfigMap|Secret)[\"']?[ \t]*$", re.MULTILINE)
_NAME: Final = re.compile(r"^metadata:\n(?: .*\n)*?  name: [\"']?([\w.-]+)[\"']?[ \t]*$", re.MULTILINE)
_HASH: Final = re.compile(r"-[bcdfghkmt2456789]{10}$")
"""Kustomize's hashes have an alphabet without vowels, so that they form no words."""


def generated_names(texts: Iterable[str]) -> Names:
    """The generated names among rendered resources; not those whose bare name would be taken twice."""
    named = [found[1] for text in texts if _KIND.search(text) and (found := _NAME.search(text))]
    bare = {name: _HASH.sub("", name) for name in named if _HASH.search(name)}
    taken = Counter(bare.values()) + Counter(name for name in set(named) if name not in bare)
    return Names({name: short for name, short in bare.items() if taken[short] == 1})
