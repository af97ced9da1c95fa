"""The two languages in which ApplicationSets are filled: names in double braces, and Go's templates."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

Parameters = dict[str, Any]
Filling = tuple[Any, Parameters]
"""A value whose texts are templates, and what fills them."""
Filled = tuple[Any, str]
"""A filled value, and why there is none; one of them is empty."""
FillGo = Callable[[Sequence[Filling], Sequence[str]], list[Filled]]
"""Fills Go templates, with options such as `missingkey=error`."""

_MOST_FILLED: Final = 10 << 20
"""Bytes that the parameters of an ApplicationSet may make in all, as in tools/builder."""
_NAME: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_MOST_DIGITS: Final = 6
"""Digits before the point, above which Go writes an exponent."""


class _TooLongError(ValueError):
    """Parameters make more text than any ApplicationSet needs."""


class Names:
    """Fills names in double braces, which may make so much text in all."""

    def __init__(self) -> None:
        self._left = _MOST_FILLED

    def fill(self, value: Any, parameters: Parameters) -> Filled:
        """Replaces `{{name}}` in all texts; what no parameter is called stays as it is, as in Argo CD."""
        try:
            return self._filled(value, parameters), ""
        except _TooLongError:
            return None, f"its templates make more than {_MOST_FILLED >> 20} MB"

    def _filled(self, value: Any, parameters: Parameters) -> Any:
        if isinstance(value, str):
            return _NAME.sub(lambda match: self._named(parameters, match), value)
        if isinstance(value, dict):
            return {self._filled(key, parameters): self._filled(item, parameters) for key, item in value.items()}
        return [self._filled(item, parameters) for item in value] if isinstance(value, list) else value

    def _named(self, parameters: Parameters, match: re.Match[str]) -> str:
        filled = parameters.get(match[1].strip())
        if not isinstance(filled, str):
            return match[0]
        self._left -= len(filled)
        if self._left < 0:
            raise _TooLongError
        return filled


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Values by their path with dots, as texts.

    >>> flat({"a": {"b": [1, True]}, "c": 1e6})
    {'a.b.0': '1', 'a.b.1': 'true', 'c': '1e+06'}
    """
    texts: dict[str, str] = {}
    for key, item in value.items():
        inner = dict(enumerate(item)) if isinstance(item, list) else item
        if isinstance(inner, dict) and inner:
            texts |= flat({str(name): part for name, part in inner.items()}, f"{prefix}{key}.")
        else:
            texts[f"{prefix}{key}"] = go_text(item)
    return texts


def go_text(value: Any) -> str:
    """What Go prints for a value of JSON, where every number is a float.

    >>> [go_text(value) for value in (8080, 0.5, 123456789, None, False)]
    ['8080', '0.5', '1.23456789e+08', '<nil>', 'false']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return _number(float(value))
    return "map[]" if isinstance(value, dict) else "[]"


def _number(value: float) -> str:
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if -5 < exponent < _MOST_DIGITS:
        return format(number, "f")
    return f"{number.scaleb(-exponent):f}e{exponent:+03d}"
