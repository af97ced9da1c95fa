"""Faults on demand: what each one is called and takes, and which requests it hits.

A fault is written `NAME` or `NAME:option=value,option=value`. Which requests it hits is decided by counters and by
hashes of (fault, page, attempt), never by chance: the same requests meet the same faults.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from harness.errors import UsageError, unknown

ENDPOINTS: Final = ("list", "meta", "single", "random", "search", "autocomplete")


class Option(NamedTuple):
    """One option of a fault: its default (whose type it has), the values allowed (any where empty), its meaning."""

    default: Any
    allowed: tuple[str, ...]
    meaning: str


class Kind(NamedTuple):
    """One fault: what it does, its options, where it strikes.

    `level` is `response` (how an answer is delivered), `page` (which records a page holds), `record` (what records
    look like; its `share` is of the records), or `sequence` (what the API holds as a whole).
    """

    level: str
    meaning: str
    options: dict[str, Option]
    path: str = "list"
    times: int = 0


ODD: Final = {
    "long-number": "1" * 1_500,
    "huge-number": "1" * 5_000,
    "surrogate": '"half \\udfff"',
    "nan": "NaN",
    "infinity": "-Infinity",
    "nul": '"a\\u0000b"',
    "control": '"a\x01b"',
    "long-text": '"' + "x" * 1_000_000 + '"',
    "zero-width": '"\\u200b"',
    "deep": "[" * 600 + "]" * 600,
    "not-object": '"x"',
}
"""Kind of odd body -> its text."""

_RESET: Final = Option(0, ("0", "1"), "1 resets the connection instead of closing it")

KINDS: Final[dict[str, Kind]] = {
    "latency": Kind("response", "delays the response", {"ms": Option(200, (), "milliseconds")}, path="any"),
    "slow-drip": Kind(
        "response",
        "sends the body in small pieces",
        {"bytes": Option(4096, (), "bytes in a piece"), "ms": Option(20, (), "milliseconds between pieces")},
    ),
    "rate-limit": Kind(
        "response",
        "responds 429 with Retry-After",
        {
            "retry_after": Option(1, (), "seconds"),
            "form": Option("seconds", ("seconds", "date", "none"), "format of Retry-After; none omits it"),
        },
    ),
    "server-error": Kind("response", "responds with a 5xx status", {"status": Option(503, (), "500 to 599")}),
    "client-error": Kind("response", "responds with a 4xx status", {"status": Option(403, (), "400 to 499")}),
    "cut": Kind(
        "response",
        "closes the connection",
        {
            "at": Option("middle", ("before", "middle"), "before any header, or within the body"),
            "reset": _RESET,
        },
    ),
    "truncated": Kind(
        "response",
        "sends half of the body as if it were complete",
        {
            "form": Option(
                "no-length",
                ("no-length", "chunked", "short-length"),
                "no-length: without Content-Length; chunked: without the last chunk; "
                "short-length: with the Content-Length of the half",
            )
        },
    ),
    "redirect": Kind(
        "response",
        "redirects to the same path on another server",
        {
            "to": Option("http://elsewhere.invalid", (), "scheme, host and port"),
            "status": Option(302, (), "301, 302, 303, 307 or 308"),
        },
    ),
    "outage": Kind(
        "response",
        "closes every connection for a while, counted from the first request that it strikes",
        {"seconds": Option(30, (), "duration")},
        path="any",
    ),
    "stale": Kind(
        "response",
        "responds like a cache: with the list of the day before and its Age",
        {"age": Option(3600, (), "seconds")},
    ),
    "not-json": Kind("response", "responds 200 with an HTML page", {}),
    "not-a-list": Kind("response", "responds 200 with a JSON object instead of a list", {}),
    "empty-page": Kind("page", "returns an empty list", {}),
    "short-page": Kind("page", "omits the last records of a page", {"drop": Option(1, (), "records")}),
    "capped-page": Kind(
        "page", "limits every page to fewer records than requested", {"size": Option(37, (), "records at most")}
    ),
    "ignored-page": Kind("page", "returns the first page whatever page is requested", {}),
    "unordered": Kind(
        "page",
        "orders the list differently for each request, as a database without ORDER BY may",
        {"sort": Option("honoured", ("honoured", "ignored"), "honoured: requests with `sort` are ordered")},
    ),
    "overlap": Kind(
        "page",
        "starts a page with the last records of the previous one, as if records had been inserted before it; "
        "as many records are pushed off its end",
        {"count": Option(1, (), "records")},
    ),
    "duplicates": Kind(
        "sequence",
        "repeats the first records at the end, counted in the total; the later ones have another name",
        {"count": Option(1, (), "records")},
        path="any",
    ),
    "moving-total": Kind(
        "sequence",
        "advances to the next day during a run: the total changes and records shift between pages",
        {},
        times=1,
    ),
    "wrong-total": Kind(
        "sequence", "reports a wrong total", {"by": Option(1, (), "added to the total")}, path="meta"
    ),
    "new-field": Kind(
        "record",
        "adds a field",
        {
            "field": Option("rating", (), "name of the field"),
            "type": Option("number", ("number", "string", "bool", "object", "list", "null"), "type of the value"),
        },
    ),
    "missing-field": Kind("record", "omits a field", {"field": Option("country", (), "name of the field")}),
    "retyped-field": Kind(
        "record",
        "changes the type of a field",
        {
            "field": Option("name", (), "name of the field"),
            "type": Option("number", ("number", "string", "bool", "object", "list", "null"), "type of the value"),
        },
    ),
    "not-nfc": Kind("record", "sends text in Unicode NFD", {}),
    "bad-coordinates": Kind(
        "record",
        "corrupts the coordinates",
        {"kind": Option("out-of-range", ("out-of-range", "half-missing", "text"), "kind of corruption")},
    ),
    "odd-body": Kind(
        "record",
        "sends a value that JSON parsers disagree on",
        {
            "kind": Option("long-number", tuple(ODD), "kind of value; not-object replaces the whole record"),
            "field": Option("name", (), "name of the field"),
        },
    ),
    "dirty": Kind("record", "mixes every kind of invalid record into the valid ones", {}),
}
"""Fault name -> what it is."""

SCOPE: Final[dict[str, Option]] = {
    "page": Option("", (), "only these pages: `3`, `3-5` or `2+7`"),
    "path": Option("", (*ENDPOINTS, "any"), "only this endpoint"),
    "after": Option(0, (), "skip this many matching requests"),
    "every": Option(1, (), "then hit only every Nth request"),
    "times": Option(0, (), "hit at most this many requests (0: no limit)"),
    "each": Option(0, (), "hit each page at most this many times (0: no limit)"),
    "share": Option(1.0, (), "share of the requests, or of the records for a record fault, from 0 to 1"),
}
"""Options that every fault takes."""


@dataclass(frozen=True)
class Fault:
    """A fault as it was written, with every option of its kind and of SCOPE; `pages` is None for all pages."""

    name: str
    text: str
    options: dict[str, Any]
    scope: dict[str, Any]
    pages: frozenset[int] | None

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def covers(self, endpoint: str, page: int) -> bool:
        """Whether a request is within its scope, counters aside."""
        path = self.scope["path"]
        return path in ("any", endpoint) and (self.pages is None or page in self.pages)

    def picks(self, *what: object) -> bool:
        """Whether `what` (a record's id, or a page and attempt) is in its share."""
        share: float = self.scope["share"]
        return share >= 1 or hash_fraction(self.name, *what) < share


def hash_fraction(*what: object) -> float:
    """A number in [0, 1) that depends on nothing but `what`."""
    digest = blake2b(":".join(map(str, what)).encode(), digest_size=6).digest()
    return int.from_bytes(digest) / (1 << 48)


def _value(name: str, option: str, spec: Option, text: str) -> Any:
    if spec.allowed and text not in spec.allowed:
        raise UsageError(f"Fault {name}: {option}={text} is not one of {', '.join(spec.allowed)}.")
    try:
        value = type(spec.default)(text)
    except ValueError:
        raise UsageError(f"Fault {name}: {option}={text} is not a number.") from None
    if option != "by" and not isinstance(value, str) and value < 0:
        raise UsageError(f"Fault {name}: {option}={text} is below zero.")
    return value


def _pages(name: str, text: str) -> frozenset[int] | None:
    if not text:
        return None
    result: set[int] = set()
    try:
        for part in text.split("+"):
            first, _, last = part.partition("-")
            result.update(range(int(first), int(last or first) + 1))
    except ValueError:
        raise UsageError(f"Fault {name}: page={text} is not like 3, 3-5 or 2+7.") from None
    return frozenset(result)


def parse(text: str) -> Fault:
    """Reads `NAME[:option=value,...]`."""
    name, _, rest = text.partition(":")
    if name not in KINDS:
        raise unknown("fault", name, KINDS)
    kind = KINDS[name]
    options = {option: spec.default for option, spec in kind.options.items()}
    scope = {option: spec.default for option, spec in SCOPE.items()} | {"path": kind.path, "times": kind.times}
    for part in filter(None, rest.split(",")):
        option, equals, value = part.partition("=")
        known = kind.options | SCOPE
        if not equals or option not in known:
            raise UsageError(f"Fault {name} has no option {part!r}. It takes {', '.join(f'{o}=' for o in known)}.")
        target = options if option in kind.options else scope
        target[option] = _value(name, option, known[option], value)
    for error, lowest in (("client-error", 400), ("server-error", 500), ("redirect", 300)):
        if name == error and not lowest <= options["status"] <= lowest + 99:
            raise UsageError(f"Fault {name}: status has to be from {lowest} to {lowest + 99}.")
    if scope["every"] < 1:
        raise UsageError(f"Fault {name}: every has to be 1 or more.")
    return Fault(name, text, options, scope, _pages(name, scope["page"]))


@dataclass
class _Active:
    fault: Fault
    clock: Callable[[], float]
    began: float | None = None
    seen: int = 0
    fired: int = 0
    seen_on: Counter[tuple[str, int]] = field(default_factory=Counter)
    fired_on: Counter[tuple[str, int]] = field(default_factory=Counter)

    def strikes(self, endpoint: str, page: int) -> bool:
        fault, scope, where = self.fault, self.fault.scope, (endpoint, page)
        if not fault.covers(endpoint, page):
            return False
        self.seen += 1
        self.seen_on[where] += 1
        past = self.seen - scope["after"]
        if past <= 0 or past % scope["every"]:
            return False
        if (scope["times"] and self.fired >= scope["times"]) or (
            scope["each"] and self.fired_on[where] >= scope["each"]
        ):
            return False
        if fault.kind.level != "record" and not fault.picks(endpoint, page, self.seen_on[where]):
            return False
        if fault.name == "outage":
            now = self.clock()
            self.began = now if self.began is None else self.began
            if now - self.began >= fault.options["seconds"]:
                return False
        self.fired += 1
        self.fired_on[where] += 1
        return True


class FaultPlan:
    """The faults that are switched on, and their counters. Safe for use by several threads."""

    def __init__(self, faults: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._active: list[_Active] = []
        self.add(faults)

    def add(self, faults: Iterable[str]) -> None:
        """Switches faults on; all of them or, when one cannot be parsed, none."""
        new = [_Active(parse(text), self._clock) for text in faults]
        with self._lock:
            self._active.extend(new)

    def clear(self, name: str | None = None) -> None:
        """Switches off every fault, or those of one name."""
        with self._lock:
            self._active = [active for active in self._active if name is not None and active.fault.name != name]

    def listed(self) -> list[dict[str, Any]]:
        """Each fault as it was written, and how often it has struck."""
        with self._lock:
            return [{"fault": active.fault.text, "fired": active.fired} for active in self._active]

    def strike(self, endpoint: str, page: int = 1) -> list[Fault]:
        """Counts a request and returns the faults that hit it, in the order in which they were switched on."""
        with self._lock:
            return [active.fault for active in self._active if active.strikes(endpoint, page)]

    def standing(self, name: str) -> Fault | None:
        """The first fault of a name, whatever its counters say."""
        with self._lock:
            return next((active.fault for active in self._active if active.fault.name == name), None)
