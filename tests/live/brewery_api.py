"""Drives the mock API of a cluster, and reads what it shows."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import requests

from tests.oracle.lakehouse import PAGE_SIZE

_TIMEOUT: Final = 120
"""Seconds to connect, and to answer."""


class BreweryApi:
    """The mock API at a base URL, without a final slash; what it refuses is a `requests.RequestException`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def show(self, day: int, faults: Iterable[str] = ()) -> None:
        """Shows a day of the data, with these faults and no others."""
        self.clear_faults()
        self._ask("POST", "/__admin__/day", {"day": day})
        self.add_faults(*faults)

    def add_faults(self, *faults: str) -> None:
        if faults:
            self._ask("POST", "/__admin__/faults", {"faults": list(faults)})

    def clear_faults(self) -> None:
        self._ask("DELETE", "/__admin__/faults")

    def stats(self) -> Mapping[str, Any]:
        """Counters of the requests that it has answered."""
        counters: Mapping[str, Any] = self._ask("GET", "/__admin__/stats")
        return counters

    def records(self) -> list[dict[str, Any]]:
        """Every record in the order of the pages."""
        records: list[dict[str, Any]] = []
        while True:
            number = len(records) // PAGE_SIZE + 1
            page = self._ask("GET", f"/v1/breweries?page={number}&per_page={PAGE_SIZE}&sort=id:asc")
            records += page
            if len(page) < PAGE_SIZE:
                return records

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer.json()
