"""What the mock API does not do: compressed answers, endless ones, redirects, a certificate that nobody knows."""

import datetime as dt
import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from brewery.errors import ApiError, ApiRefusedError, ApiUnavailableError
from brewery.ingestion import client as module
from brewery.ingestion.client import BreweryClient
from tests.dags.brewery.conftest import FakeClock, Lake

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is the point here
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_a_compressed_answer_is_read(lake: Lake) -> None:
    # Larger than one chunk in plain, smaller in compressed form.
    record = b'{"id":"' + b"x" * 300_000 + b'"}'

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, gzip.compress(b"[%s,%s]" % (record, record)), Content_Encoding="gzip")

    with serving(answer) as url, BreweryClient(lake.settings(url)) as client:
        assert client.page(1, expected=2)[0] == [record.decode()] * 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no gzip at all", id="not gzip"),
        pytest.param(gzip.compress(b'[{"id":"a"}]', mtime=0)[:-14], id="half of it"),
    ],
)
def test_a_compressed_answer_that_is_damaged_is_asked_for_again(lake: Lake, body: bytes) -> None:
    bodies = [body, gzip.compress(b'[{"id":"a"}]')]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, bodies.pop(0), Content_Encoding="gzip")

    with serving(answer) as url, BreweryClient(lake.settings(url)) as client:
        assert client.page(1, expected=1)[0] == ['{"id":"a"}']
        assert client.retries == 1


UP = "see whether the API is up"
RIGHT = "see whether BREWERY_API_URL is right"
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "cause", "advice"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP", RIGHT, id="another protocol"),
        pytest.param(b"[]", "the answer is not HTTP", RIGHT, id="a body without a head"),
        pytest.param(HEAD + b"X: y\r\n" * 150 + b"\r\n[]", "the answer is not HTTP", RIGHT, id="too many headers"),
        pytest.param(
            HEAD + b"X: " + b"y" * 99_999 + b"\r\n\r\n", "the answer is not HTTP", RIGHT, id="a long header"
        ),
        pytest.param(b"", "the connection failed", UP, id="nothing"),
        pytest.param(
            HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n[]", "cut off or garbled", UP, id="two lengths"
        ),
        pytest.param(
            HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n\x8b\x02",
            "the answer has the encoding 'br', which was not requested",
            RIGHT,
            id="an unknown encoding",
        ),
        pytest.param(
            HEAD + b"Content-Encoding: gzip, \x1b[31mx\r\nContent-Length: 2\r\n\r\n[]",
            r"the encoding 'gzip, \\x1b\[31mx'",
            RIGHT,
            id="an encoding that acts on a terminal",
        ),
    ],
)
def test_an_answer_that_cannot_be_read_is_told_from_none(
    lake: Lake, clock: FakeClock, answer: bytes, cause: str, advice: str
) -> None:
    def sends(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)
        handler.close_connection = True

    with serving(sends) as url, BreweryClient(lake.settings(url), clock) as client:
        with pytest.raises(ApiUnavailableError, match=cause) as refused:
            client.page(1, expected=1)
        assert str(refused.value).endswith(f"{advice}, then run it again.")


def test_a_pause_that_the_server_asks_for_holds_every_request(lake: Lake) -> None:
    asked: dict[str, list[float]] = {"1": [], "2": []}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        page = handler.path.partition("page=")[2].partition("&")[0]
        asked[page].append(time.monotonic())
        if page == "1" and len(asked[page]) == 1:
            send(handler, b"", 429, Retry_After="1")
        else:
            send(handler, b'[{"id":"a"}]')

    with (
        serving(answer) as url,
        BreweryClient(lake.settings(url, retry_after_max=60)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        refused = pool.submit(client.page, 1, 1)
        while not client.retries and not refused.done():
            time.sleep(0.001)
        client.page(2, 1)
        refused.result()
    assert asked["2"][0] - asked["1"][0] >= 1
    assert asked["1"][1] - asked["1"][0] >= 1


def test_an_endless_answer_does_not_fill_the_memory(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 2**20)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    with (
        serving(answer) as url,
        BreweryClient(lake.settings(url, attempts=1)) as client,
        pytest.raises(ApiUnavailableError, match="more than 1 MB"),
    ):
        client.page(1, expected=1)


def test_the_total_is_not_read_beyond_what_it_may_have(lake: Lake) -> None:
    with (
        serving(lambda handler: send(handler, b'{"total":7}' + b" " * 2**20)) as url,
        BreweryClient(lake.settings(url, attempts=1)) as client,
        pytest.raises(ApiUnavailableError, match="more than 1 MB"),
    ):
        client.total()


@pytest.mark.parametrize(
    ("status", "location", "sentence"),
    [
        (302, "/moved", None),
        (301, "http://elsewhere.invalid/", "redirects to http://elsewhere.invalid/"),
        (302, None, "status 302"),
        (404, None, "status 404"),
        (500, None, "status 500"),
        (304, None, "status 304"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_redirect_or_an_error_may_be_endless(
    lake: Lake, status: int, location: str | None, sentence: str | None, chunked: bool
) -> None:
    hung_up = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/moved":
            return send(handler, b'{"total":7}')
        handler.send_response(status)
        if location:
            handler.send_header("Location", location)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"10\r\n" + b" " * 16 + b"\r\n")
        except OSError:
            hung_up.set()
        return None

    with serving(answer) as url, BreweryClient(lake.settings(url, attempts=1)) as client:
        if sentence:
            with pytest.raises(ApiError, match=sentence):
                client.total()
        else:
            assert client.total().total == 7
        assert hung_up.wait(60)


def test_a_redirect_is_followed_and_a_circle_is_one_sentence(lake: Lake) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/v1/breweries/meta"):
            send(handler, b"", 302, Location="/moved")
        elif handler.path == "/moved":
            send(handler, b'{"total":7}')
        else:
            send(handler, b"", 302, Location=handler.path)

    with serving(answer) as url, BreweryClient(lake.settings(url)) as client:
        assert client.total()[0] == 7
        with pytest.raises(ApiRefusedError, match=r"redirects more than 10 times: correct BREWERY_API_URL\.$"):
            client.page(1, expected=1)


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/v1/breweries/meta",
        "http://127.0.0.1:1/v1/breweries/meta",
        "https://127.0.0.1:{port}/v1/breweries/meta",
        "//elsewhere.invalid/v1/breweries/meta",
        "http://127.0.0.1@elsewhere.invalid/",
        "http://169.254.169.254/latest",
    ],
)
def test_a_redirect_to_another_server_is_refused(lake: Lake, location: str) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        port = handler.headers["Host"].partition(":")[2]
        send(handler, b"", 307, Location=location.replace("{port}", port))

    with (
        serving(answer) as url,
        BreweryClient(replace(lake.settings(url), api_option="--api")) as client,
        pytest.raises(ApiRefusedError, match=r"redirects to .*: set --api .* BREWERY_REDIRECT_HOSTS=") as error,
    ):
        client.total()
    assert len(asked) == 1
    assert not error.value.retryable


def test_a_host_that_is_allowed_may_be_redirected_to(lake: Lake) -> None:
    with serving(lambda handler: send(handler, b'{"total":7}')) as other:
        target = other.replace("127.0.0.1", "LocalHost")

        def answer(handler: BaseHTTPRequestHandler) -> None:
            send(handler, b"", 302, Location=f"{target}/v1/breweries/meta")

        with serving(answer) as url:
            hosts = frozenset({target.removeprefix("http://").lower()})
            with BreweryClient(replace(lake.settings(url), redirect_hosts=hosts)) as client:
                assert client.total()[0] == 7


@pytest.mark.parametrize(
    ("location", "said"),
    [("http://[x/", r"it redirects to 'http://\[x/'"), ("/\xff\xfe", "it redirects to ")],
    ids=["no address", "no text"],
)
def test_a_redirect_to_nonsense_is_one_sentence(lake: Lake, location: str, said: str) -> None:
    with (
        serving(lambda handler: send(handler, b"", 302, Location=location)) as url,
        BreweryClient(lake.settings(url)) as client,
        pytest.raises(ApiRefusedError, match=said),
    ):
        client.total()


def test_what_the_deadline_cut_short_explains_nothing(lake: Lake) -> None:
    asked = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if asked.is_set():
            # Longer than the deadline.
            time.sleep(2)
        else:
            asked.set()
            send(handler, b"", 429)

    with (
        serving(answer) as url,
        BreweryClient(lake.settings(url, page_deadline=1)) as client,
        pytest.raises(ApiUnavailableError, match=r"status 429 \(attempts: 2\): run it again when"),
    ):
        client.total()


def test_a_request_that_had_to_wait_for_others_says_so(lake: Lake, clock: FakeClock) -> None:
    settings = lake.settings("http://127.0.0.1:1", page_deadline=20, retry_after_max=60)
    with BreweryClient(settings, clock) as client:
        client._gate.close_for(60)
        with pytest.raises(ApiUnavailableError, match="asked for a pause beyond the time for this request"):
            client.page(2, 50)


def test_the_list_is_asked_for_in_an_order_and_not_from_a_cache(lake: Lake) -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append((handler.path, handler.headers["Cache-Control"]))
        send(handler, b'[{"id":"a"}]', Age="7", ETag='W/"x"', X_Other="y")

    with serving(answer) as url, BreweryClient(lake.settings(url)) as client:
        page = client.page(3, 1)
    assert asked == [("/v1/breweries?page=3&per_page=50&sort=id%3Aasc", "no-cache")]
    assert {name: page.receipt.headers[name] for name in ("Age", "ETag")} == {"Age": "7", "ETag": 'W/"x"'}
    assert set(page.receipt.headers) == {"Age", "Date", "ETag"}


def test_an_element_that_is_no_json_is_damage_until_it_comes_again(lake: Lake) -> None:
    bodies = [b'[{"id":"a"},{"id":NaN}]', b'[{"id":"a"},{"id":"b"}]', b"[1,NaN]", b"[1,NaN]"]
    with (
        serving(lambda handler: send(handler, bodies.pop(0))) as url,
        BreweryClient(lake.settings(url)) as client,
    ):
        assert client.page(1, 2).records == [{"id": "a"}, {"id": "b"}]
        assert client.page(2, 2)[:2] == (["1", "NaN"], [None, None])
    assert client.retries == 2


@pytest.mark.parametrize(
    ("body", "total"), [(b'{"total":12}', 12), (b'{"total":"12"}', 12), (b'{"total":0}', 0), (b'{"total":"0"}', 0)]
)
def test_the_total_may_be_a_number_or_digits(lake: Lake, body: bytes, total: int) -> None:
    with serving(lambda handler: send(handler, body)) as url, BreweryClient(lake.settings(url)) as client:
        assert client.total()[0] == total


@pytest.mark.parametrize(
    "total",
    [b"true", b"-1", b"1.5", b'"many"', b'""', b"null", b"[1]", b'"\\u0661"', b"1" * 19, b'"%s"' % (b"9" * 5_000)],
)
def test_another_total_is_none(lake: Lake, total: bytes) -> None:
    with (
        serving(lambda handler: send(handler, b'{"total":%s}' % total)) as url,
        BreweryClient(lake.settings(url, attempts=1)) as client,
        pytest.raises(ApiUnavailableError, match="no usable 'total'"),
    ):
        client.total()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's proxy")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "proxy.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def test_only_a_certificate_that_is_trusted_is_accepted(lake: Lake, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda handler: send(handler, b'{"total":7}'), context) as url:
        with (
            BreweryClient(lake.settings(url)) as client,
            pytest.raises(ApiRefusedError, match=r"certificate of .* is not trusted: set SSL_CERT_FILE") as error,
        ):
            client.total()
        assert not error.value.retryable
        with BreweryClient(lake.settings(url, ca_bundle=str(certificate))) as client:
            assert client.total()[0] == 7
