"""Where generated breweries stand, and the parts of their names: data/places.toml and data/languages.toml."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple


class City(NamedTuple):
    """A real city and its centre in degrees."""

    name: str
    latitude: float
    longitude: float


class Region(NamedTuple):
    """A state or province: its weight inside the country, its centre in degrees, its larger cities."""

    name: str
    weight: int
    latitude: float
    longitude: float
    cities: tuple[City, ...]


class Country(NamedTuple):
    """`types` has record counts; `missing` has the shares of null fields, in the order of data/places.toml."""

    name: str
    weight: int
    language: str
    types: dict[str, int]
    missing: Sequence[float]
    regions: tuple[Region, ...]
    town_spread: float = 0.25
    postal_codes: Sequence[str] = ("#####",)
    telephones: Sequence[str] = ("+## ### ### ###",)


class Language(NamedTuple):
    """Parts of names; each of `names` is the text before and after the stem."""

    first: Sequence[str]
    second: Sequence[str]
    names: Sequence[tuple[str, str]]
    town_first: Sequence[str]
    town_second: Sequence[str]
    streets: Sequence[str]
    number_first: bool


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "data" / name).read_text(encoding="utf-8"))


def _region(name: str, weight: int, latitude: float, longitude: float, cities: list[Any]) -> Region:
    return Region(name, weight, latitude, longitude, tuple(City(*city) for city in cities))


def _country(types: list[Any], regions: list[Any], **fields: Any) -> Country:
    return Country(types=dict(types), regions=tuple(_region(*region) for region in regions), **fields)


_PLACES: Final = _load("places.toml")
WORLD: Final = tuple(_country(**country) for country in _PLACES["countries"])
CITY_REGIONS: Final = frozenset(_PLACES["city_regions"])
LANGUAGES: Final = {code: Language(**parts) for code, parts in _load("languages.toml").items()}
