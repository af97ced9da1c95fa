"""Recognises UTF-16, which Windows programs write."""

import codecs
from typing import Final

_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SHORTEST: Final = 6
_MOST: Final = 0.9


def is_utf_16(content: bytes) -> bool:
    """Whether bytes are a text in UTF-16, with a byte-order mark or without.

    >>> is_utf_16("a=b".encode("utf-16-be")), is_utf_16(bytes(6))
    (True, False)
    """
    encoding = _MARKS.get(content[:2], "")
    if not encoding:
        pairs = len(content) // 2
        zeros = [content[start::2].count(0) for start in (0, 1)]
        if len(content) < _SHORTEST or min(zeros) or max(zeros) < _MOST * pairs:
            return False
        encoding = "utf-16-be" if zeros[0] else "utf-16-le"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\ufeff\t\r\n" for character in text)
