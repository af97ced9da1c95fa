"""What the faults of records do to a record. Pure: which record is hit depends on its id alone."""

import json
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Final

from harness.pipeline.mock_api.faults import ODD, Fault, hash_fraction
from harness.pipeline.mock_api.generator import Brewery

VALUES: Final[dict[str, Any]] = {
    "number": 4.5,
    "string": "text",
    "bool": True,
    "object": {"value": 1},
    "list": [1, 2],
    "null": None,
}
"""What a new or retyped field holds, by type."""


def _without(brewery: Brewery, field: str) -> Brewery:
    return {name: value for name, value in brewery.items() if name != field}


def _decomposed(brewery: Brewery) -> Brewery:
    return {
        name: unicodedata.normalize("NFD", value) if isinstance(value, str) else value
        for name, value in brewery.items()
    }


DIRT: Final[dict[str, Callable[[Brewery], Brewery]]] = {
    "name-missing": lambda brewery: _without(brewery, "name"),
    "name-null": lambda brewery: {**brewery, "name": None},
    "name-blank": lambda brewery: {**brewery, "name": "   "},
    "name-number": lambda brewery: {**brewery, "name": 42},
    "type-null": lambda brewery: {**brewery, "brewery_type": None},
    "country-missing": lambda brewery: _without(brewery, "country"),
    "city-object": lambda brewery: {**brewery, "city": {"name": brewery["city"]}},
    "coordinates-out-of-range": lambda brewery: {**brewery, "longitude": 181.0, "latitude": 95.0},
    "coordinates-half-missing": lambda brewery: {**brewery, "longitude": None, "latitude": 10.0},
    "coordinates-text": lambda brewery: {**brewery, "longitude": "west", "latitude": "north"},
    "text-not-nfc": _decomposed,
    "text-with-spaces": lambda brewery: {
        **brewery,
        "name": f"  {brewery['name']} ",
        "city": f"{brewery['city']}\t",
    },
    "type-upper-case": lambda brewery: {**brewery, "brewery_type": str(brewery["brewery_type"]).upper()},
}
"""Kind of dirt -> what it does."""


def dirt_of(fault: Fault, brewery_id: str) -> str | None:
    """The kind of dirt that a `dirty` fault puts on a brewery, or None."""
    if not fault.picks(brewery_id):
        return None
    return list(DIRT)[int(hash_fraction("dirt", brewery_id) * len(DIRT))]


def _mark(kind: str) -> Brewery:
    return {"odd-body": kind}


def with_odd_bodies(body: bytes) -> bytes:
    """An answer with what the `odd-body` fault's marks stand for, which no encoder of JSON would write."""
    for kind, text in ODD.items():
        body = body.replace(json.dumps(_mark(kind), separators=(",", ":")).encode(), text.encode())
    return body


def _damaged(fault: Fault, brewery: Brewery) -> Brewery:
    options = fault.options
    match fault.name:
        case "new-field" | "retyped-field":
            return {**brewery, options["field"]: VALUES[options["type"]]}
        case "missing-field":
            return _without(brewery, options["field"])
        case "not-nfc":
            return _decomposed(brewery)
        case "odd-body":
            marked = _mark(options["kind"])
            return marked if options["kind"] == "not-object" else {**brewery, options["field"]: marked}
        case "bad-coordinates":
            return DIRT[f"coordinates-{options['kind']}"](brewery)
        case _:
            kind = dirt_of(fault, brewery["id"])
            return DIRT[kind](brewery) if kind else brewery


def damage(breweries: Iterable[Brewery], faults: Iterable[Fault]) -> list[Brewery]:
    """The records after every fault of records among `faults`; a record outside a fault's share stays as it is."""
    result = list(breweries)
    ids = [brewery["id"] for brewery in result]
    for fault in faults:
        if fault.kind.level == "record":
            result = [
                _damaged(fault, brewery) if fault.picks(brewery_id) else brewery
                for brewery_id, brewery in zip(ids, result, strict=True)
            ]
    return result
