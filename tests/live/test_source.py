"""Driving the mocked API over HTTP."""

from collections.abc import Iterator

import pytest
import requests

from harness.pipeline.mock_api import MockApi
from tests.live.source import Source


@pytest.fixture(scope="module")
def api() -> Iterator[MockApi]:
    with MockApi(breweries=450) as api:
        yield api


def test_every_record_of_a_day_is_read_in_order(api: MockApi) -> None:
    source = Source(api.url)
    source.show(2)
    assert source.records() == list(api.catalog.at(2))


def test_faults_are_those_asked_for_and_no_others(api: MockApi) -> None:
    source = Source(api.url)
    source.show(0, ["duplicates:count=2"])
    assert len(source.records()) == len(api.catalog.at(0)) + 2
    source.show(0, ["new-field:field=rating"])
    records = source.records()
    assert len(records) == len(api.catalog.at(0))
    assert {record["rating"] for record in records} == {4.5}
    source.clear_faults()
    assert "rating" not in source.records()[0]


def test_an_unknown_fault_is_an_error(api: MockApi) -> None:
    with pytest.raises(requests.HTTPError):
        Source(api.url).show(0, ["no-such-fault"])
    Source(api.url).clear_faults()


def test_requests_are_counted(api: MockApi) -> None:
    source = Source(api.url)
    before = source.stats()["requests"]
    source.records()
    assert source.stats()["requests"] == before + 3
