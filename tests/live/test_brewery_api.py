from collections.abc import Iterator

import pytest
import requests

from harness.pipeline.mock_api import MockApi
from tests.live.brewery_api import BreweryApi


@pytest.fixture(scope="module")
def api() -> Iterator[MockApi]:
    with MockApi(breweries=450) as api:
        yield api


def test_every_record_of_a_day_is_read_in_order(api: MockApi) -> None:
    client = BreweryApi(api.url)
    client.show(2)
    assert client.records() == api.catalog.at(2).by_id(0, 1_000)


def test_faults_are_those_asked_for_and_no_others(api: MockApi) -> None:
    client = BreweryApi(api.url)
    client.show(0, ["duplicates:count=2"])
    assert len(client.records()) == len(api.catalog.at(0)) + 2
    client.show(0, ["new-field:field=rating"])
    records = client.records()
    assert len(records) == len(api.catalog.at(0))
    assert {record["rating"] for record in records} == {4.5}
    client.clear_faults()
    assert "rating" not in client.records()[0]


def test_an_unknown_fault_is_an_error(api: MockApi) -> None:
    with pytest.raises(requests.HTTPError):
        BreweryApi(api.url).show(0, ["no-such-fault"])
    BreweryApi(api.url).clear_faults()
