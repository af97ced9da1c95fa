"""A proxy that fails is named as the cause, without its password."""

import secrets
import socket
from http.server import BaseHTTPRequestHandler

import pytest

from brewery.errors import ApiRefusedError, ApiUnavailableError
from brewery.ingestion.client import BreweryClient
from tests.dags.brewery.conftest import FakeClock, Lake
from tests.processes import QuietHandler, serving

PASSWORD = secrets.token_hex(8)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    class Proxy(QuietHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_CONNECT(self) -> None:  # noqa: N802 - a name of http.server
            self.answer()

    return Proxy


def ask(lake: Lake, api: str) -> str:
    with (
        BreweryClient(lake.settings(api), FakeClock()) as client,
        pytest.raises((ApiUnavailableError, ApiRefusedError)) as caught,
    ):
        client.total()
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_is_down_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv(variable, f"http://user:{PASSWORD}@{proxy}")
        assert f"@{proxy} could not be reached" in ask(lake, "http://api.example.test/v1")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("status", "says"), [(407, "wants another user and password"), (502, "502"), (503, "503")])
def test_what_a_proxy_answers_itself_names_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, scheme: str, status: int, says: str
) -> None:
    with serving(answering(status)) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.replace("//", f"//user:{PASSWORD}@"))
        sentence = ask(lake, f"{scheme}://api.example.test/v1")
    assert says in sentence
    assert proxy.replace("//", "//***@") in sentence


@pytest.mark.parametrize(
    "proxy",
    [f"socks5h://user:{PASSWORD}@127.0.0.1:9", f"http://user:{PASSWORD}@:bad", f"user:{PASSWORD}@127.0.0.1:9"],
    ids=["unknown scheme", "no host", "no scheme"],
)
def test_a_proxy_that_cannot_be_used_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    sentence = ask(lake, "http://api.example.test/v1")
    assert proxy.replace(f"user:{PASSWORD}", "***") in sentence
    assert "HTTP_PROXY" in sentence


def test_a_connection_without_a_proxy_names_none(lake: Lake) -> None:
    assert "proxy" not in ask(lake, "http://127.0.0.1:9/v1")
