"""Breweries made from (seed, index): each computable alone, the same on every machine and Python version.

All randomness is BLAKE2b of the seed and the index, and all arithmetic is on integers, so nothing depends on a
library's random generator or on floating-point rounding.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from brewery.contract.fields import COORDINATE_FIELDS, DEPRECATED_FIELDS, TEXT_FIELDS
from harness.pipeline.mock_api import places

Brewery: TypeAlias = dict[str, Any]
"""One record with the API's fields in the API's order; its values are JSON values."""

_T = TypeVar("_T")

_AFTER: Final = TEXT_FIELDS.index("country") + 1
FIELDS: Final = (*TEXT_FIELDS[:_AFTER], *COORDINATE_FIELDS, *TEXT_FIELDS[_AFTER:], *DEPRECATED_FIELDS)
"""The fields in the API's order: coordinates follow the country."""

BLOCK: Final = 4096
"""Every run of this many breweries, counted from 0, holds each (region, type) exactly as often as the next run."""

_DRAWS: Final = struct.Struct(">12xQQ9I")
_TEN_MILLION: Final = 10_000_000
_MASK32: Final = 0xFFFFFFFF
_HEX: Final = tuple(f"{byte:02x}" for byte in range(256))
_ID_STEP: Final = 0x9E3779B1
_ID_STEP_INVERSE: Final = pow(_ID_STEP, -1, 1 << 32)
_LETTERS: Final = str.maketrans("0123456789", "ABCDEFHKNR")
_CITY_SHARE: Final = 40
_NEAR: Final = 400_000
"""How far a brewery lies from the centre of its city at most, in 1e-7 degrees (about 4 km)."""


class _Pattern:
    """A postal code or telephone pattern, ready to be filled with digits."""

    def __init__(self, pattern: str) -> None:
        self._parts: list[tuple[str, int, int]] = []
        used = start = 0
        while start < len(pattern):
            end = start
            while end < len(pattern) and pattern[end] == pattern[start]:
                end += 1
            kind, length = pattern[start], end - start
            if kind in "#@":
                self._parts.append((kind, used, used + length))
                used += length
            else:
                self._parts.append((pattern[start:end], 0, 0))
            start = end
        self._all_digits = pattern == "#" * len(pattern)
        self._length = len(pattern)

    def fill(self, digits: str) -> str:
        """Takes at least as many digits as the pattern has places."""
        if self._all_digits:
            return digits[: self._length]
        return "".join(
            digits[a:b] if kind == "#" else digits[a:b].translate(_LETTERS) if kind == "@" else kind
            for kind, a, b in self._parts
        )


class _PreparedRegion(NamedTuple):
    """A region with everything that a brewery in it needs, looked up once."""

    country: str
    region: str
    language: places.Language
    slugs: tuple[tuple[str, ...], tuple[str, ...]]
    cities: tuple[tuple[str, int, int], ...]
    has_towns: bool
    spread: int
    latitude: int
    longitude: int
    postal_codes: tuple[_Pattern, ...]
    telephones: tuple[_Pattern, ...]
    street_numbers: int
    missing: tuple[int, ...]


def _slug(text: str) -> str:
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def _prepared(country: places.Country, region: places.Region) -> _PreparedRegion:
    language = places.LANGUAGES[country.language]
    return _PreparedRegion(
        country=country.name,
        region=region.name,
        language=language,
        slugs=(tuple(map(_slug, language.first)), tuple(map(_slug, language.second))),
        cities=tuple((c.name, round(c.latitude * 1e7), round(c.longitude * 1e7)) for c in region.cities),
        has_towns=region.name not in places.CITY_REGIONS,
        spread=round(country.town_spread * 1e7),
        latitude=round(region.latitude * 1e7),
        longitude=round(region.longitude * 1e7),
        postal_codes=tuple(_Pattern(p) for p in country.postal_codes),
        telephones=tuple(_Pattern(p) for p in country.telephones),
        street_numbers=9000 if language.number_first else 180,
        missing=tuple(min(_MASK32, round(share * (1 << 32))) for share in country.missing),
    )


def apportion(weights: list[int], seats: int) -> list[int]:
    """Splits `seats` in proportion to `weights` by largest remainder (Hamilton); ties go to the earlier one."""
    total = sum(weights)
    floors = [weight * seats // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(weights[i] * seats % total), i))
    for i in by_remainder[: seats - sum(floors)]:
        floors[i] += 1
    return floors


def _cells(seed: int) -> list[tuple[_PreparedRegion, str]]:
    """The BLOCK (place, type) pairs, in an order that depends on the seed."""

    def shuffled(items: list[_T], purpose: str) -> list[_T]:
        def key(i: int) -> bytes:
            return blake2b(f"{seed}:{purpose}:{i}".encode(), digest_size=16).digest()

        return [items[i] for i in sorted(range(len(items)), key=key)]

    cells: list[tuple[_PreparedRegion, str]] = []
    for country, seats in zip(places.WORLD, apportion([c.weight for c in places.WORLD], BLOCK), strict=True):
        regions = [_prepared(country, region) for region in country.regions]
        shares = apportion([region.weight for region in country.regions], seats)
        stands = [place for place, n in zip(regions, shares, strict=True) for _ in range(n)]
        names = list(country.types)
        kinds = [
            name
            for name, n in zip(names, apportion(list(country.types.values()), seats), strict=True)
            for _ in range(n)
        ]
        cells += zip(stands, shuffled(kinds, country.name), strict=True)
    return shuffled(cells, "cells")


class Generator:
    """An endless list of breweries; another seed gives others with the same distribution."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._cells = _cells(seed)
        self._id_offset = int.from_bytes(blake2b(f"{seed}:ids".encode(), digest_size=4).digest())
        self._order = lru_cache(maxsize=256)(self._order_of_block)

    def _order_of_block(self, block: int) -> tuple[int, int]:
        draw = int.from_bytes(blake2b(f"{self._seed}:block:{block}".encode(), digest_size=4).digest())
        return (draw >> 12) | 1, draw & (BLOCK - 1)

    def _cell(self, index: int) -> tuple[_PreparedRegion, str]:
        block, place_in_block = divmod(index, BLOCK)
        step, start = self._order(block)
        return self._cells[(place_in_block * step + start) & (BLOCK - 1)]

    def count_by(self, count: int) -> Counter[tuple[str, str, str]]:
        """How many of the first `count` breweries there are of each (country, state_province, brewery_type)."""
        blocks, rest = divmod(count, BLOCK)
        result: Counter[tuple[str, str, str]] = Counter()
        if blocks:
            for place, kind in self._cells:
                result[place.country, place.region, kind] += blocks
        for index in range(count - rest, count):
            place, kind = self._cell(index)
            result[place.country, place.region, kind] += 1
        return result

    def index_of(self, brewery_id: str) -> int | None:
        """The only index that may have this id (compare the brewery's id to be sure), or None."""
        try:
            tail = int(brewery_id[-8:], 16)
        except ValueError:
            return None
        return (tail - self._id_offset) * _ID_STEP_INVERSE & _MASK32

    def _draws(self, index: int) -> bytes:
        return blake2b(b"%d:%d" % (self._seed, index), digest_size=64).digest()

    def _id(self, index: int, draws: bytes) -> str:
        h = draws[:11].hex()
        tail = index * _ID_STEP + self._id_offset & _MASK32
        return f"{h[:8]}-{h[8:12]}-4{h[12:15]}-{'89ab'[draws[-1] & 3]}{h[15:18]}-{h[18:22]}{tail:08x}"

    def id_of(self, index: int) -> str:
        """The id of the brewery at `index`, for a fifth of what the whole brewery costs."""
        return self._id(index, self._draws(index))

    def id_prefixes(self, count: int) -> Iterator[str]:
        """The first two characters of the first `count` ids."""
        seed = self._seed
        for index in range(count):
            yield _HEX[blake2b(b"%d:%d" % (seed, index), digest_size=64).digest()[0]]

    def brewery(self, index: int) -> Brewery:
        """The brewery at `index` (0 or more, below 2**32)."""
        place, kind = self._cell(index)
        key = self._draws(index)
        phone, postal, name, street, town, where, near_lat, near_lon, gap, gaps, extra = _DRAWS.unpack(key)
        language = place.language
        brewery_id = self._id(index, key)

        name, i = divmod(name, len(language.first))
        name, j = divmod(name, len(language.second))
        before, after = language.names[name % len(language.names)]
        text = f"{before}{language.first[i]}{language.second[j]}{after}"

        if place.has_towns and where % 100 >= _CITY_SHARE:
            k = town % (len(language.town_first) * len(language.town_second))
            a, b = divmod(k, len(language.town_second))
            city = language.town_first[a] + language.town_second[b]
            latitude = place.latitude + (k * 7919 % 2001 - 1000) * place.spread // 1000
            longitude = place.longitude + (k * 6007 % 2001 - 1000) * place.spread // 1000
        else:
            # The smaller of two draws: the first city of a region is its largest.
            n = len(place.cities)
            city, latitude, longitude = place.cities[min(town % n, where // 100 % n)]
        latitude += near_lat % (2 * _NEAR) - _NEAR
        longitude += near_lon % (2 * _NEAR) - _NEAR

        no_address, no_second, no_third, no_phone, no_website, no_coordinates = place.missing
        # One draw for both: who gives no address mostly has no coordinates either, as in the published data.
        overlap = no_address // 5
        has_coordinates = not overlap <= gap < overlap + no_coordinates
        address = None if gap < no_address else _street(place, street)
        has_phone = gaps & 0xFFFF >= no_phone >> 16
        has_website = gaps >> 16 >= no_website >> 16
        digits = str(phone % 800_000_000_000 + 200_000_000_000)
        first, second = place.slugs
        protocol = "https" if extra >> 8 & 7 == 0 else "http"
        return {
            "id": brewery_id,
            "name": text,
            "brewery_type": kind,
            "address_1": address,
            "address_2": None if near_lat < no_second else f"Unit {street % 40 + 1}",
            "address_3": None if near_lon < no_third else f"Level {street % 5 + 1}",
            "city": city,
            "state_province": place.region,
            "postal_code": place.postal_codes[postal % len(place.postal_codes)].fill(f"{postal:020d}"[8:]),
            "country": place.country,
            "longitude": longitude / _TEN_MILLION if has_coordinates else None,
            "latitude": latitude / _TEN_MILLION if has_coordinates else None,
            "phone": place.telephones[phone % len(place.telephones)].fill(digits) if has_phone else None,
            "website_url": f"{protocol}://www.{first[i]}{second[j]}{extra >> 16}.com" if has_website else None,
            "state": place.region,
            "street": address,
        }


def _street(place: _PreparedRegion, draw: int) -> str:
    streets = place.language.streets
    draw, i = divmod(draw, len(streets))
    number = draw % place.street_numbers + 1
    return f"{number}{streets[i]}" if place.language.number_first else f"{streets[i]}{number}"


def _rename(brewery: Brewery, draw: int) -> Brewery:
    language = places.LANGUAGES["en"]
    draw, i = divmod(draw, len(language.first))
    name = f"{language.first[i]}{language.second[draw % len(language.second)]} Brewing Collective"
    return {"name": name if name != brewery["name"] else f"{name} II"}


def _retype(brewery: Brewery, draw: int) -> Brewery:
    others = [kind for kind in ("micro", "brewpub", "regional", "nano") if kind != brewery["brewery_type"]]
    return {"brewery_type": others[draw % len(others)]}


def _close(brewery: Brewery, draw: int) -> Brewery:
    return {"brewery_type": "closed"} if brewery["brewery_type"] != "closed" else _retype(brewery, draw)


def _rephone(brewery: Brewery, draw: int) -> Brewery:
    phone = str(draw % 8_000_000_000 + 2_000_000_000)
    return {"phone": phone if phone != brewery["phone"] else None}


def _move_website(brewery: Brewery, draw: int) -> Brewery:
    website = f"https://www.brewery{draw}.com"
    return {"website_url": website if website != brewery["website_url"] else None}


def _move(brewery: Brewery, draw: int) -> Brewery:
    draw, number = divmod(draw, 9000)
    streets = places.LANGUAGES["en"].streets
    address = f"{number + 1}{streets[draw % len(streets)]}"
    if address == brewery["address_1"]:
        address = f"{number + 2}{streets[draw % len(streets)]}"
    return {"address_1": address, "street": address}


def _lose_coordinates(brewery: Brewery, draw: int) -> Brewery:
    if brewery["longitude"] is None:
        return _rephone(brewery, draw)
    return {"longitude": None, "latitude": None}


_CHANGES: Final[tuple[Callable[[Brewery, int], Brewery], ...]] = (
    _rephone,
    _rephone,
    _move_website,
    _move_website,
    _rename,
    _rename,
    _retype,
    _close,
    _move,
    _lose_coordinates,
)


def changed(brewery: Brewery, draw: int) -> Brewery:
    """The same brewery after something about it changed: at least one field differs, never id, city or country.

    `draw` (0 or more) decides what changes and to what.
    """
    draw, kind = divmod(draw, len(_CHANGES))
    return {**brewery, **_CHANGES[kind](brewery, draw)}
