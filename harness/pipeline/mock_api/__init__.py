"""A mock of the Open Brewery DB v1 API: deterministic data at any size, several days of it, faults on demand.

with MockApi(breweries=12_000, faults=["latency:ms=200"]) as api:
    requests.get(f"{api.url}/v1/breweries", params={"page": 1, "per_page": 200})
"""

from harness.pipeline.mock_api.server import MockApi

__all__ = ["MockApi"]
