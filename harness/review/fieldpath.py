"""Field paths, which lead into keyed lists and embedded documents."""

import json
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Key:
    """A step into a keyed list."""

    text: str


@dataclass(frozen=True)
class Inside:
    """A step into a document embedded in a text."""

    index: int = 0


Step = str | int | Key | Inside
FieldPath = tuple[Step, ...]
_SIMPLE: Final = re.compile(r"[\w-]+")


def path_text(path: FieldPath) -> str:
    """A path as people read it.

    >>> path_text(("spec", "containers", Key("name=web"), "image"))
    'spec.containers[name=web].image'
    >>> path_text(("data", "app.yaml", Inside(), "server", "ports", 0))
    'data["app.yaml"]:server.ports[0]'
    """
    text = ""
    fresh = True
    for step in path:
        if isinstance(step, Key):
            text += f"[{step.text}]"
        elif isinstance(step, Inside):
            text += f":{f'[{step.index}]' if step.index else ''}"
            fresh = not step.index
            continue
        elif isinstance(step, int):
            text += f"[{step}]"
        elif _SIMPLE.fullmatch(step):
            text += step if fresh else f".{step}"
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
        fresh = False
    return text
