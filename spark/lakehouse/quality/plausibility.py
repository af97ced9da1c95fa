"""Plausibility: warnings about values that are valid, and yet are hardly what the source meant."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from ftfy.badness import BADNESS_RE
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from brewery.contract.fields import KNOWN_BREWERY_TYPES, REQUIRED_FIELDS, TEXT_FIELDS
from brewery.contract.ledger import LedgerRow
from lakehouse.definitions import CONTENT_COLUMNS, SILVER_BREWERIES
from lakehouse.errors import LakehouseError, explained
from lakehouse.quality import countries
from lakehouse.quality.expectations import Example, Expectation, Outcome, measure
from lakehouse.storage import Lakehouse
from lakehouse.tables import sql_text

log = logging.getLogger(__name__)

NULL_SHIFT: Final = 0.05
"""A field's share of nulls may move by so much from one date to the next."""

_EXAMPLES: Final = 3
_SHOWN: Final = 120
_MARGIN: Final = 0.2
"""Degrees by which a point may lie outside of its country's bounds."""

_TABLE: Final = SILVER_BREWERIES.name
_TEXTS: Final = tuple(name for name in TEXT_FIELDS if name != "id")
_LABELS: Final = tuple(name for name in _TEXTS if name != "website_url")
_PLACEHOLDERS: Final = ("n/a", "none", "null", "nan", "unknown", "undefined", "test", "tbd", "tba", "todo", "xxx")

_POINT: Final = "concat(cast(latitude as string), ', ', cast(longitude as string))"
_ZERO: Final = "latitude = 0 or longitude = 0 or (abs(latitude) < 0.01 and abs(longitude) < 0.01)"

# Characters that nobody types and nobody sees: controls, zero-width and bidirectional marks, private use.
_INVISIBLE: Final = r"[\x00-\x1f\x7f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ue000-\uf8ff]"
# What mojibake nearly always has: two characters in a row that are not ASCII, or one of a few.
_UNUSUAL: Final = r"[^\x00-\x7f]{2}|[ÃÂ] |[Œœ]"
# Nearly every character is plain. Those stand one by one, because Java looks up single ones in a table, and
# compares with each range; only what is not plain is looked at again.
_PLAIN: Final = "".join(f"\\x{code:02x}" for code in range(0x20, 0x7F) if code not in b"&<?\\")
_SUSPICIOUS: Final = (
    rf"[^{_PLAIN}](?:"
    + "|".join(
        (
            r"(?<=[\x00-\x1f&<?\\\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ue000-\uffffŒœ])",
            r"(?<=[ÃÂ]) ",
            r"(?<=[^\x00-\x7f])[\x80-\u2e7f]",
        )
    )
    + ")"
)
_MARKUP: Final = (
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
    r"|</?[A-Za-z!][^<>]*>|\\u[0-9a-fA-F]{4}|\\[nrt\"]"
)
_LETTER_OR_DIGIT: Final = r"[\p{L}\p{N}]"
_DIGIT: Final = r"\p{Nd}"
_PHONE: Final = r"^(?:\P{Nd}*+\p{Nd}){3,20}+\P{Nd}*+\z"
_WEBSITE: Final = r"^(?:[hH][tT][tT][pP][sS]?://)?[^\s/?#@:.]+(?:\.[^\s/?#@:.]+)+\.?(?::[0-9]+)?(?:[/?#]\S*)?$"


class Implausible(NamedTuple):
    """Rows that a warning is about, as SQL.

    Attributes:
        condition: Whether a row may be one of them; it is asked about every row.
        value: What to show; null for a row that is plausible after all.
        of_odd_text: The condition is asked only about rows with a character that plain text has not.
    """

    condition: str
    value: str
    of_odd_text: bool = False


@dataclass(frozen=True)
class Past:
    """What the snapshot is compared with, and itself.

    Attributes:
        countries: Country values of the current breweries.
        known_countries: Those seen before, of any brewery; None if there is nothing to compare with.
        known_types: Types seen before.
        shifts: Fields whose share of nulls moved, with the shares.
    """

    countries: frozenset[str]
    known_countries: frozenset[str] | None
    known_types: frozenset[str] | None
    shifts: tuple[Example, ...] | None


def outcomes(lakehouse: Lakehouse, ledger: Sequence[LedgerRow], others: Sequence[Expectation]) -> list[Outcome]:
    """Measure silver: other expectations and these warnings.

    Args:
        lakehouse: The lakehouse.
        ledger: In order of the dates.
        others: Expectations of silver.
    """
    silver = lakehouse.read(SILVER_BREWERIES)
    with ThreadPoolExecutor(2) as pool:
        then = pool.submit(_before, lakehouse, ledger)
        measured = pool.submit(measure, silver, others)
        past = _compared(silver, then.result)
        warnings = implausible(past)
        counted = implausible_rows(silver, warnings)
        result = measured.result()
    result += [_warning(name, *counted.get(name, (0, ()))) for name in warnings]
    if past.shifts is not None:
        result.append(_warning("share_of_nulls_steady", len(past.shifts), past.shifts))
    return result


def _warning(name: str, count: int, examples: tuple[Example, ...]) -> Outcome:
    none = Expectation(_TABLE, name, at_least=0, at_most=0, severity="warn")
    return replace(none.judge(count), examples=examples)


def implausible(past: Past) -> dict[str, Implausible]:
    """Name of each warning -> which rows it is about."""
    named = {value: countries.find(value) for value in past.countries}
    warnings = {
        "coordinates_not_zero": _when(_ZERO, _POINT),
        "coordinates_precise": _when(
            f"latitude = rint(latitude) and longitude = rint(longitude) and not ({_ZERO})", _POINT
        ),
        "coordinates_in_country": _outside({value: country.bounds for value, country in named.items() if country}),
        "country_known": _when(
            _not_in("country", (value for value, country in named.items() if country)), "country"
        ),
        "country_in_one_spelling": _other_spellings(named),
        "type_known": _when(_not_in("brewery_type", KNOWN_BREWERY_TYPES), "brewery_type"),
        "text_without_mojibake": _field(_TEXTS, mojibake(), "\n"),
        "text_without_replacement_characters": _field(_LABELS, r"\ufffd|\p{L}\?\p{Ll}"),
        "text_without_markup": _field(_TEXTS, _MARKUP),
        "text_without_invisible_characters": _field(_TEXTS, _INVISIBLE),
        "name_is_a_name": _when(
            f"name = id or length(name) > 200 or lower(name) in ({_list(_PLACEHOLDERS)})"
            f" or not {_matches('name', _LETTER_OR_DIGIT)}",
            "name",
        ),
        "phone_is_a_number": _when(
            f"not {_matches('phone', _PHONE)} or {_matches('phone', '[0-9][eE][+]?[0-9]')}",
            "phone",
        ),
        "postal_code_is_a_code": _when(
            f"length(postal_code) > 12 or not {_matches('postal_code', _DIGIT)}", "postal_code"
        ),
        "website_is_an_address": _when(f"not {_matches('website_url', _WEBSITE)}", "website_url"),
    }
    if past.known_countries is not None:
        warnings["country_seen_before"] = _when(_not_in("country", past.known_countries), "country")
    if past.known_types is not None:
        warnings["type_seen_before"] = _when(_not_in("brewery_type", past.known_types), "brewery_type")
    return warnings


def mojibake() -> str:
    """The rule of ftfy for text that was decoded as another encoding than its own, for Java.

    ftfy writes it with blanks and comments, which Java would also leave out within brackets.
    """
    # To try all alternatives takes long.
    result = [f"(?Ums)(?=[\\x80-\\x9f]|.{{0,2}}(?:{_UNUSUAL}))(?:"]
    symbols = iter(BADNESS_RE.pattern)
    in_brackets = False
    for symbol in symbols:
        if symbol == "\\":
            result.append(symbol + next(symbols))
        elif in_brackets:
            in_brackets = symbol != "]"
            result.append(f"\\{symbol}" if symbol in "[&" else symbol)
        elif symbol == "#":
            while next(symbols) != "\n":
                pass
        elif not symbol.isspace():
            in_brackets = symbol == "["
            result.append(symbol)
    return "".join([*result, ")"])


def _outside(bounds: Mapping[str, Iterable[countries.Bounds]]) -> Implausible:
    """A point outside of its country, and the usual mistake that explains it."""
    areas = {value: boxes for value, boxes in bounds.items() if boxes}
    if not areas:
        return _NONE
    inside = " ".join(
        f"when {sql_text(value)} then {' or '.join(_within(box) for box in boxes)}"
        for value, boxes in areas.items()
    )
    boxes_of = " ".join(
        f"when {sql_text(value)} then array({', '.join(map(_struct, boxes))})" for value, boxes in areas.items()
    )
    mistakes = {
        ("-latitude", "longitude"): "the latitude has the wrong sign",
        ("latitude", "-longitude"): "the longitude has the wrong sign",
        ("-latitude", "-longitude"): "both have the wrong sign",
        ("longitude", "latitude"): "latitude and longitude are swapped",
    }
    explained_by = " ".join(
        f"when exists(case country {boxes_of} end, box -> {latitude} between box.south and box.north"
        f" and if(box.west <= box.east, {longitude} between box.west and box.east,"
        f" {longitude} >= box.west or {longitude} <= box.east)) then ': {mistake}'"
        for (latitude, longitude), mistake in mistakes.items()
    )
    return _when(
        f"not ({_ZERO}) and not case country {inside} end",
        f"concat({_POINT}, ' is not in ', country, case {explained_by} else '' end)",
    )


def _struct(box: countries.Bounds) -> str:
    return "named_struct(" + ", ".join(f"'{name}', {degrees}D" for name, degrees in box._asdict().items()) + ")"


def _within(box: countries.Bounds) -> str:
    joint = "and" if box.west <= box.east else "or"
    return (
        f"(latitude between {box.south - _MARGIN}D and {box.north + _MARGIN}D"
        f" and (longitude >= {box.west - _MARGIN}D {joint} longitude <= {box.east + _MARGIN}D))"
    )


def _other_spellings(named: Mapping[str, countries.Country | None]) -> Implausible:
    """Country values that stand for the same country as another one, which is closer to its English name."""
    spellings: dict[str, list[str]] = {}
    for value, country in sorted(named.items()):
        if country:
            spellings.setdefault(country.name, []).append(value)
    others: dict[str, str] = {}
    for name, values in spellings.items():
        first = name if name in values else values[0]
        others.update((value, f"{value}, elsewhere {first}") for value in values if value != first)
    if not others:
        return _NONE
    branches = " ".join(f"when {sql_text(value)} then {sql_text(text)}" for value, text in others.items())
    return _when(f"country in ({_list(others)})", f"case country {branches} end")


def _field(fields: Sequence[str], pattern: str, separator: str = "") -> Implausible:
    """Rows with a field that matches a pattern; shows the first such field with its name.

    Args:
        fields: The fields.
        pattern: What none should match.
        separator: What is between the fields where all are matched at once.
    """
    matching = (f"case when {_matches(name, pattern)} then concat('{name}: ', {name}) end" for name in fields)
    return Implausible(_matches(_joined(separator), pattern), f"coalesce({', '.join(matching)})", of_odd_text=True)


def _joined(separator: str = "") -> str:
    return f"concat_ws({sql_text(separator)}, {', '.join(_TEXTS)})"


def _when(condition: str, value: str) -> Implausible:
    return Implausible(condition, f"case when {condition} then {value} end")


_NONE: Final = Implausible("false", "cast(null as string)")


def _matches(column: str, pattern: str) -> str:
    return f"{column} rlike {_literal(pattern)}"


def _not_in(column: str, values: Iterable[str]) -> str:
    return f"not coalesce({column} in ({_list(values)}), false)"


def _list(values: Iterable[str]) -> str:
    return ", ".join(map(sql_text, sorted(values))) or "null"


def _literal(pattern: str) -> str:
    """A regular expression of this module as a literal of Spark's SQL; values need `tables.sql_text`."""
    escaped = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def implausible_rows(
    breweries: DataFrame, warnings: Mapping[str, Implausible]
) -> dict[str, tuple[int, tuple[Example, ...]]]:
    """How many rows each warning is about, and a few of them: the least id of as many groups, without sorting.

    Few rows meet any condition, and only for them the values are made.
    """
    conditions = [f"({warning.condition})" for warning in warnings.values() if not warning.of_odd_text]
    of_odd_text = " or ".join(warning.condition for warning in warnings.values() if warning.of_odd_text)
    suspicious = " or ".join([*conditions, f"{_matches(_joined(' '), _SUSPICIOUS)} and ({of_odd_text})"])
    shown = ", ".join(
        f"struct('{name}' as warning, substring({warning.value}, 1, {_SHOWN}) as value)"
        for name, warning in warnings.items()
    )
    groups = (
        breweries.where("is_current")
        .where(suspicious)
        .selectExpr("id", f"substring(name, 1, {_SHOWN}) as name", f"explode(array({shown})) as f")
        .where("f.value is not null")
        .groupBy("f.warning", sf.expr(f"pmod(hash(id), {_EXAMPLES})"))
        .agg(sf.count(sf.lit(1)).alias("rows"), sf.min(sf.struct("id", "name", "f.value")).alias("example"))
        .collect()
    )
    result: dict[str, tuple[int, tuple[Example, ...]]] = {}
    for row in groups:
        count, examples = result.get(row["warning"], (0, ()))
        result[row["warning"]] = (count + row["rows"], tuple(sorted((*examples, Example(*row["example"])))))
    return result


def _compared(silver: DataFrame, before: Callable[[], dict[str, Any] | None]) -> Past:
    optional = [name for name in silver.columns if _may_be_null(name)]
    now = _reduced(silver, optional, "is_current")
    then = before()
    if then is None:
        return Past(frozenset(now["countries"]), None, None, None)
    shifts = []
    for name in optional if now["total"] and then["total"] else ():
        # A field that is new was null before.
        share, former = now[name] / now["total"], then.get(name, then["total"]) / then["total"]
        if abs(share - former) > NULL_SHIFT:
            shifts.append(Example("", name, f"{share:.1%} null, {former:.1%} before"))
    return Past(frozenset(now["countries"]), frozenset(then["countries"]), frozenset(then["types"]), tuple(shifts))


def _before(lakehouse: Lakehouse, ledger: Sequence[LedgerRow]) -> dict[str, Any] | None:
    """Silver as the run of the date before the newest left it; None if there is no such version, or no more."""
    if len(ledger) < 2:
        return None
    try:
        with explained("read silver as it was before its newest run"):
            before = lakehouse.read_version(SILVER_BREWERIES, ledger[-2].silver_version)
            return _reduced(before, [name for name in before.columns if _may_be_null(name)], "true")
    except LakehouseError as error:
        # Its files may have been cleaned up, where the gate runs again long after the day.
        log.warning("The newest run is not compared with the one before: %s", error)
        return None


def _may_be_null(name: str) -> bool:
    content = name in CONTENT_COLUMNS or name not in SILVER_BREWERIES.column_names
    return content and name not in REQUIRED_FIELDS


def _reduced(frame: DataFrame, fields: Sequence[str], seen: str) -> dict[str, Any]:
    row = frame.selectExpr(
        "count_if(is_current) as total",
        f"collect_set(case when {seen} then country end) as countries",
        f"collect_set(case when {seen} then brewery_type end) as types",
        *(f"count_if(is_current and `{name}` is null) as `{name}`" for name in fields),
    ).collect()[0]
    return row.asDict()
