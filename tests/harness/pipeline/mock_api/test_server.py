"""The server as a process sees it: paging, concurrency, shutdown, the admin routes."""

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.pipeline.mock_api import MockApi
from harness.pipeline.mock_api.app import Application, Response
from harness.pipeline.mock_api.catalog import Catalog, GeneratedBreweries
from harness.pipeline.mock_api.faults import FaultPlan

Start = Callable[..., MockApi]


@settings(max_examples=40)
@given(st.integers(0, 450), st.integers(1, 200), st.integers(0, 4))
def test_paging_covers_each_brewery_once(count: int, per_page: int, day: int) -> None:
    app = Application(Catalog(GeneratedBreweries(3, count), seed=3), FaultPlan(), day=day)
    total = json.loads(app.handle("GET", "/v1/breweries/meta").body)["total"]
    pages = -(-total // per_page)
    sizes, ids = [], []
    for page in range(1, pages + 2):
        breweries = json.loads(app.handle("GET", f"/v1/breweries?page={page}&per_page={per_page}").body)
        sizes.append(len(breweries))
        ids += [brewery["id"] for brewery in breweries]
    assert len(ids) == len(set(ids)) == total
    assert sizes == [*[per_page] * (total // per_page), *([total % per_page] if total % per_page else []), 0]


def test_32_connections_at_once(mock_api: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    api = mock_api(breweries=6400)
    together, handle = threading.Barrier(32), api.app.handle

    def handle_together(method: str, target: str, body: bytes) -> Response:
        together.wait(timeout=120)
        return handle(method, target, body)

    monkeypatch.setattr(api.app, "handle", handle_together)

    def ask(page: int) -> list[str]:
        answer = requests.get(f"{api.url}/v1/breweries", params={"page": page, "per_page": 200}, timeout=120)
        return [brewery["id"] for brewery in answer.json()]

    with ThreadPoolExecutor(32) as pool:
        pages = list(pool.map(ask, range(1, 33)))
    assert len({brewery_id for page in pages for brewery_id in page}) == 6400
    stats = api.stats()
    assert stats["max_concurrent"] == 32
    assert stats["by_page"] == {str(page): 1 for page in range(1, 33)}


def test_a_connection_is_kept_alive(mock_api: Start) -> None:
    api = mock_api(breweries=500)
    with (
        socket.create_connection(("127.0.0.1", api.port), timeout=120) as connection,
        connection.makefile("rb") as file,
    ):
        for _ in range(3):
            connection.sendall(b"GET /v1/breweries?per_page=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(file.readline, b"\r\n"))
            assert file.read(int(headers[b"Content-Length"])).startswith(b'[{"id":')


def test_stopping_does_not_wait_for_a_response_that_takes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    computing, done = threading.Event(), threading.Event()

    def compute(*_: object) -> None:
        computing.set()
        done.wait()

    monkeypatch.setattr(Application, "handle", compute)
    with MockApi(breweries=10) as api:
        waiting = socket.create_connection(("127.0.0.1", api.port), timeout=120)
        waiting.sendall(b"GET /v1/breweries HTTP/1.1\r\nHost: x\r\n\r\n")
        computing.wait()
    assert threading.active_count() == before + 1
    done.set()
    waiting.close()
    while threading.active_count() > before:
        time.sleep(0.005)


def test_stopping_ends_idle_and_waiting_connections_and_frees_the_port() -> None:
    before = threading.active_count()
    with MockApi(breweries=10) as api:
        port = api.port
        idle = socket.create_connection(("127.0.0.1", port), timeout=120)
        waiting = socket.create_connection(("127.0.0.1", port), timeout=120)
        api.add_faults("latency:ms=60000")
        waiting.sendall(b"GET /v1/breweries HTTP/1.1\r\nHost: x\r\n\r\n")
        while not api.stats()["requests"]:
            time.sleep(0.005)
    assert threading.active_count() == before
    assert idle.recv(1) == b""
    for connection in (idle, waiting):
        connection.close()
    with MockApi(breweries=10, port=port) as again:
        assert requests.get(f"{again.url}/healthz", timeout=120).ok


def test_a_port_in_use_is_named(mock_api: Start) -> None:
    port = mock_api(breweries=1).port
    with pytest.raises(HarnessError, match=f"Port {port} .* is in use.*--port"):
        MockApi(breweries=1, port=port).start()


def test_stop_may_be_called_twice() -> None:
    api = MockApi(breweries=1).start()
    api.stop()
    api.stop()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = api.port


def test_a_vanished_client_does_no_harm(mock_api: Start, capfd: pytest.CaptureFixture[str]) -> None:
    api = mock_api(breweries=1000)
    api.add_faults("slow-drip:bytes=64,ms=1,times=1")
    with socket.create_connection(("127.0.0.1", api.port), timeout=120) as connection:
        connection.sendall(b"GET /v1/breweries?per_page=200 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(64)
    assert requests.get(f"{api.url}/v1/breweries", timeout=120).ok
    api.stop()
    assert capfd.readouterr().err == ""


def admin(api: MockApi, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{api.url}/__admin__/{path}", timeout=120, **options)


def test_the_day_can_be_moved(mock_api: Start) -> None:
    api = mock_api(breweries=400, day=1)
    assert admin(api, "GET", "day").json() == {"day": 1}
    assert admin(api, "POST", "day").json() == {"day": 2}
    assert admin(api, "POST", "day", json={"day": 5}).json() == {"day": 5}
    total = requests.get(f"{api.url}/v1/breweries/meta", timeout=120).json()["total"]
    changes = api.catalog.changes(0, 5)
    assert total == 400 + len(changes.added) - len(changes.removed)
    shown = requests.get(f"{api.url}/v1/breweries/{min(changes.added)}", timeout=120)
    assert shown.ok
    gone = requests.get(f"{api.url}/v1/breweries/{min(changes.removed)}", timeout=120)
    assert gone.status_code == 404
    for wrong in ({"day": -1}, {"day": 3651}, {"day": "tomorrow"}, {"day": True}, [1]):
        assert admin(api, "POST", "day", json=wrong).status_code == 400
    assert api.day == 5


def test_pages_and_selections_follow_the_day_and_the_faults(mock_api: Start) -> None:
    api = mock_api(breweries=400)

    def ask(**parameters: Any) -> list[dict[str, Any]]:
        breweries: list[dict[str, Any]] = requests.get(
            f"{api.url}/v1/breweries", params={"per_page": 200, **parameters}, timeout=120
        ).json()
        return breweries

    for day in (0, 8, 0):
        api.day = day
        shown = list(api.catalog.at(day))
        assert ask() == shown[:200]
        assert ask(by_type="closed") == [brewery for brewery in shown if brewery["brewery_type"] == "closed"]
    last = ask(page=2)
    api.add_faults("duplicates:count=2", "missing-field:field=phone,times=1")
    assert all("phone" not in brewery for brewery in ask())
    assert [brewery["id"] for brewery in ask(page=3)] == [api.catalog.at(0)[rank]["id"] for rank in (0, 1)]
    api.clear_faults()
    assert ask(page=2) == last
    assert ask(page=3) == []


def test_faults_can_be_switched_on_and_off(mock_api: Start) -> None:
    api = mock_api(breweries=10)
    assert admin(api, "POST", "faults", json={"fault": "server-error:times=1"}).json() == {
        "faults": [{"fault": "server-error:times=1", "fired": 0}]
    }
    assert admin(api, "POST", "faults", json={"faults": ["not-json:page=9", "latency:ms=1"]}).ok
    assert requests.get(f"{api.url}/v1/breweries", timeout=120).status_code == 503
    assert admin(api, "GET", "faults").json()["faults"][0] == {"fault": "server-error:times=1", "fired": 1}
    left = admin(api, "DELETE", "faults", params={"name": "latency"}).json()["faults"]
    assert [fault["fault"] for fault in left] == ["server-error:times=1", "not-json:page=9"]
    assert admin(api, "DELETE", "faults").json() == {"faults": []}


@pytest.mark.parametrize("body", [b"no json", b'{"fault": 3}', b"{}", b'{"faults": ["latency", "flood"]}'])
def test_faults_that_cannot_be_read_change_nothing(mock_api: Start, body: bytes) -> None:
    api = mock_api(breweries=10)
    answer = admin(api, "POST", "faults", data=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert admin(api, "GET", "faults").json() == {"faults": []}


def test_stats_count_the_api_alone(mock_api: Start) -> None:
    api = mock_api(breweries=10)
    ids = [brewery["id"] for brewery in requests.get(f"{api.url}/v1/breweries", timeout=120).json()]
    for path in (f"/{ids[0]}", f"/{ids[1]}", "/unknown", "/meta", "?page=2", "?by_type=lemonade"):
        requests.get(f"{api.url}/v1/breweries{path}", timeout=120)
    requests.get(f"{api.url}/healthz", timeout=120)
    assert admin(api, "GET", "stats").json() == {
        "requests": 7,
        "by_path": {"/v1/breweries": 3, "/v1/breweries/{id}": 3, "/v1/breweries/meta": 1},
        "by_page": {"1": 1, "2": 1},
        "by_status": {"200": 5, "400": 1, "404": 1},
        "unknown_parameters": {},
        "max_concurrent": 1,
    }
    assert admin(api, "DELETE", "stats").json()["requests"] == 0


def test_unknown_admin_path(mock_api: Start) -> None:
    assert admin(mock_api(breweries=1), "GET", "nothing").status_code == 404


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET http://[x/v1/breweries HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /v1/breweries?page=%ff&per_page=%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"POST /__admin__/day HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST /__admin__/day HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_odd_requests_get_an_answer(
    mock_api: Start, capfd: pytest.CaptureFixture[str], request_text: bytes, status: bytes
) -> None:
    api = mock_api(breweries=1)
    with socket.create_connection(("127.0.0.1", api.port), timeout=120) as connection:
        connection.sendall(request_text)
        assert status in connection.recv(1000)
    api.stop()
    assert capfd.readouterr().err == ""
