"""Values of manifests: reading them, comparing them as Kubernetes does, and naming a place in them."""

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import yaml

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OWN: Final = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp", "bool")}
_BOOLEANS: Final = {
    "y": True,
    "yes": True,
    "true": True,
    "on": True,
    "n": False,
    "no": False,
    "false": False,
    "off": False,
}


class _Loader(_BASE):  # type: ignore[misc]  # the C loader is chosen at run time
    """PyYAML's safe loader with scalars as Kubernetes reads them: no dates, `12:30` is no number, `y` is true."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OWN]
    for first, resolvers in _BASE.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"(?:y|Y|n|N|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"),
    list("yYnNtTfFoO"),
)
_Loader.add_constructor(
    "tag:yaml.org,2002:bool", lambda loader, node: _BOOLEANS[loader.construct_scalar(node).lower()]
)
_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


class NotYamlError(ValueError):
    """Text that is not YAML.

    Attributes:
        line: 1-based line of the mistake, where the parser knows it.
    """

    def __init__(self, message: str, line: int | None) -> None:
        """Takes what the parser said, and where."""
        super().__init__(message)
        self.line = line


def load(text: str) -> list[Any]:
    """The documents of a YAML text, with text keys; empty ones are left out.

    Raises:
        NotYamlError: It is not YAML. The message does not repeat the text, which may hold a secret.
    """
    try:
        return [_plain(value) for value in yaml.load_all(text, Loader=_Loader) if value is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = re.sub(r"'[^']*'", "…", error.problem or "not YAML")
        raise NotYamlError(said, mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotYamlError("it holds what no manifest can hold", None) from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _scalar(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set):
        return {str(item): None for item in sorted(value, key=str)}
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _scalar(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int | float) or value is None else str(value)


def canonical(value: Any) -> str:
    """A text that two values share if and only if they are the same JSON, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON: unlike for Python, true is not 1, and 1 is not 1.0."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, dict | list):
        return (left == right or left != left) and canonical(left) == canonical(right)
    return bool(left == right) or canonical(left) == canonical(right)


@dataclass(frozen=True)
class Key:
    """A step into a keyed list.

    Attributes:
        text: `name=web`.
    """

    text: str


@dataclass(frozen=True)
class Inside:
    """A step into the document that a text holds.

    Attributes:
        index: Which of several documents.
    """

    index: int = 0


Step = str | int | Key | Inside
Path = tuple[Step, ...]
_SIMPLE: Final = re.compile(r"[\w-]+")


def path_text(path: Path) -> str:
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


def dig(value: Any, *path: str | int) -> Any:
    """The value at a path, or None where there is none."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; none when it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The items of a list as texts; none when it is not a list."""
    return [str(item) for item in value] if isinstance(value, list) else []


_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<suffix>[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?"
)
_SUFFIXES: Final[dict[str, Fraction]] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}


def quantity(value: Any) -> Fraction | None:
    """The number that a Kubernetes quantity stands for (apimachinery's resource.Quantity); None for anything else.

    >>> quantity("1000m") == quantity(1) == quantity("1e0")
    True
    >>> quantity("1Gi") == quantity("1024Mi")
    True
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, suffix = Fraction(found["number"]), found["suffix"] or ""
    if suffix in _SUFFIXES:
        return number * _SUFFIXES[suffix]
    if not suffix:
        return number
    exponent = int(suffix[1:])
    return number * Fraction(10) ** exponent if abs(exponent) <= 100 else None
