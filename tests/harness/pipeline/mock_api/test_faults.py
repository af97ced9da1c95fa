"""Every fault as a client meets it, and the rules of when it strikes."""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.pipeline.mock_api import MockApi
from harness.pipeline.mock_api.damage import DIRT, damage, dirt_of
from harness.pipeline.mock_api.faults import ODD, FaultPlan, parse
from harness.pipeline.mock_api.generator import Generator

Start = Callable[..., MockApi]


def page(api: MockApi, number: int = 1, per_page: int = 10) -> requests.Response:
    return requests.get(f"{api.url}/v1/breweries", params={"page": number, "per_page": per_page}, timeout=120)


def meta(api: MockApi) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{api.url}/v1/breweries/meta", timeout=120).json()
    return body


@pytest.fixture
def api(mock_api: Start) -> MockApi:
    return mock_api(breweries=100)


@pytest.fixture
def clean(api: MockApi) -> list[dict[str, Any]]:
    """The hundred breweries without a fault."""
    return [api.catalog.at(0)[rank] for rank in range(100)]


def test_latency_delays_every_endpoint(api: MockApi) -> None:
    api.add_faults("latency:ms=150")
    for path in ("", "/meta", "/random"):
        answer = requests.get(f"{api.url}/v1/breweries{path}", timeout=120)
        assert answer.elapsed.total_seconds() >= 0.15
    assert api.app.handle("GET", "/healthz").delay_ms == 0


def test_latency_of_the_server_outlives_a_clearing_of_faults(mock_api: Start) -> None:
    api = mock_api(breweries=10, latency_ms=60)
    api.add_faults("latency:ms=60")
    assert page(api).elapsed.total_seconds() >= 0.12
    api.clear_faults()
    assert page(api).elapsed.total_seconds() >= 0.06


def test_slow_drip_sends_everything_in_pieces(api: MockApi, clean: list[dict[str, Any]]) -> None:
    api.add_faults("slow-drip:bytes=100,ms=5")
    with requests.get(f"{api.url}/v1/breweries?per_page=3", stream=True, timeout=120) as answer:
        body = b"".join(answer.iter_content(None))
    assert json.loads(body) == clean[:3]
    # `elapsed` ends with the headers; more than ten pieces of 5 ms follow them, as many as the body is long.
    assert len(body) // 100 > 10


def test_rate_limit_as_a_date(api: MockApi) -> None:
    api.add_faults("rate-limit:retry_after=30,form=date")
    before = datetime.now(UTC)
    until = parsedate_to_datetime(page(api).headers["Retry-After"])
    assert (until - before).total_seconds() >= 30
    assert (until - datetime.now(UTC)).total_seconds() <= 31


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        ("rate-limit:retry_after=7", 429, "7"),
        ("rate-limit:form=none", 429, None),
        *[(f"server-error:status={status}", status, None) for status in (500, 502, 503, 504)],
        *[(f"client-error:status={status}", status, None) for status in (400, 403, 404)],
    ],
)
def test_an_error_has_its_status_and_strikes_as_often_as_said(
    api: MockApi, fault: str, status: int, retry_after: str | None
) -> None:
    api.add_faults(f"{fault},times=1")
    answer = page(api)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert page(api).status_code == 200


@pytest.mark.parametrize("reset", [0, 1])
@pytest.mark.parametrize("at", ["before", "middle"])
def test_cut(api: MockApi, at: str, reset: int) -> None:
    api.add_faults(f"cut:at={at},reset={reset},times=1")
    error = requests.ConnectionError if at == "before" else requests.exceptions.ChunkedEncodingError
    with requests.Session() as session:
        # A connection that was used before is retried by some clients in silence; a fresh one is not.
        with pytest.raises(error, match="reset" if reset else "RemoteDisconnected|IncompleteRead"):
            session.get(f"{api.url}/v1/breweries", timeout=120)
        assert session.get(f"{api.url}/v1/breweries", timeout=120).ok


def test_truncated_with_its_last_chunk_missing(api: MockApi) -> None:
    api.add_faults("truncated:form=chunked")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        page(api)


@pytest.mark.parametrize("form", ["no-length", "short-length"])
def test_truncated_as_if_that_were_all(api: MockApi, form: str) -> None:
    whole = page(api).content
    api.add_faults(f"truncated:form={form}")
    half = page(api)
    assert half.status_code == 200
    assert half.content == whole[: len(whole) // 2]
    with pytest.raises(requests.JSONDecodeError):
        half.json()
    assert ("Content-Length" in half.headers) == (form == "short-length")


def test_not_json(api: MockApi) -> None:
    api.add_faults("not-json")
    answer = page(api)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_not_a_list(api: MockApi) -> None:
    api.add_faults("not-a-list")
    assert isinstance(page(api).json(), dict)


def test_a_redirect_goes_to_the_same_path_elsewhere(api: MockApi, mock_api: Start) -> None:
    other = mock_api(breweries=3)
    api.add_faults(f"redirect:to={other.url},status=307")
    answer = page(api, 1, 2)
    assert [response.status_code for response in answer.history] == [307]
    assert answer.url == f"{other.url}/v1/breweries?page=1&per_page=2"
    assert len(answer.json()) == 2


def test_an_outage_strikes_everything_and_ends_by_the_clock(mock_api: Start) -> None:
    now = [100.0]
    api = mock_api(breweries=10, clock=lambda: now[0])
    api.add_faults("outage:seconds=30")
    for passed in (0, 20, 29.9):
        now[0] = 100 + passed
        with pytest.raises(requests.ConnectionError):
            meta(api)
    now[0] = 130
    assert meta(api)["total"] == 10


def test_a_stale_page_has_its_age_and_what_was_there_the_day_before(mock_api: Start) -> None:
    api = mock_api(breweries=100, day=1)
    api.add_faults("stale:age=60,page=2")
    fresh, stale = page(api, 1), page(api, 2)
    assert "Age" not in fresh.headers
    assert stale.headers["Age"] == "60"
    before, after = (list(api.catalog.at(day)) for day in (0, 1))
    assert (fresh.json(), stale.json()) == (after[:10], before[10:20])


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("capped-page:size=4", {1: (0, 4), 2: (4, 8), 26: (0, 0)}),
        ("ignored-page", {1: (0, 10), 2: (0, 10), 99: (0, 10)}),
        ("empty-page:page=2", {1: (0, 10), 2: (0, 0), 3: (20, 30)}),
        ("short-page:page=2,drop=3", {2: (10, 17), 3: (20, 30)}),
        ("overlap:count=2", {1: (0, 10), 2: (8, 18)}),
    ],
)
def test_a_fault_of_pages_shows_other_breweries_than_asked_for(
    api: MockApi, clean: list[dict[str, Any]], fault: str, expected: dict[int, tuple[int, int]]
) -> None:
    api.add_faults(fault)
    assert {number: page(api, number).json() for number in expected} == {
        number: clean[first:last] for number, (first, last) in expected.items()
    }
    assert meta(api)["total"] == 100


def test_a_page_below_the_cap_has_the_size_that_is_asked_for(api: MockApi, clean: list[dict[str, Any]]) -> None:
    api.add_faults("capped-page:size=4")
    assert page(api, 2, 3).json() == clean[3:6]


@pytest.mark.parametrize("sort", ["honoured", "ignored"])
def test_an_unordered_list_has_another_order_for_each_request(
    api: MockApi, clean: list[dict[str, Any]], sort: str
) -> None:
    api.add_faults(f"unordered:sort={sort}")
    whole = [page(api, 1, 100).json() for _ in range(2)]
    assert whole[0] != whole[1]
    assert sorted(brewery["id"] for brewery in whole[0]) == sorted(brewery["id"] for brewery in clean)
    asked: dict[str, Any] = {"per_page": 100, "sort": "id:asc"}
    in_order = [requests.get(f"{api.url}/v1/breweries", params=asked, timeout=120).json() for _ in range(2)]
    assert (in_order[0] == in_order[1]) == (sort == "honoured")


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_body_is_in_place_of_a_field_or_a_record(
    api: MockApi, clean: list[dict[str, Any]], kind: str
) -> None:
    api.add_faults(f"odd-body:kind={kind},share=0.2")
    struck = [parse("odd-body:share=0.2").picks(brewery["id"]) for brewery in clean]
    expected = [
        ODD[kind]
        if odd and kind == "not-object"
        else json.dumps(brewery | ({"name": "@"} if odd else {}), ensure_ascii=False, separators=(",", ":"))
        for brewery, odd in zip(clean, struck, strict=True)
    ]
    assert any(struck)
    assert page(api, 1, 100).content.decode() == f"[{','.join(expected)}]".replace('"@"', ODD[kind])


def test_duplicates_are_counted_and_differ(api: MockApi, clean: list[dict[str, Any]]) -> None:
    api.add_faults("duplicates:count=15")
    body = meta(api)
    assert body["total"] == sum(body["by_type"].values()) == 115
    everything = [brewery for number in range(1, 13) for brewery in page(api, number).json()]
    assert everything[:100] == clean
    assert [brewery["id"] for brewery in everything[100:]] == [brewery["id"] for brewery in clean[:15]]
    assert all(again["name"] != first["name"] for again, first in zip(everything[100:], clean[:15], strict=True))


def test_moving_total_settles(api: MockApi) -> None:
    api.add_faults("moving-total:after=3")
    totals = []
    for number in range(1, 8):
        page(api, number)
        totals.append(meta(api)["total"])
    assert totals == [100, 100, 100, *[len(api.catalog.at(1))] * 4]
    assert len(api.catalog.at(1)) != 100
    assert api.day == 1


def test_moving_total_need_not_settle(api: MockApi) -> None:
    api.add_faults("moving-total:every=2,times=0")
    for number in range(1, 8):
        page(api, number)
    assert api.day == 3


def test_wrong_total(api: MockApi) -> None:
    api.add_faults("wrong-total:by=-4,every=2")
    assert [meta(api)["total"] for _ in range(4)] == [100, 96, 100, 96]


def test_a_share_of_the_records_is_the_same_on_each_request(api: MockApi) -> None:
    api.add_faults("new-field:share=0.5")
    first, again = ([brewery for number in range(1, 11) for brewery in page(api, number).json()] for _ in range(2))
    assert first == again
    assert 30 < sum("rating" in brewery for brewery in first) < 70


@pytest.mark.parametrize(
    ("fault", "gone", "more"),
    [
        ("new-field:field=taproom_hours,type=string", set(), {"taproom_hours": "text"}),
        ("missing-field:field=id", {"id"}, {}),
    ],
)
def test_a_field_is_new_or_missing_in_every_record(
    api: MockApi, clean: list[dict[str, Any]], fault: str, gone: set[str], more: dict[str, str]
) -> None:
    api.add_faults(fault)
    assert page(api).json() == [
        {name: value for name, value in brewery.items() if name not in gone} | more for brewery in clean[:10]
    ]


@pytest.mark.parametrize(
    ("written", "kind"),
    [("number", float), ("string", str), ("bool", bool), ("object", dict), ("list", list), ("null", type(None))],
)
def test_retyped_field(api: MockApi, written: str, kind: type) -> None:
    api.add_faults(f"retyped-field:field=city,type={written}")
    assert {type(brewery["city"]) for brewery in page(api).json()} == {kind}


def test_not_nfc(api: MockApi, clean: list[dict[str, Any]]) -> None:
    api.add_faults("not-nfc")
    sent = [brewery for number in range(1, 11) for brewery in page(api, number).json()]
    assert sent != clean
    for brewery, original in zip(sent, clean, strict=True):
        for field, value in original.items():
            if isinstance(value, str):
                assert brewery[field] == unicodedata.normalize("NFD", value)
                assert unicodedata.normalize("NFC", brewery[field]) == value
            else:
                assert brewery[field] == value


def test_bad_coordinates(api: MockApi) -> None:
    def coordinates(kind: str) -> list[tuple[Any, Any]]:
        api.clear_faults()
        api.add_faults(f"bad-coordinates:kind={kind}")
        return [(brewery["longitude"], brewery["latitude"]) for brewery in page(api).json()]

    assert all(abs(longitude) > 180 and abs(latitude) > 90 for longitude, latitude in coordinates("out-of-range"))
    assert all((longitude is None) != (latitude is None) for longitude, latitude in coordinates("half-missing"))
    assert all(isinstance(value, str) for pair in coordinates("text") for value in pair)


def test_faults_of_records_reach_single_answers_too_where_asked(api: MockApi, clean: list[dict[str, Any]]) -> None:
    api.add_faults("retyped-field:field=phone,type=object,path=any")
    answer = requests.get(f"{api.url}/v1/breweries/{clean[0]['id']}", timeout=120).json()
    assert answer == {**clean[0], "phone": {"value": 1}}


def test_dirty_is_a_share_of_the_records_whatever_the_paging(mock_api: Start) -> None:
    api = mock_api(breweries=1000)
    clean = [api.catalog.at(0)[rank] for rank in range(1000)]
    api.add_faults("dirty:share=0.2")

    def everything(per_page: int) -> list[dict[str, Any]]:
        return [
            brewery for number in range(1, 1000 // per_page + 1) for brewery in page(api, number, per_page).json()
        ]

    sent = everything(200)
    assert sent == everything(125)
    fault = parse("dirty:share=0.2")
    kinds = [dirt_of(fault, brewery["id"]) for brewery in clean]
    assert 150 < sum(kind is not None for kind in kinds) < 250
    assert set(kinds) == {None, *DIRT}
    for brewery, original, kind in zip(sent, clean, kinds, strict=True):
        assert brewery == (DIRT[kind](original) if kind else original)


ACCENTED = next(b for b in map(Generator(1).brewery, range(1000)) if not b["name"].isascii())


@pytest.mark.parametrize("kind", DIRT)
def test_each_kind_of_dirt_spoils_a_record(kind: str) -> None:
    assert json.dumps(DIRT[kind](ACCENTED)) != json.dumps(ACCENTED)


def test_damage_leaves_its_input_alone() -> None:
    before = json.dumps(ACCENTED)
    damage([ACCENTED], [parse("retyped-field"), parse("missing-field"), parse("new-field"), parse("dirty")])
    assert json.dumps(ACCENTED) == before


def test_the_next_two_requests_for_page_three(api: MockApi) -> None:
    api.add_faults("server-error:page=3,times=2")
    assert [page(api, number).status_code for number in (1, 3, 2, 3, 3, 1)] == [200, 503, 200, 503, 200, 200]


def test_every_page_fails_once(api: MockApi) -> None:
    api.add_faults("server-error:each=1")
    assert [page(api, number).status_code for number in (1, 2, 1, 2, 3)] == [503, 503, 200, 200, 503]


def test_a_share_of_requests_depends_on_page_and_attempt_only() -> None:
    def struck(order: list[int]) -> dict[tuple[int, int], bool]:
        plan = FaultPlan(["server-error:share=0.3"])
        result: dict[tuple[int, int], bool] = {}
        for number in order:
            attempt = sum(key[0] == number for key in result)
            result[number, attempt] = bool(plan.strike("list", number))
        return result

    forward = struck([*range(200), *range(200)])
    assert forward == struck([*reversed(range(200)), *range(200)])
    assert 60 < sum(forward.values()) < 180


@pytest.mark.parametrize(("text", "pages"), [("3", {3}), ("3-5", {3, 4, 5}), ("2+7", {2, 7}), ("1-2+9", {1, 2, 9})])
def test_pages(text: str, pages: set[int]) -> None:
    plan = FaultPlan([f"not-json:page={text}"])
    assert {number for number in range(1, 20) if plan.strike("list", number)} == pages


@given(st.integers(0, 5), st.integers(1, 4), st.integers(0, 5), st.lists(st.integers(1, 3), max_size=30))
def test_counters(after: int, every: int, times: int, order: list[int]) -> None:
    plan = FaultPlan([f"not-json:after={after},every={every},times={times}"])
    struck = [bool(plan.strike("list", number)) for number in order]
    due = [i > after and (i - after) % every == 0 for i in range(1, len(order) + 1)]
    expected = [is_due and (not times or sum(due[:i]) < times) for i, is_due in enumerate(due)]
    assert struck == expected


def test_faults_of_one_path_leave_the_others_alone(api: MockApi) -> None:
    api.add_faults("server-error:path=meta")
    assert page(api).ok
    assert requests.get(f"{api.url}/v1/breweries/meta", timeout=120).status_code == 503


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flood", "There is no fault 'flood'"),
        ("latency:speed=3", "has no option 'speed=3'"),
        ("latency:ms", "has no option 'ms'"),
        ("latency:ms=soon", "ms=soon is not a number"),
        ("latency:ms=-1", "below zero"),
        ("rate-limit:form=verse", "not one of seconds, date, none"),
        ("not-json:path=everywhere", "not one of list"),
        ("not-json:page=last", "page=last is not like"),
        ("not-json:every=0", "every has to be 1 or more"),
        ("server-error:status=404", "from 500 to 599"),
        ("client-error:status=503", "from 400 to 499"),
        ("redirect:status=404", "from 300 to 399"),
        ("odd-body:kind=even", "not one of long-number"),
    ],
)
def test_a_fault_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message) as caught:
        parse(text)
    assert caught.value.exit_code == 2
