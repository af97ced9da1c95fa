"""Columns for fields that the contract does not know: each field has its own, whatever it is called.

A field with a plain name gives it to its column. The column of any other field ends in a hash of the field's name:
no other field has a say in it. No column begins with `_`; such names are left to the jobs, to Spark and to Delta.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from brewery.contract.fields import MAX_NEW_FIELDS, SOURCE_FIELDS
from lakehouse.definitions import SILVER_BREWERIES
from lakehouse.errors import LakehouseError

_PLAIN: Final = re.compile(r"[0-9a-z](?:[0-9a-z_]{0,61}[0-9a-z])?")
_READABLE: Final = 40
_OWN: Final = frozenset({*SILVER_BREWERIES.column_names, *SOURCE_FIELDS})


def assign(fields: Iterable[str], existing: Mapping[str, str]) -> dict[str, str]:
    """Column -> field, for each of the fields.

    A column that silver has stays with its field. Lakehouses of earlier versions named `Opening Hours` simply
    `opening_hours`, and do not say so: the first field that fits keeps such a column.

    Args:
        fields: Fields that the contract does not know.
        existing: Column -> comment, of those that silver has for such fields.

    Raises:
        LakehouseError: Silver would have too many columns.
    """
    owners = {column: _field_of(comment) for column, comment in existing.items()}
    wanted = set(fields)
    columns = {column: field for column, field in owners.items() if field in wanted}
    free = {column for column, field in owners.items() if field is None}
    taken = set(existing)
    for field in sorted(wanted.difference(columns.values()), key=lambda field: (field not in free, field)):
        slug = _slug(field)
        claimed = (name for name in (*_names(field), slug, f"source_{slug}") if name in free)
        column = next(claimed, None) or next(name for name in _names(field) if name not in taken)
        free.discard(column)
        taken.add(column)
        columns[column] = field
    if len(taken) > max(MAX_NEW_FIELDS, len(existing)):
        examples = ", ".join(map(_quoted, sorted(columns.values())[:3]))
        raise LakehouseError(
            f"Silver would have {len(taken):,} columns for new fields of the source ({examples}, ...), and may "
            f"have {MAX_NEW_FIELDS:,}: see whether the API uses values as field names, then ingest the date again."
        )
    return columns


def comment_of(field: str) -> str:
    return f"Field {_quoted(field)} of the source, as text; not known to this version of the pipeline"


def _field_of(comment: str) -> str | None:
    """The field that a column's comment names; None in lakehouses of earlier versions."""
    try:
        field, _ = json.JSONDecoder().raw_decode(comment, len("Field "))
    except ValueError:
        return None
    return field if isinstance(field, str) else None


def _quoted(text: str) -> str:
    """A text as JSON, with an escape for each character that does not print."""
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1]
        for character in json.dumps(text, ensure_ascii=False)
    )


def _slug(field: str) -> str:
    return re.sub(r"[^0-9a-z_]+", "_", field.lower()).strip("_") or "field"


def _names(field: str) -> list[str]:
    """Names for the column of a field, the best one first."""
    plain = [field] if _PLAIN.fullmatch(field) and field not in _OWN else []
    digest = hashlib.sha256(field.encode()).hexdigest()
    slug = _slug(field)[:_READABLE].rstrip("_")
    return [*plain, f"{slug}_{digest[:16]}", f"{slug}_{digest}"]
