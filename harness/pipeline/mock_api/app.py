"""Requests to answers, without a socket: routes, faults, the day, counters."""

import json
import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote

from harness.errors import HarnessError
from harness.pipeline.mock_api import query as queries
from harness.pipeline.mock_api.catalog import MAX_DAY, Catalog, Snapshot, counted_as
from harness.pipeline.mock_api.damage import damage, with_odd_bodies
from harness.pipeline.mock_api.faults import ENDPOINTS, Fault, FaultPlan, hash_fraction
from harness.pipeline.mock_api.generator import Brewery

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_T = TypeVar("_T")

API: Final = "/v1/breweries"
ADMIN: Final = "/__admin__"
_HTML: Final = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n"


@dataclass(frozen=True)
class Response:
    """An answer, and the fault that spoils its delivery, if any."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay_ms: int = 0
    delivery: Fault | None = None


def _endpoint(rest: str) -> str:
    """Which of faults.ENDPOINTS the part of a path after /v1/breweries/ is."""
    if not rest:
        return "list"
    return rest if rest in ENDPOINTS and rest not in ("list", "single") else "single"


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, _encode(value).encode())


class Stats:
    """Counts requests, those to the health and admin endpoints apart. Safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._by_path: Counter[str] = Counter()
            self._by_page: Counter[int] = Counter()
            self._by_status: Counter[int] = Counter()
            self._unknown: Counter[str] = Counter()
            self._max_concurrent = self._in_flight

    @contextmanager
    def request(self, target: str) -> Iterator[None]:
        """Counts a request as in flight for as long as the block runs."""
        path = target.partition("?")[0].rstrip("/")
        if not path.startswith("/v1/"):
            yield
            return
        if _endpoint(path.removeprefix(API).lstrip("/")) == "single":
            # One counter for all of them: a client may ask for a million.
            path = f"{API}/{{id}}"
        with self._lock:
            self._by_path[path] += 1
            self._in_flight += 1
            self._max_concurrent = max(self._max_concurrent, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def answered(self, status: int, page: int | None) -> None:
        """Counts an answer, and the page where it is one of the list."""
        with self._lock:
            self._by_status[status] += 1
            if page is not None:
                self._by_page[page] += 1

    def unknown(self, parameters: Iterable[str]) -> None:
        """Counts parameters that the endpoint does not read."""
        with self._lock:
            self._unknown.update(parameters)

    def as_json(self) -> dict[str, Any]:
        """The counters; pages and statuses as strings, as JSON has them."""
        with self._lock:
            return {
                "requests": self._by_path.total(),
                "by_path": dict(self._by_path),
                "by_page": {str(page): n for page, n in sorted(self._by_page.items())},
                "by_status": {str(status): n for status, n in sorted(self._by_status.items())},
                "unknown_parameters": dict(sorted(self._unknown.items())),
                "max_concurrent": self._max_concurrent,
            }


class _Cache:
    """The last `size` results of a computation that is worth keeping. Safe for use by several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._entries: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], _T]) -> _T:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                cached: _T = self._entries[key]
                return cached
        value = make()
        with self._lock:
            self._entries[key] = value
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return value


class Application:
    """The API's behaviour.

    Args:
        catalog: The breweries.
        plan: The faults.
        day: Which day of the catalog is shown at first.
        latency_ms: Milliseconds before every answer of the API, whatever the faults add.
        old_format: Answer as the API once did: metadata without totals by state, country and type, its numbers and
            the coordinates as strings.
    """

    def __init__(
        self, catalog: Catalog, plan: FaultPlan, *, day: int = 0, latency_ms: int = 0, old_format: bool = False
    ) -> None:
        self.catalog = catalog
        self.plan = plan
        self.stats = Stats()
        self._day = day
        self._latency_ms = latency_ms
        self._old_format = old_format
        self._lock = threading.Lock()
        self._draws = 0
        # A page of 200 is about 90 kB and a selection 8 bytes a brewery: this bounds what the server keeps.
        self._pages = _Cache(256)
        self._selections = _Cache(8)

    @property
    def day(self) -> int:
        with self._lock:
            return self._day

    @day.setter
    def day(self, day: int) -> None:
        with self._lock:
            self._day = day

    def _next_day(self) -> None:
        with self._lock:
            self._day += 1

    def handle(self, method: str, target: str, body: bytes = b"") -> Response:
        """Answers one request; the target is path and query as in the request line."""
        path, _, parameters_text = target.partition("?")
        path = path.rstrip("/")
        parameters = dict(parse_qsl(parameters_text))
        if path.startswith(ADMIN):
            return self._administer(method, path.removeprefix(ADMIN), parameters, body)
        if method != "GET":
            return _json({"message": "Method Not Allowed"}, 405)
        if path == "/healthz":
            return _json({"status": "ok", "day": self.day})
        if path != API and not path.startswith(f"{API}/"):
            return _json({"message": "Not Found"}, 404)
        return self._api(unquote(path.removeprefix(API).lstrip("/")), parameters, target)

    def _api(self, rest: str, parameters: dict[str, str], target: str) -> Response:
        endpoints: dict[str, Callable[[queries.Query, list[Fault]], Response]] = {
            "list": self._list,
            "meta": self._meta,
            "search": self._list,
            "random": lambda _, faults: self._random(parameters, faults),
            "autocomplete": lambda query, _: self._autocomplete(query),
        }
        endpoint = _endpoint(rest)
        try:
            query = queries.parse(parameters)
        except queries.BadQueryError as error:
            response = _json({"errors": [str(error)]}, 400)
            self.stats.answered(response.status, None)
            return response
        if endpoint != "search":
            query = replace(query, search=query.search if endpoint == "autocomplete" else ())
        faults = self.plan.strike(endpoint, query.page)
        replaced = _instead(faults, target)
        if replaced is None and any(fault.name == "moving-total" for fault in faults):
            self._next_day()
        if replaced is not None:
            response = replaced
        elif endpoint in endpoints:
            response = endpoints[endpoint](query, faults)
        else:
            response = self._single(rest, faults)
        self.stats.answered(response.status, query.page if endpoint == "list" else None)
        headers = dict(response.headers)
        if response.status == 200:
            headers |= {
                "Cache-Control": "max-age=86400, public",
                "ETag": f'W/"{sha256(response.body).hexdigest()[:32]}"',
            }
            headers.update(("Age", str(fault.options["age"])) for fault in faults if fault.name == "stale")
        if unknown := parameters.keys() - queries.KNOWN[endpoint]:
            self.stats.unknown(unknown)
            # The API itself ignores them; whoever tests a client against this one wants to know.
            headers["Warning"] = f'299 mock-api "unknown: {" ".join(sorted(map(quote, unknown)))}"'
        return replace(
            response,
            headers=headers,
            delay_ms=self._latency_ms + sum(f.options["ms"] for f in faults if f.name == "latency"),
            delivery=next((f for f in faults if f.name in ("outage", "cut", "truncated", "slow-drip")), None),
        )

    def _selection(self, day: int, query: queries.Query) -> "array[int]":
        key = (day, replace(query, page=1, per_page=1))
        return self._selections.get(key, lambda: queries.select(self.catalog.at(day), query))

    def _total(self, day: int, query: queries.Query) -> int:
        if query.selects_all:
            return len(self.catalog.at(day)) + self._repeated(day)
        return len(self._selection(day, query))

    def _repeated(self, day: int) -> int:
        """How many of the first records the list holds once more at its end."""
        fault = self.plan.standing("duplicates")
        return min(fault.options["count"], len(self.catalog.at(day))) if fault else 0

    def _records(self, day: int, query: queries.Query, start: int, stop: int) -> list[Brewery]:
        snapshot = self.catalog.at(day)
        if not query.selects_all:
            return [snapshot[rank] for rank in self._selection(day, query)[start:stop]]
        if query.by_id:
            own = snapshot.by_id(start, stop)
        else:
            own = [snapshot[rank] for rank in range(start, min(stop, len(snapshot)))]
        first, last = max(start, len(snapshot)), min(stop, self._total(day, query))
        again = (snapshot[rank - len(snapshot)] for rank in range(first, last))
        return own + [{**brewery, "name": f"{brewery['name']} (again)"} for brewery in again]

    def _sent(self, breweries: list[Brewery]) -> Response:
        if self._old_format:
            breweries = [
                {
                    name: str(value)
                    if name in ("longitude", "latitude") and isinstance(value, int | float)
                    else value
                    for name, value in brewery.items()
                }
                for brewery in breweries
            ]
        return _json(breweries)

    def _unordered(self, day: int, start: int, stop: int) -> list[Brewery]:
        """As `_records` of the whole list, in an order that no other request has."""
        snapshot = self.catalog.at(day)
        with self._lock:
            self._draws += 1
            draw = self._draws
        ranks = sorted(range(len(snapshot)), key=lambda rank: hash_fraction("unordered", draw, rank))
        return [snapshot[rank] for rank in ranks[start:stop]]

    def _list(self, query: queries.Query, faults: list[Fault]) -> Response:
        day = self.day
        names = {fault.name: fault for fault in faults}
        if "stale" in names:
            day = max(0, day - 1)
        if "capped-page" in names:
            query = replace(query, per_page=min(query.per_page, names["capped-page"].options["size"]))
        if "ignored-page" in names:
            query = replace(query, page=1)
        per_page = query.per_page
        start = (query.page - 1) * per_page
        if not any(fault.kind.level in ("page", "record") for fault in faults):
            key = (day, query, self._repeated(day))
            return self._pages.get(key, lambda: self._sent(self._records(day, query, start, start + per_page)))
        records = self._records(day, query, start, start + per_page)
        for fault in faults:
            if fault.name == "empty-page":
                records = []
            elif fault.name == "short-page":
                records = records[: max(0, len(records) - fault.options["drop"])]
            elif fault.name == "unordered" and not (query.sort and fault.options["sort"] == "honoured"):
                records = self._unordered(day, start, start + per_page)
            elif fault.name == "overlap" and records:
                back = min(fault.options["count"], start)
                records = self._records(day, query, start - back, start + len(records) - back)
        sent = self._sent(damage(records, faults))
        return replace(sent, body=with_odd_bodies(sent.body)) if "odd-body" in names else sent

    def _meta(self, query: queries.Query, faults: list[Fault]) -> Response:
        day = self.day
        snapshot = self.catalog.at(day)
        if query.selects_all:
            counts = Counter(snapshot.counts)
            counts.update(counted_as(snapshot[rank]) for rank in range(self._repeated(day)))
        else:
            counts = Counter(counted_as(snapshot[rank]) for rank in self._selection(day, query))
        body = queries.totals(counts, query)
        body["total"] += sum(fault.options["by"] for fault in faults if fault.name == "wrong-total")
        if self._old_format:
            body = {name: str(body[name]) for name in ("total", "page", "per_page")}
        return _json(body)

    def _single(self, brewery_id: str, faults: list[Fault]) -> Response:
        brewery = self.catalog.at(self.day).find(brewery_id)
        if brewery is None:
            return _json({"message": "Couldn't find Brewery"}, 404)
        sent = self._sent(damage([brewery], faults))
        # One object instead of a list of one.
        return replace(sent, body=sent.body[1:-1])

    def _random(self, parameters: dict[str, str], faults: list[Fault]) -> Response:
        try:
            size = min(queries.MAX_RANDOM, max(1, int(parameters.get("size", "1"))))
        except ValueError:
            size = 1
        with self._lock:
            self._draws += 1
            draw = self._draws
        snapshot = self.catalog.at(self.day)
        return self._sent(damage(_drawn(snapshot, draw, size), faults))

    def _autocomplete(self, query: queries.Query) -> Response:
        snapshot = self.catalog.at(self.day)
        ranks = self._selection(snapshot.day, query)[: queries.MAX_AUTOCOMPLETE]
        return _json([{"id": snapshot[rank]["id"], "name": snapshot[rank]["name"]} for rank in ranks])

    def _administer(self, method: str, path: str, parameters: dict[str, str], body: bytes) -> Response:
        try:
            wanted = json.loads(body) if body else {}
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict):
            return _json({"message": "The body has to be a JSON object."}, 400)
        match method, path:
            case "GET", "/stats":
                return _json(self.stats.as_json())
            case "DELETE", "/stats":
                self.stats.reset()
                return _json(self.stats.as_json())
            case "GET", "/faults":
                return _json({"faults": self.plan.listed()})
            case "POST", "/faults":
                texts = wanted.get("faults", [wanted.get("fault")])
                if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                    return _json({"message": 'Say {"fault": "NAME:option=value"} or {"faults": [...]}.'}, 400)
                try:
                    self.plan.add(texts)
                except HarnessError as error:
                    return _json({"message": str(error)}, 400)
                return _json({"faults": self.plan.listed()})
            case "DELETE", "/faults":
                self.plan.clear(parameters.get("name"))
                return _json({"faults": self.plan.listed()})
            case "GET", "/day":
                return _json({"day": self.day})
            case "POST", "/day":
                day = wanted.get("day", self.day + 1)
                if not isinstance(day, int) or isinstance(day, bool) or not 0 <= day <= MAX_DAY:
                    return _json(
                        {"message": f'Say {{"day": N}} with N from 0 to {MAX_DAY}, or {{}} for the next day.'}, 400
                    )
                self.day = day
                return _json({"day": day})
            case _:
                return _json({"message": "Not Found"}, 404)


def _drawn(snapshot: Snapshot, draw: int, size: int) -> list[Brewery]:
    """Different breweries, chosen by the number of the draw alone."""
    ranks: dict[int, None] = {}
    attempt = 0
    while len(ranks) < min(size, len(snapshot)):
        ranks.setdefault(int(hash_fraction("random", draw, attempt) * len(snapshot)))
        attempt += 1
    return [snapshot[rank] for rank in ranks]


def _instead(faults: list[Fault], target: str) -> Response | None:
    """The answer of the first fault that answers in the API's place."""
    for fault in faults:
        match fault.name:
            case "rate-limit":
                return replace(_json({"message": "Too Many Requests"}, 429), headers=_retry_after(**fault.options))
            case "server-error":
                return _json({"message": "Internal Server Error"}, fault.options["status"])
            case "redirect":
                where = {"Location": f"{fault.options['to']}{target}"}
                return replace(_json({"message": "Moved"}, fault.options["status"]), headers=where)
            case "client-error":
                return _json({"message": "Forbidden"}, fault.options["status"])
            case "not-json":
                return Response(200, _HTML, content_type="text/html; charset=utf-8")
            case "not-a-list":
                return _json({"message": "Something else than a list"})
    return None


def _retry_after(retry_after: int, form: str) -> dict[str, str]:
    """The Retry-After header in either form of RFC 9110, section 10.2.3."""
    if form == "none":
        return {}
    if form == "seconds":
        return {"Retry-After": str(retry_after)}
    # The date has whole seconds; rounding up keeps the promise that the wait is long enough.
    when = datetime.now(UTC) + timedelta(seconds=retry_after + 1)
    return {"Retry-After": format_datetime(when, usegmt=True)}
