"""The API's query parameters: what a request asks for, and how it is answered from a snapshot."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from brewery.contract.fields import TEXT_FIELDS
from harness.pipeline.mock_api.catalog import Snapshot
from harness.pipeline.mock_api.generator import Brewery

DEFAULT_PER_PAGE: Final = 50
MAX_PER_PAGE: Final = 200
MAX_RANDOM: Final = 50
MAX_AUTOCOMPLETE: Final = 15

BREWERY_TYPES: Final = (
    "micro",
    "nano",
    "regional",
    "brewpub",
    "large",
    "planning",
    "bar",
    "contract",
    "proprietor",
    "closed",
    "taproom",
    "cidery",
    "beergarden",
    "location",
)
"""What `by_type` takes; the API refuses others."""

_SORTABLE: Final = {
    "type": "brewery_type",
    "state": "state_province",
    **{field: field for field in TEXT_FIELDS},
}
_FILTERS: Final = (
    "by_city",
    "by_country",
    "by_ids",
    "by_name",
    "by_postal",
    "by_state",
    "by_type",
    "exclude_types",
)
KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "list": frozenset({*_FILTERS, "by_dist", "sort", "page", "per_page"}),
    "meta": frozenset({*_FILTERS, "by_dist", "page", "per_page"}),
    "search": frozenset({"query", "page", "per_page"}),
    "autocomplete": frozenset({"query"}),
    "random": frozenset({"size"}),
    "single": frozenset(),
}
"""Endpoint -> the parameters that it reads."""
MAX_IDS: Final = 50
"""How many ids of `by_ids` count."""


class BadQueryError(ValueError):
    """A parameter that the API refuses; the message is for the client."""


@dataclass(frozen=True)
class Query:
    """What a list or metadata request asks for.

    Attributes:
        filters: Parameter -> its value, for the by_* parameters except by_dist.
        origin: Latitude and longitude in degrees; the results are sorted by their distance from it.
        sort: (field, descending) pairs, the most significant first.
        search: Words that all have to be in the brewery's name or location.
    """

    filters: tuple[tuple[str, str], ...] = ()
    origin: tuple[float, float] | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    search: tuple[str, ...] = ()
    page: int = 1
    per_page: int = DEFAULT_PER_PAGE

    @property
    def selects_all(self) -> bool:
        """Whether the answer is the whole list, in its own order or in that of the ids."""
        return not (self.filters or self.search or self.origin or (self.sort and not self.by_id))

    @property
    def by_id(self) -> bool:
        return self.sort == (("id", False),)


def _folded(text: str) -> str:
    """Underscores and plus signs stand for spaces in the API's parameters."""
    return text.replace("_", " ").replace("+", " ").strip().casefold()


def _number(value: str | None, default: int) -> int:
    try:
        return int(value) if value else default
    except ValueError:
        return default


def parse(parameters: Mapping[str, str]) -> Query:
    """Reads a request's parameters; the API ignores those that it does not know."""
    filters = []
    for name in _FILTERS:
        value = parameters.get(name)
        if value:
            if name == "by_type" and _folded(value) not in BREWERY_TYPES:
                known = ", ".join(f'"{kind}"' for kind in BREWERY_TYPES)
                raise BadQueryError(f"Brewery type must include one of these types: [{known}]")
            filters.append((name, value))
    origin = None
    if parameters.get("by_dist"):
        try:
            latitude, longitude = (float(part) for part in parameters["by_dist"].split(",")[:2])
        except ValueError:
            latitude = longitude = math.inf
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise BadQueryError("by_dist must be latitude,longitude in degrees")
        origin = (latitude, longitude)
    return Query(
        filters=tuple(filters),
        origin=origin,
        sort=_sort(parameters.get("sort", "")),
        search=tuple(_folded(parameters.get("query", "")).split()),
        page=max(1, _number(parameters.get("page"), 1)),
        per_page=min(MAX_PER_PAGE, max(1, _number(parameters.get("per_page"), DEFAULT_PER_PAGE))),
    )


def _sort(text: str) -> tuple[tuple[str, bool], ...]:
    """`type,name:desc`: any other direction, or none, is ascending; an unknown field is passed over."""
    parts = (part.partition(":") for part in text.split(","))
    return tuple((_SORTABLE[field], direction == "desc") for field, _, direction in parts if field in _SORTABLE)


def _text(brewery: Brewery, field: str) -> str:
    return str(brewery[field] or "").casefold()


def _condition(name: str, value: str) -> Callable[[Brewery], bool]:
    wanted = _folded(value)
    if name == "by_ids":
        ids = frozenset(part.strip() for part in value.split(",")[:MAX_IDS])
        return lambda brewery: brewery["id"] in ids
    if name == "exclude_types":
        types = frozenset(map(_folded, value.split(",")))
        return lambda brewery: _text(brewery, "brewery_type") not in types
    if name in ("by_city", "by_name"):
        return lambda brewery: wanted in _text(brewery, name.removeprefix("by_"))
    if name == "by_postal":
        # An underscore stands for the hyphen of a ZIP+4 here.
        prefix = value.replace("_", "-").casefold()
        return lambda brewery: _text(brewery, "postal_code").startswith(prefix)
    field = {"by_country": "country", "by_state": "state_province", "by_type": "brewery_type"}[name]
    return lambda brewery: _text(brewery, field) == wanted


def matches(query: Query) -> Callable[[Brewery], bool]:
    conditions = [_condition(name, value) for name, value in query.filters]
    if query.search:

        def has_every_word(brewery: Brewery) -> bool:
            text = " ".join(_text(brewery, field) for field in ("name", "city", "state_province", "country"))
            return all(word in text for word in query.search)

        conditions.append(has_every_word)
    return lambda brewery: all(condition(brewery) for condition in conditions)


def distance(origin: tuple[float, float], brewery: Brewery) -> float:
    """Great-circle distance from origin (latitude, longitude) in radians by the haversine formula.

    A brewery without usable coordinates is infinitely far away.
    """
    latitude, longitude = brewery["latitude"], brewery["longitude"]
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return math.inf
    a, b = math.radians(origin[0]), math.radians(latitude)
    across = math.radians(longitude - origin[1])
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * math.asin(math.sqrt(min(1.0, h)))


def select(snapshot: Snapshot, query: Query) -> "array[int]":
    """The ranks of the breweries that a query selects, in its order; reads every brewery of the snapshot."""
    matching = matches(query)
    ranked: list[tuple[int, Any]] = []
    for rank, brewery in enumerate(snapshot):
        if matching(brewery):
            if query.origin:
                ranked.append((rank, distance(query.origin, brewery)))
            else:
                ranked.append((rank, tuple(_text(brewery, field) for field, _ in query.sort)))
    if query.origin:
        ranked.sort(key=lambda item: item[1])
    else:
        # Python's sort is stable, so sorting by the least significant field first sorts by all of them.
        for i in range(len(query.sort) - 1, -1, -1):
            ranked.sort(key=lambda item, i=i: item[1][i], reverse=query.sort[i][1])  # type: ignore[misc]  # a lambda's default
    return array("L", (rank for rank, _ in ranked))


def totals(counts: Counter[tuple[str, str, str]], query: Query) -> dict[str, Any]:
    """The body of a metadata answer."""
    by_country: Counter[str] = Counter()
    by_state: Counter[str] = Counter()
    by_type: Counter[str] = Counter()
    for (country, state, kind), n in counts.items():
        by_country[country] += n
        by_state[state] += n
        by_type[kind] += n
    return {
        "total": counts.total(),
        "page": query.page,
        "per_page": query.per_page,
        "by_state": dict(sorted(by_state.items())),
        "by_country": dict(sorted(by_country.items())),
        "by_type": dict(sorted(by_type.items())),
    }
