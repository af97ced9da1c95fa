"""The fields of a brewery as Open Brewery DB v1 publishes them (https://www.openbrewerydb.org/documentation)."""

from typing import Final

REQUIRED_FIELDS: Final = ("id", "name", "brewery_type", "country")
"""A record without text in one of these is rejected."""

TEXT_FIELDS: Final = (
    "id",
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
"""Fields whose value is a JSON string or null; `id` first."""

COORDINATE_FIELDS: Final = ("longitude", "latitude")
"""Numbers; strings that hold numbers in older answers of the API."""

DEPRECATED_FIELDS: Final = {"state": "state_province", "street": "address_1"}
"""Deprecated field -> the field that replaced it, and that it fills in for where only the old one is given."""

SOURCE_FIELDS: Final = (*TEXT_FIELDS, *COORDINATE_FIELDS, *DEPRECATED_FIELDS)
"""Every field that the API is known to send. Any other is new: it evolves the silver schema as a string."""

MAX_NEW_FIELDS: Final = 1000
"""So many of them silver has columns for. A source with more uses values, such as ids, as names of fields."""

KNOWN_BREWERY_TYPES: Final = frozenset(
    {
        # Documented by the API.
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
        # Undocumented, but in the published data.
        "taproom",
        "cidery",
        "beergarden",
        "location",
    }
)
"""Lower-case types seen in the documentation or the data; another one is kept, and reported."""
