"""Which fields the source sends, with which JSON types: gathered while the records stream by."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from brewery.contract.fields import SOURCE_FIELDS
from brewery.contract.manifest import SourceProfile, sorted_counts

_JSON_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    list: "array",
}


class ProfileBuilder:
    """Counts fields and types; a builder for each page, merged into one for the run."""

    def __init__(self) -> None:
        self._fields: dict[str, Counter[str]] = {}
        self._not_nfc = 0
        self._blank_ends: dict[str, Counter[str]] = {}

    def add(self, slices: Sequence[str], records: Sequence[Mapping[str, Any]]) -> None:
        """Count records.

        Args:
            slices: JSON text of each record.
            records: The same, parsed.
        """
        # Real data has a handful of shapes: one look-up for each record instead of one for each value.
        shapes = Counter((tuple(record), tuple(map(type, record.values()))) for record in records)
        for (names, types), count in shapes.items():
            for name, kind in zip(names, types, strict=True):
                self._fields.setdefault(name, Counter())[_JSON_TYPES[kind]] += count
        for text, record in zip(slices, records, strict=True):
            if _may_have_blank_ends(text):
                self._count_blank_ends(record)
            if text.isascii():
                if "\\u" not in text:
                    continue
            # What is in normal form C as a whole has no part that is not.
            elif "\\u" not in text and unicodedata.is_normalized("NFC", text):
                continue
            self._not_nfc += any(not unicodedata.is_normalized("NFC", value) for value in _strings(record.values()))

    def merge(self, other: "ProfileBuilder") -> None:
        """Add what another builder has counted."""
        for own, others in ((self._fields, other._fields), (self._blank_ends, other._blank_ends)):
            for name, kinds in others.items():
                own.setdefault(name, Counter()).update(kinds)
        self._not_nfc += other._not_nfc

    @property
    def new_fields(self) -> Set[str]:
        """Fields that the contract does not know."""
        return self._fields.keys() - SOURCE_FIELDS

    def build(self) -> SourceProfile:
        """The profile of all that was counted."""
        return SourceProfile(
            fields=sorted_counts(self._fields), not_nfc=self._not_nfc, blank_ends=sorted_counts(self._blank_ends)
        )

    def _count_blank_ends(self, record: Mapping[str, Any]) -> None:
        for name, value in record.items():
            if type(value) is str and (not value or value != value.strip()):
                kind = "space" if value.strip(" ") == value.strip() else "other"
                self._blank_ends.setdefault(name, Counter())[kind] += 1


def _may_have_blank_ends(text: str) -> bool:
    """Whether a record's JSON text can hold a string that is empty or has a blank at an end.

    Of ASCII's blanks only the space may stand in a JSON string as it is (RFC 8259, section 7).
    """
    return not text.isascii() or '" ' in text or ' "' in text or '""' in text or "\\" in text


def _strings(values: Iterable[Any]) -> Iterable[str]:
    """Every string value, at any depth."""
    for value in values:
        if type(value) is str:
            yield value
        elif type(value) is dict:
            yield from _strings(value.values())
        elif type(value) is list:
            yield from _strings(value)
