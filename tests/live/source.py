"""Drives the mocked Brewery API of a cluster, and reads what it shows.

>>> source = Source("http://127.0.0.1:8000")
>>> source.show(1, ["dirty:share=0.02"])
>>> len(source.records())
4012
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import requests

from tests.oracle.lakehouse import PAGE_SIZE

_TIMEOUT: Final = (5, 30)
"""Seconds to connect and to answer."""


class Source:
    """The mocked API at a base URL, without a final slash."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet."""
        self.url = url
        self._session = requests.Session()

    def show(self, day: int, faults: Iterable[str] = ()) -> None:
        """Show a day of the data, with these faults and no others.

        Raises:
            requests.RequestException: It does not answer, or knows no such day or fault.
        """
        self.clear_faults()
        self._ask("POST", "/__admin__/day", {"day": day})
        self.add_faults(*faults)

    def add_faults(self, *faults: str) -> None:
        """Switch faults on.

        Raises:
            requests.RequestException: It does not answer, or knows no such fault.
        """
        if faults:
            self._ask("POST", "/__admin__/faults", {"faults": list(faults)})

    def clear_faults(self) -> None:
        """Switch every fault off.

        Raises:
            requests.RequestException: It does not answer.
        """
        self._ask("DELETE", "/__admin__/faults")

    def stats(self) -> Mapping[str, Any]:
        """Counters of the requests that it has answered.

        Raises:
            requests.RequestException: It does not answer.
        """
        found: Mapping[str, Any] = self._ask("GET", "/__admin__/stats")
        return found

    def records(self) -> list[dict[str, Any]]:
        """Every record in the order of the pages, as whoever reads page after page gets them now.

        Raises:
            requests.RequestException: It does not answer.
        """
        found: list[dict[str, Any]] = []
        while True:
            page = len(found) // PAGE_SIZE + 1
            records = self._ask("GET", f"/v1/breweries?page={page}&per_page={PAGE_SIZE}")
            found += records
            if len(records) < PAGE_SIZE:
                return found

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer.json()
