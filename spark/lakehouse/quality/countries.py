"""Countries: which one a text names, and the bounds of its territory.

Names and codes are countryinfo's; bounds are the extents of the EPSG data set, which PROJ brings along.
"""

import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple


class Bounds(NamedTuple):
    """Degrees; `west` is greater than `east` where they cross the 180th meridian."""

    south: float
    north: float
    west: float
    east: float


@dataclass(frozen=True)
class Country:
    """A country, or a territory or nation that is often given as one.

    Attributes:
        name: Its English name.
        bounds: Of the country and its territories; empty where they are unknown.
    """

    name: str
    bounds: tuple[Bounds, ...]


_MORE: Final = ("England", "Northern Ireland", "Kosovo")
"""What addresses give as a country, and countryinfo lacks."""

_TERRITORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "Australia": ("Christmas Island", "Cocos (Keeling) Islands", "Norfolk Island"),
    "China": ("Hong Kong", "Macao"),
    "Denmark": ("Faroe Islands", "Greenland"),
    "France": (
        "French Guiana",
        "French Polynesia",
        "Guadeloupe",
        "Martinique",
        "Mayotte",
        "New Caledonia",
        "Reunion",
        "St Pierre and Miquelon",
        "Wallis and Futuna",
    ),
    "Netherlands": ("Aruba", "Bonaire, St Eustatius and Saba", "Curacao", "Netherlands Antilles"),
    "New Zealand": ("Cook Islands", "Niue", "Tokelau"),
    "Norway": ("Svalbard and Jan Mayen",),
    "United Kingdom": (
        "Anguilla",
        "Bermuda",
        "Cayman Islands",
        "Falkland Islands",
        "Gibraltar",
        "Guernsey",
        "Isle of Man",
        "Jersey",
        "Montserrat",
        "St Helena, Ascension and Tristan da Cunha",
        "Turks and Caicos Islands",
        "Virgin Islands, British",
    ),
    "United States": (
        "American Samoa",
        "Guam",
        "Northern Mariana Islands",
        "Puerto Rico",
        "Virgin Islands, US",
    ),
}
"""Country -> the territories with bounds of their own that addresses may count to it, by their names in EPSG."""

_PREFIX: Final = re.compile(r"^(?:UK|China|Channel Islands) - ")
_SUFFIX: Final = re.compile(r" - (?:onshore|nearshore|EEZ|main islands|and| )+$")
_IN_BRACKETS: Final = re.compile(r" \((.*?)\)")


def find(text: str) -> Country | None:
    """The country that a text names in English or its own language, or by its ISO code.

    >>> [country.name if country else None for country in map(find, ("U.S.A.", "Österreich", "England", "Un"))]
    ['United States', 'Austria', 'England', None]
    """
    return _countries().get(_key(text))


@cache
def _countries() -> Mapping[str, Country]:
    from countryinfo import CountryInfo

    bounds = dict(_extents())
    names: dict[str, list[str]] = {name: [name] for name in _MORE}
    for record in CountryInfo("France").all().values():
        own = (record.get("nativeName"), *record.get("altSpellings", ()), *record.get("ISO", {}).values())
        names.setdefault(record["name"], [record["name"]]).extend(str(alias) for alias in own if alias)
    countries: dict[str, Country] = {}
    for name, aliases in names.items():
        keys = [_key(alias) for alias in aliases]
        parts = [next((key for key in keys if key in bounds), ""), *map(_key, _TERRITORIES.get(name, ()))]
        country = Country(name, tuple(bounds[part] for part in parts if part in bounds) if parts[0] else ())
        countries[keys[0]] = country
        for key in keys[1:]:
            countries.setdefault(key, country)
    return countries


def _extents() -> Iterator[tuple[str, Bounds]]:
    """The bounds of countries and territories by each of their names in EPSG, whole ones last."""
    from pyproj.datadir import get_data_dir

    uri = f"{Path(get_data_dir(), 'proj.db').absolute().as_uri()}?immutable=1"
    database = sqlite3.connect(uri, uri=True)
    try:
        rows = database.execute(
            "select name, south_lat, north_lat, west_lon, east_lon from extent"
            " where auth_name = 'EPSG' and not deprecated and name not like '%offshore%' order by code desc"
        ).fetchall()
    finally:
        database.close()
    for name, *degrees in rows:
        whole = _SUFFIX.sub("", _PREFIX.sub("", name))
        for alias in (whole, _IN_BRACKETS.sub("", whole), *_IN_BRACKETS.findall(whole)):
            yield _key(alias), Bounds(*degrees)


def _key(text: str) -> str:
    """A text without case, accents, full stops and article, for comparison."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().strip() or text
    words = plain.casefold().replace(".", "").split()
    saint = ["saint" if word == "st" else word for word in words]
    return " ".join(saint[1:] if saint[:1] == ["the"] else saint)
