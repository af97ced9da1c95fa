"""The gold tables worked out from the API's answers in plain Python: no Spark, no code of the pipeline."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
Snapshot = Mapping[str, Record]

REQUIRED = ("id", "name", "brewery_type", "country")
CONTENT = (
    "name",
    "brewery_type",
    "address_1",
    "address_2",
    "address_3",
    "city",
    "state_province",
    "postal_code",
    "country",
    "phone",
    "website_url",
)


def clean(value: Any) -> str | None:
    text = None if value is None else str(value).strip()
    return text or None


def take(records: Sequence[Record]) -> tuple[dict[str, Record], int, int]:
    """What a day's answers come to: breweries by id (the last one wins), duplicates, rejected records."""
    sound = [r for r in records if all(clean(r.get(field)) for field in REQUIRED)]
    breweries = {r["id"]: r for r in sound}
    return breweries, len(sound) - len(breweries), len(records) - len(sound)


def coordinates(record: Record) -> tuple[float, float] | None:
    longitude, latitude = record.get("longitude"), record.get("latitude")
    if longitude is None or latitude is None:
        return None
    pair = float(longitude), float(latitude)
    return pair if abs(pair[0]) <= 180 and abs(pair[1]) <= 90 else None


def content(record: Record) -> tuple[Any, ...]:
    new = tuple(sorted((k, str(v)) for k, v in record.items() if k == "rating"))
    return (*(clean(record.get(field)) for field in CONTENT), coordinates(record), new)


def by_type_and_location(day: Snapshot) -> list[tuple[Any, ...]]:
    keys = ("country", "state_province", "city", "brewery_type")
    counts = Counter(tuple(clean(r.get(key)) for key in keys) for r in day.values())
    return [(*key[:3], str(key[3]).lower(), count) for key, count in counts.items()]


def by_type(day: Snapshot) -> list[tuple[Any, ...]]:
    return list(Counter(str(clean(r["brewery_type"])).lower() for r in day.values()).items())


def by_country(day: Snapshot) -> list[tuple[Any, ...]]:
    return list(Counter(clean(r["country"]) for r in day.values()).items())


def coverage(day: Snapshot) -> list[tuple[Any, ...]]:
    groups: dict[str | None, list[Record]] = defaultdict(list)
    for record in day.values():
        groups[clean(record["country"])].append(record)

    def share(records: list[Record], field: str) -> float:
        return sum(clean(r.get(field)) is not None for r in records) / len(records)

    return [
        (
            country,
            len(records),
            sum(coordinates(r) is not None for r in records) / len(records),
            share(records, "website_url"),
            share(records, "phone"),
            share(records, "postal_code"),
        )
        for country, records in groups.items()
    ]


def changes(before: Snapshot, after: Snapshot) -> tuple[int, int, int]:
    """Added, changed, removed."""
    both = before.keys() & after.keys()
    return (
        len(after.keys() - before.keys()),
        sum(content(before[i]) != content(after[i]) for i in both),
        len(before.keys() - after.keys()),
    )
