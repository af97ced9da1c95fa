"""Servers with pages of their own, which the mock API does not have; and lists that hold breweries twice."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from brewery.errors import ApiRefusedError, SourceMovedError
from tests.dags.brewery.conftest import Lake
from tests.dags.brewery.test_client import send, serving

PageOf = Callable[[list[dict[str, Any]], int, int], list[dict[str, Any]]]
"""Records, page and size of a page -> what the server answers."""

BREWERIES = [{"id": f"{number:04d}", "name": f"Brewery {number}"} for number in range(420)]


def answering(
    page_of: PageOf, records: list[dict[str, Any]] | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        everything = BREWERIES if records is None else records
        asked = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        if handler.path.startswith("/v1/breweries/meta"):
            send(handler, json.dumps({"total": len(everything)}).encode())
        else:
            send(handler, json.dumps(page_of(everything, int(asked["page"]), int(asked["per_page"]))).encode())

    return answer


def cut(records: list[dict[str, Any]], page: int, size: int) -> list[dict[str, Any]]:
    return records[(page - 1) * size : page * size]


@pytest.mark.parametrize(
    ("page_of", "pages"),
    [
        pytest.param(lambda records, page, _: cut(records, page, 37), 12, id="a fixed size"),
        pytest.param(lambda records, page, _: cut(records, page, 300), 2, id="more than requested"),
        pytest.param(lambda records, _page, _size: records, 1, id="everything in each answer"),
        pytest.param(
            lambda records, page, size: records[(page - 1) * size :][: min(size, 30)], 14, id="limited, counted on"
        ),
        pytest.param(
            lambda records, page, size: cut(records, page, size if size in (10, 25) else 25), 17, id="a choice"
        ),
        pytest.param(
            lambda records, page, size: cut(records, page, max(1, min(size, 40) - 1) if size > 39 else size),
            11,
            id="one less than the limit",
        ),
    ],
)
def test_a_server_is_read_at_its_own_page_size(lake: Lake, page_of: PageOf, pages: int) -> None:
    with serving(answering(page_of)) as url:
        result = lake.ingest(url)
    assert (result.records, result.pages, result.fresh_starts) == (420, pages, 0)
    assert lake.validate().records == 420


def test_a_page_size_that_shrinks_with_each_request_is_refused(lake: Lake) -> None:
    with (
        serving(answering(lambda records, page, size: cut(records, page, size - 1))) as url,
        pytest.raises(SourceMovedError, match="page 1 has 46 records instead of 47"),
    ):
        lake.ingest(url)


@pytest.mark.parametrize("count", [420, 400])
def test_a_server_that_ignores_the_page_is_reported_as_such(lake: Lake, count: int) -> None:
    with (
        serving(answering(lambda records, _, size: records[:size], BREWERIES[:count])) as url,
        pytest.raises(ApiRefusedError, match=rf"ignores the parameter `page` and only 50 of {count} breweries"),
    ):
        lake.ingest(url)


@pytest.mark.parametrize(
    "twice",
    [
        pytest.param(BREWERIES + BREWERIES[:7], id="at the end"),
        pytest.param(sorted(BREWERIES + BREWERIES[40:60], key=lambda one: one["id"]), id="side by side"),
        pytest.param([BREWERIES[0]] * 60 + BREWERIES, id="more than a page of one"),
    ],
)
def test_breweries_that_the_source_itself_lists_twice_are_kept(lake: Lake, twice: list[dict[str, Any]]) -> None:
    with serving(answering(cut, twice)) as url:
        result = lake.ingest(url)
    assert (result.records, result.fresh_starts) == (len(twice), 0)


@pytest.mark.parametrize("status", [400, 422])
def test_an_api_that_takes_no_order_is_read_without(lake: Lake, status: int) -> None:
    in_order = answering(cut)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "sort=" in handler.path:
            send(handler, b"{}", status)
        else:
            in_order(handler)

    with serving(answer) as url:
        result = lake.ingest(url)
    assert (result.records, result.fresh_starts) == (420, 0)


def test_an_api_that_takes_no_request_is_refused(lake: Lake) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/v1/breweries/meta"):
            send(handler, b'{"total":7}')
        else:
            send(handler, b"{}", 400)

    with serving(answer) as url, pytest.raises(ApiRefusedError, match="with status 400"):
        lake.ingest(url)


def test_one_removed_and_another_added_while_pages_are_read_is_drift(lake: Lake) -> None:
    breweries = [{"id": f"{number:04d}", "brewery_type": "nano"} for number in range(420)]
    later = [*breweries[1:], {"id": "0420", "brewery_type": "micro"}]
    seen: list[int] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = {
            name: int(values[0])
            for name, values in parse_qs(urlsplit(handler.path).query).items()
            if name != "sort"
        }
        current = later if len(seen) > 4 else breweries
        if handler.path.startswith("/v1/breweries/meta"):
            counts = Counter(one["brewery_type"] for one in current)
            send(handler, json.dumps({"total": 420, "by_type": counts, "asked": len(seen)}).encode())
        else:
            seen.append(asked["page"])
            send(handler, json.dumps(cut(current, asked["page"], asked["per_page"])).encode())

    with serving(answer) as url:
        result = lake.ingest(url, concurrency=1)
    # Nothing but the counts by type shows that the first attempt lacks a brewery.
    assert (result.records, result.fresh_starts) == (420, 1)


def alternating(*lists: list[dict[str, Any]]) -> PageOf:
    """Servers behind one address, each with an order of its own, which answer in turn."""
    turn: Iterator[int] = iter(range(10**9))
    return lambda _, page, size: cut(lists[next(turn) % len(lists)], page, size)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([BREWERIES, BREWERIES[::-1]], id="two orders"),
        pytest.param([BREWERIES, BREWERIES[210:] + BREWERIES[:210], BREWERIES[::-1]], id="three orders"),
        pytest.param([BREWERIES[:210] + BREWERIES[:210], BREWERIES], id="a copy that lost half"),
    ],
)
@pytest.mark.parametrize("first", range(4))
def test_servers_that_do_not_agree_are_not_taken_for_one_list(
    lake: Lake, lists: list[list[dict[str, Any]]], first: int, concurrency: int
) -> None:
    servers = alternating(*lists)
    for _ in range(first):
        servers([], 1, 1)
    with serving(answering(servers)) as url, pytest.raises(SourceMovedError):
        lake.ingest(url, concurrency=concurrency)


def test_values_as_field_names_are_refused_while_pages_arrive(lake: Lake) -> None:
    """One record each on pages 1 and 4 has 600 fields that only it has."""
    breweries = [{"id": str(number), "name": "x"} for number in range(12)]
    for number in (0, 6):
        breweries[number] |= {f"{number}-{field}": "x" for field in range(600)}
    asked: list[int] = []

    def page_of(records: list[dict[str, Any]], page: int, size: int) -> list[dict[str, Any]]:
        asked.append(page)
        return cut(records, page, size)

    with serving(answering(page_of, breweries)) as url, pytest.raises(ApiRefusedError) as error:
        lake.ingest(url, page_size=2, concurrency=1)
    assert str(error.value).startswith(f"The breweries at {url}/v1 have more than 1,000 unknown fields ('0-0', ")
    assert max(asked) < 6
    assert not lake.tree()
