"""The body of one page, cut into records without changing a byte of any of them."""

import json
import re
from typing import Any, Final, NoReturn

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_BOM: Final = "\ufeff"


class PayloadError(ValueError):
    """A body that is not what the API promises; the message completes "the answer …"."""


def _refuse_constant(name: str) -> NoReturn:
    # Python's reader takes NaN and Infinity, which JSON does not know and Spark's reader would reject later.
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def split_records(body: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    r"""Cut a JSON array of objects into the text of each object, and parse each.

    Args:
        body: The whole answer, UTF-8.

    Returns:
        The text of each record exactly as received, and the records parsed. The one change: a line break outside
        strings becomes a space (within a string JSON does not allow one), so that a record is one line.

    Raises:
        PayloadError: Not UTF-8, not JSON, cut off, or not an array of objects.

    >>> split_records(b'[{"id": "a",\n "n": 1.50}]')[0]
    ['{"id": "a",  "n": 1.50}']
    """
    text = _text(body)
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        _parse(text, position)
        raise PayloadError("is not a JSON array")
    slices: list[str] = []
    records: list[dict[str, Any]] = []
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        _expect_end(text, position + 1)
        return slices, records
    while True:
        record, end = _parse(text, position)
        if type(record) is not dict:
            raise PayloadError("holds something that is not an object")
        slices.append(text[position:end])
        records.append(record)
        position = end if text[end : end + 1] in _SEPARATORS else _skip(text, end)
        separator = text[position : position + 1]
        if separator == "]":
            _expect_end(text, position + 1)
            break
        if separator != ",":
            raise PayloadError("is not JSON" if separator else "is cut off")
        position += 1
        if text[position : position + 1] != "{":
            position = _skip(text, position)
    if "\n" in text or "\r" in text:
        slices = [part.replace("\n", " ").replace("\r", " ") for part in slices]
    return slices, records


_SEPARATORS: Final = frozenset(",]")


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a body that has to be one JSON object.

    Raises:
        PayloadError: It is not.
    """
    text = _text(body)
    value, end = _parse(text, _skip(text, 0))
    _expect_end(text, end)
    if type(value) is not dict:
        raise PayloadError("is not a JSON object")
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError:
        raise PayloadError("is not UTF-8 text") from None


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _parse(text: str, position: int) -> tuple[Any, int]:
    if position >= len(text):
        raise PayloadError("is cut off" if position else "is empty")
    try:
        return _decoder.raw_decode(text, position)
    except (ValueError, RecursionError):
        raise PayloadError("is not JSON, or cut off") from None


def _expect_end(text: str, position: int) -> None:
    if _skip(text, position) != len(text):
        raise PayloadError("has something behind its end")
