"""The body of one page, cut into records without changing a byte of any of them."""

import json
import re
from typing import Any, Final, NamedTuple, NoReturn

MAX_NUMBER: Final = 1000
"""Characters of a number, and ..."""
MAX_NAME: Final = 1000
"""... characters of the name of a field, and ..."""
MAX_DEPTH: Final = 500
"""... levels of arrays and objects within a record that every JSON reader on the way takes."""

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_BOM: Final = "\ufeff"
_SEPARATORS: Final = frozenset(",]")
_AFTER: Final = frozenset(",] \t\n\r")
"""What may follow an element at once."""
_STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# A quotation mark that begins no whole string is a token of its own, and ends the search.
_TOKEN: Final = re.compile(_STRING + r'|[\[\]{}"]', re.DOTALL)
_EXTENT: Final = re.compile(_STRING + rf"|[\[\]{{}}]|[-+.0-9eE]{{{MAX_NUMBER + 1},}}", re.DOTALL)
_SCALAR: Final = re.compile(_STRING + r'|[^\s,\[\]{}"]+', re.DOTALL)


class PayloadError(ValueError):
    """A body that is not what the API promises; the message completes "the answer …"."""


class Records(NamedTuple):
    """What one page holds.

    Attributes:
        lines: The text of each element of the array as received, apart from two changes: a line break becomes a
            space, so that a record is one line; and a malformed object begins with a space, so that only a good
            one begins with a brace.
        records: The same, parsed; None where the element is malformed.
        broken: Whether an element is not even JSON, and its end had to be guessed.
    """

    lines: list[str]
    records: list[dict[str, Any] | None]
    broken: bool


def _refuse_constant(name: str) -> NoReturn:
    # Python's reader takes NaN and Infinity, which JSON does not know.
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def split_records(body: bytes) -> Records:
    r"""Cut a JSON array into the text of each element, and parse each.

    Args:
        body: The whole answer, UTF-8.

    Raises:
        PayloadError: Not UTF-8, not an array, cut off, or too damaged to tell one element from the next.

    >>> split_records(b'[{"id": "a",\n "n": 1.50}, 7]').lines
    ['{"id": "a",  "n": 1.50}', '7']
    """
    text = _text(body)
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        _parse(text, position)
        raise PayloadError("is not a JSON array")
    lines: list[str] = []
    records: list[dict[str, Any] | None] = []
    broken = False
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        _expect_end(text, position + 1)
        return Records(lines, records, broken)
    while True:
        try:
            record, end = _parse(text, position)
            # Of 01 or 1.2.3, only the beginning is JSON.
            if text[end : end + 1] not in _AFTER:
                raise PayloadError("is not JSON")
        except PayloadError:
            record, end = None, _end_of_broken(text, position)
            broken = True
        line = text[position:end]
        if type(record) is not dict or not _is_readable(line, record):
            record = None
            line = f" {line}" if line.startswith("{") else line
        lines.append(line)
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
        lines = [line.replace("\n", " ").replace("\r", " ") for line in lines]
    return Records(lines, records, broken)


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


def _is_readable(text: str, record: dict[str, Any]) -> bool:
    """Whether other readers of JSON take what Python's reader took (RFC 8259, sections 8.2 and 9)."""
    if "\\u" in text:
        try:
            json.dumps(record, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            # Half of a surrogate pair: a reader in Java makes a question mark of it, and two ids may become one.
            return False
    # Nothing shorter holds such a number, such a depth or such a name.
    return len(text) <= MAX_NUMBER or (all(len(name) <= MAX_NAME for name in record) and _is_within_limits(text))


def _is_within_limits(text: str) -> bool:
    depth = 0
    for token in _EXTENT.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return False
        elif first in "]}":
            depth -= 1
        elif first != '"':
            return False
    return True


def _end_of_broken(text: str, position: int) -> int:
    """Where an element ends that is not JSON: at its closing bracket, or before the next separator."""
    if text[position : position + 1] not in ("{", "["):
        scalar = _SCALAR.match(text, position)
        if scalar:
            return scalar.end()
        raise PayloadError("is not JSON, or cut off")
    depth = 0
    for token in _TOKEN.finditer(text, position):
        match token.group():
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if not depth:
                    return token.end()
            case '"':
                break
    raise PayloadError("is not JSON, or cut off")


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
