"""Breweries from a CSV, JSON or JSON Lines file with the fields of Open Brewery DB."""

import csv
import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

from brewery.contract.fields import COORDINATE_FIELDS, DEPRECATED_FIELDS, REQUIRED_FIELDS
from harness.errors import HarnessError
from harness.pipeline.mock_api.generator import FIELDS, Brewery


def _coordinate(value: Any) -> Any:
    """A number where the text is one that JSON has; anything else stays as it is, as a server would pass it on."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _completed(record: dict[str, Any]) -> Brewery:
    """The record in the API's field order with all of the API's fields; what it has beyond those comes last."""
    brewery: Brewery = {field: record.get(field, record.get(DEPRECATED_FIELDS.get(field, ""))) for field in FIELDS}
    brewery.update((field, value) for field, value in record.items() if field not in brewery)
    for field in COORDINATE_FIELDS:
        brewery[field] = _coordinate(brewery[field])
    return brewery


def _from_csv(text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(StringIO(text, newline=""), strict=True)
    result = []
    for row in rows:
        if None in row or None in row.values():
            raise ValueError(f"line {rows.line_num} does not have as many values as the first line has names")
        result.append({field: value or None for field, value in row.items()})
    return result


def _from_json(text: str) -> list[dict[str, Any]]:
    if text.lstrip().startswith("["):
        records = json.loads(text)
    else:
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("it holds something other than JSON objects")
    return list(records)


def read(path: Path) -> list[Brewery]:
    """Reads the breweries of a file: `.csv`, else JSON (a list of objects) or JSON Lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        records = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise HarnessError(f"Cannot read {path}: {reason}. Name a CSV or JSON file with breweries.") from None
    except (ValueError, csv.Error) as error:
        raise HarnessError(
            f"Cannot use {path} as data: {error}. Give a UTF-8 CSV, JSON or JSON Lines file of Open Brewery DB."
        ) from None
    if not records:
        raise HarnessError(f"{path} holds no breweries. Give a file with at least one.")
    seen: set[str] = set()
    for number, record in enumerate(records, start=1):
        lacking = [field for field in REQUIRED_FIELDS if field not in record]
        if lacking:
            raise HarnessError(
                f"{path} has no field {', '.join(lacking)} in record {number}. "
                f"Give a file with at least the fields {', '.join(REQUIRED_FIELDS)}."
            )
        brewery_id = record["id"]
        if not isinstance(brewery_id, str) or brewery_id in seen:
            defect = "twice" if brewery_id in seen else "that is not text"
            raise HarnessError(
                f"{path} has the id {brewery_id!r} {defect} (record {number}). Make the ids unique text."
            )
        seen.add(brewery_id)
    return [_completed(record) for record in records]
