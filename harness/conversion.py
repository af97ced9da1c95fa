"""Converts the words of a command line.

Typer leaves that to Pydantic, which takes longer to import than most reviews take.
"""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer


class Conversion:
    """What Typer asks for the value of a parameter."""

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> Any:
        descriptor = param.type_descriptor
        try:
            return converted(value, descriptor.annotation, descriptor.parameter_info)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


def converted(value: Any, annotation: Any, limits: Any) -> Any:
    """A value as what its annotation says; a ValueError says what is wrong with it."""
    if value is None:
        return None
    if get_origin(annotation) is list:
        return [converted(item, get_args(annotation)[0], limits) for item in value]
    if get_origin(annotation) is tuple:
        return tuple(converted(item, kind, limits) for item, kind in zip(value, get_args(annotation), strict=True))
    if get_origin(annotation) is Literal:
        return _chosen(value, get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation(_chosen(value, [member.value for member in annotation]))
    if annotation in (int, float):
        return _number(value, annotation, limits.min, limits.max)
    return Path(value) if annotation is Path else value


def _chosen(value: Any, choices: Sequence[Any]) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(map(repr, choices))}")
    return value


def _number(value: Any, kind: type, least: float | None, most: float | None) -> Any:
    try:
        number = kind(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a{' whole' if kind is int else ''} number") from None
    if (least is not None and number < least) or (most is not None and number > most):
        limits = [f"at least {least}"] if least is not None else []
        limits += [f"at most {most}"] if most is not None else []
        raise ValueError(f"{value} is not {' and '.join(limits)}")
    return number
