"""The contract of every route, as documented at https://www.openbrewerydb.org/documentation."""

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from brewery.contract.fields import KNOWN_BREWERY_TYPES, SOURCE_FIELDS
from harness.pipeline.mock_api import MockApi, query
from harness.pipeline.mock_api.generator import FIELDS

Start = Callable[..., MockApi]

ORDER = [
    *("id", "name", "brewery_type", "address_1", "address_2", "address_3", "city", "state_province"),
    *("postal_code", "country", "longitude", "latitude", "phone", "website_url", "state", "street"),
]


def record(number: int, **fields: Any) -> dict[str, Any]:
    """A record with every field; those of the place and name may be set."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "name": f"Brewery {number}",
        "brewery_type": "micro",
        "address_1": "1 Main St",
        "address_2": None,
        "address_3": None,
        "city": "Springfield",
        "state_province": "Ohio",
        "postal_code": "44107-1234",
        "country": "United States",
        "longitude": -80.0,
        "latitude": 40.0,
        "phone": "5551234567",
        "website_url": None,
        "state": "Ohio",
        "street": "1 Main St",
    } | fields


FEW = [
    record(1, name="Beta Dog", brewery_type="nano", city="San Diego", state_province="California", latitude=32.7),
    record(2, name="alpha", brewery_type="micro", postal_code="44107"),
    record(
        3,
        name="Gamma",
        country="South Korea",
        state_province="Seoul",
        city="Gangnam-gu",
        latitude=37.5,
        longitude=127.0,
    ),
    record(
        4,
        name="Café Köln",
        country="Germany",
        state_province="Nordrhein-Westfalen",
        city="Köln",
        latitude=50.9,
        longitude=6.9,
        postal_code="50667",
    ),
    record(5, name="Delta Dog", brewery_type="nano", latitude=None, longitude=None, postal_code="90210"),
]


@pytest.fixture
def get(mock_api: Start) -> Callable[..., Any]:
    """Asks an API that holds FEW."""
    api = mock_api(data=[dict(one) for one in FEW])

    def ask(path: str = "", status: int = 200, **parameters: Any) -> Any:
        answer = requests.get(f"{api.url}/v1/breweries{path}", params=parameters, timeout=120)
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Content-Length"] == str(len(answer.content))
        return answer.json()

    return ask


def numbers(breweries: list[dict[str, Any]]) -> list[int]:
    return [int(brewery["id"][-4:]) for brewery in breweries]


def test_constants_agree_with_the_contract() -> None:
    assert list(FIELDS) == ORDER
    assert set(FIELDS) == set(SOURCE_FIELDS)
    assert set(query.BREWERY_TYPES) == KNOWN_BREWERY_TYPES


def test_list_keeps_order_fields_and_types(get: Callable[..., Any]) -> None:
    breweries = get()
    assert breweries == FEW
    assert [list(brewery) for brewery in breweries] == [ORDER] * 5


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"by_city": "san_diego"}, [1]),
        ({"by_city": "springfield"}, [2, 5]),
        ({"by_city": "köln"}, [4]),
        ({"by_country": "south_korea"}, [3]),
        ({"by_country": "South Korea"}, [3]),
        ({"by_country": "korea"}, []),
        ({"by_state": "ohio"}, [2, 5]),
        ({"by_name": "dog"}, [1, 5]),
        ({"by_type": "nano"}, [1, 5]),
        ({"by_postal": "44107"}, [1, 2, 3]),
        ({"by_postal": "44107_1234"}, [1, 3]),
        ({"by_postal": "44107-1234"}, [1, 3]),
        ({"by_ids": f"{FEW[3]['id']},{FEW[0]['id']},unknown"}, [1, 4]),
        ({"by_type": "nano", "by_state": "california"}, [1]),
        ({"sort": "name"}, [2, 1, 4, 5, 3]),
        ({"sort": "name:desc"}, [3, 5, 4, 1, 2]),
        ({"sort": "type,name:desc"}, [3, 4, 2, 5, 1]),
        ({"sort": "type:desc,name:asc"}, [1, 5, 2, 4, 3]),
        ({"by_dist": "37.6,127.1"}, [3, 4, 2, 1, 5]),
        ({"by_dist": "32.0,-80.0", "by_country": "united_states"}, [1, 2, 5]),
        ({"per_page": 2, "page": 2}, [3, 4]),
        ({"per_page": 2, "page": 4}, []),
        ({"per_page": 0}, [1]),
        ({"per_page": "many", "page": "first"}, [1, 2, 3, 4, 5]),
        ({"page": -3}, [1, 2, 3, 4, 5]),
        ({"unknown": "x"}, [1, 2, 3, 4, 5]),
        ({"sort": "*bob"}, [1, 2, 3, 4, 5]),
        ({"sort": "colour,name"}, [2, 1, 4, 5, 3]),
        ({"sort": "name:sideways"}, [2, 1, 4, 5, 3]),
        ({"sort": "id:asc"}, [1, 2, 3, 4, 5]),
        ({"sort": "id:desc"}, [5, 4, 3, 2, 1]),
        ({"by_city": "San+Diego"}, [1]),
        ({"exclude_types": "nano"}, [2, 3, 4]),
        ({"exclude_types": "nano,micro"}, []),
        ({"exclude_types": "nano", "by_state": "ohio"}, [2]),
    ],
)
def test_list_parameters(get: Callable[..., Any], parameters: dict[str, Any], expected: list[int]) -> None:
    assert numbers(get(**parameters)) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"by_type": "lemonade"}, "Brewery type must include one of these types"),
        ({"by_dist": "north"}, "by_dist"),
        ({"by_dist": "nan,0"}, "by_dist"),
        ({"by_dist": "91,0"}, "by_dist"),
    ],
)
def test_refused_parameters(get: Callable[..., Any], parameters: dict[str, str], message: str) -> None:
    assert message in get(status=400, **parameters)["errors"][0]


def test_a_page_holds_50_by_default_and_200_at_most(mock_api: Start) -> None:
    url = f"{mock_api(breweries=450).url}/v1/breweries"
    sizes = {
        size: len(requests.get(url, params={"per_page": size}, timeout=120).json()) for size in ("", "200", "500")
    }
    assert sizes == {"": 50, "200": 200, "500": 200}


def test_of_many_ids_fifty_count(mock_api: Start) -> None:
    api = mock_api(breweries=60)
    ids = ",".join(brewery["id"] for brewery in api.catalog.at(0))
    url = f"{api.url}/v1/breweries"
    assert len(requests.get(f"{url}?per_page=200", params={"by_ids": ids}, timeout=120).json()) == 50
    assert requests.get(f"{url}/meta", params={"by_ids": ids}, timeout=120).json()["total"] == 50


@pytest.mark.parametrize("path", ["", "/meta", "/random", f"/{FEW[0]['id']}"])
def test_an_answer_may_be_kept_for_a_day(mock_api: Start, path: str) -> None:
    url = f"{mock_api(data=[dict(one) for one in FEW]).url}/v1/breweries{path}"
    first, second = requests.get(url, timeout=120), requests.get(url, timeout=120)
    assert first.headers["Cache-Control"] == "max-age=86400, public"
    assert first.headers["ETag"].startswith('W/"')
    if path != "/random":
        assert first.headers["ETag"] == second.headers["ETag"]


def test_an_error_is_not_to_be_kept(mock_api: Start) -> None:
    answer = requests.get(f"{mock_api(breweries=1).url}/v1/breweries/unknown", timeout=120)
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize(
    ("path", "parameters", "unknown"),
    [
        ("", {"page": "invalid", "sort": "*bob", "id": 42, "brewery[id]": 42}, ["brewery[id]", "id"]),
        ("", {"exclude_type": "nano"}, ["exclude_type"]),
        ("", {"query": "dog"}, ["query"]),
        ("/meta", {"sort": "name"}, ["sort"]),
        ("/random", {"per_page": 3}, ["per_page"]),
        ("", {"a\r\nb": "x"}, ["a\r\nb"]),
    ],
)
def test_a_parameter_that_nobody_reads_is_answered_and_told(
    mock_api: Start, path: str, parameters: dict[str, Any], unknown: list[str]
) -> None:
    api = mock_api(data=[dict(one) for one in FEW])
    answer = requests.get(f"{api.url}/v1/breweries{path}", params=parameters, timeout=120)
    assert answer.status_code == 200
    assert answer.headers["Warning"] == f'299 mock-api "unknown: {" ".join(map(quote, unknown))}"'
    assert api.stats()["unknown_parameters"] == dict.fromkeys(unknown, 1)
    assert "Warning" not in requests.get(f"{api.url}/v1/breweries?per_page=3", timeout=120).headers


def test_one_brewery_is_found_by_its_id_alone(get: Callable[..., Any]) -> None:
    assert get(f"/{FEW[3]['id']}") == FEW[3]
    for unknown in ("b54b16e1-ac3b-4bff-a11f-f7ae9ddc27e0", "madtree-brewing-cincinnati"):
        assert get(f"/{unknown}", status=404) == {"message": "Couldn't find Brewery"}


def test_meta(get: Callable[..., Any]) -> None:
    assert get("/meta", per_page=3, page=2) == {
        "total": 5,
        "page": 2,
        "per_page": 3,
        "by_state": {"California": 1, "Nordrhein-Westfalen": 1, "Ohio": 2, "Seoul": 1},
        "by_country": {"Germany": 1, "South Korea": 1, "United States": 3},
        "by_type": {"micro": 3, "nano": 2},
    }


def test_meta_honours_filters(get: Callable[..., Any]) -> None:
    meta = get("/meta", by_country="united_states", by_type="nano")
    assert meta["total"] == 2
    assert meta["by_state"] == {"California": 1, "Ohio": 1}
    assert meta["by_type"] == {"nano": 2}
    assert get("/meta", exclude_types="nano")["by_type"] == {"micro": 3}


def test_random_gives_different_breweries_and_other_ones_each_time(mock_api: Start) -> None:
    url = f"{mock_api(breweries=1000).url}/v1/breweries/random"

    def draw(**parameters: Any) -> list[str]:
        return [brewery["id"] for brewery in requests.get(url, params=parameters, timeout=120).json()]

    assert len(draw()) == 1
    first, second = draw(size=50), draw(size=80)
    assert len(set(first)) == len(set(second)) == 50
    assert first != second


def test_random_of_few_breweries_gives_them_all(get: Callable[..., Any]) -> None:
    assert sorted(numbers(get("/random", size=50))) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "expected"), [("dog", [1, 5]), ("DOG san_diego", [1]), ("köln café", [4]), ("nothing", [])]
)
def test_only_a_search_reads_query_and_it_is_paged(get: Callable[..., Any], text: str, expected: list[int]) -> None:
    assert numbers(get("/search", query=text)) == expected
    assert numbers(get("/search", query=text, per_page=1, page=2)) == expected[1:2]
    assert numbers(get(query=text)) == [1, 2, 3, 4, 5]


def test_autocomplete_gives_names_and_ids(mock_api: Start, get: Callable[..., Any]) -> None:
    assert get("/autocomplete", query="dog") == [
        {"id": FEW[0]["id"], "name": "Beta Dog"},
        {"id": FEW[4]["id"], "name": "Delta Dog"},
    ]
    url = f"{mock_api(breweries=500).url}/v1/breweries/autocomplete"
    assert len(requests.get(url, params={"query": "brew"}, timeout=120).json()) == 15


def test_old_format(mock_api: Start) -> None:
    url = f"{mock_api(data=[dict(one) for one in FEW], old_format=True).url}/v1/breweries"
    assert requests.get(f"{url}/meta", timeout=120).json() == {"total": "5", "page": "1", "per_page": "50"}
    first, *_, last = requests.get(url, timeout=120).json()
    assert (first["longitude"], first["latitude"]) == ("-80.0", "32.7")
    assert last["longitude"] is None
    assert requests.get(f"{url}/{first['id']}", timeout=120).json()["latitude"] == "32.7"


def test_other_paths_and_methods(mock_api: Start) -> None:
    url = mock_api(breweries=3).url
    assert requests.get(f"{url}/v2/breweries", timeout=120).status_code == 404
    assert requests.get(f"{url}/v1/breweries-x", timeout=120).status_code == 404
    assert requests.post(f"{url}/v1/breweries", timeout=120).status_code == 405
    assert (
        requests.get(f"{url}/v1/breweries/", timeout=120).json()
        == requests.get(f"{url}/v1/breweries", timeout=120).json()
    )
    assert requests.get(f"{url}/healthz", timeout=120).json() == {"status": "ok", "day": 0}


def test_distance_is_the_great_circle() -> None:
    # A quarter of the equator, and a degree of longitude at 60 degrees north by the spherical law of cosines.
    assert query.distance((0.0, 0.0), record(1, latitude=0.0, longitude=90.0)) == pytest.approx(math.pi / 2)
    north = math.radians(60)
    cosines = math.acos(math.sin(north) ** 2 + math.cos(north) ** 2 * math.cos(math.radians(1)))
    assert query.distance((60.0, 10.0), record(1, latitude=60.0, longitude=11.0)) == pytest.approx(cosines)


def test_an_empty_api_answers(mock_api: Start) -> None:
    api = mock_api(breweries=0, day=3)
    url = f"{api.url}/v1/breweries"
    assert requests.get(url, timeout=120).json() == []
    assert requests.get(f"{url}/random", timeout=120).json() == []
    assert requests.get(f"{url}/meta", timeout=120).json()["total"] == 0
