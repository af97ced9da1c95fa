"""The Brewery API over a pooled `requests` session, with retries and a deadline for each page."""

import datetime as dt
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import requests.utils
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_any,
)
from urllib3.response import HTTPResponse

from brewery.errors import ApiRefusedError, ApiUnavailableError
from brewery.ingestion.ages import Receipt
from brewery.ingestion.records import PayloadError, parse_object, split_records
from brewery.ingestion.retry import (
    BackoffWait,
    Clock,
    Gate,
    RateLimitedError,
    StopAfterFailures,
    StopAtDeadline,
    SuspiciousPageError,
    TransientError,
    UnusableAnswerError,
    retry_after_seconds,
)
from brewery.settings import Settings

USER_AGENT: Final = "lakehouse-platform-ingestion/0.1"
MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes; a page of the largest size has some 100 KB."""
MAX_META: Final = 1024 * 1024
"""Bytes; the counts by state, country and type have some 10 KB."""
MAX_REDIRECTS: Final = 10
SUSPICIOUS_ATTEMPTS: Final = 3
"""A page of an unexpected length is asked for so often before the source is taken to have changed."""
_CHUNK: Final = 256 * 1024
_RETRIED_4XX: Final = frozenset({408, 425, 429})
_BAD_REQUEST: Final = frozenset({400, 422})
_DIGITS: Final = 18
"""Of a total: more than that is no number of breweries."""
_COUNTS: Final = ("by_state", "by_country", "by_type")
ORDER: Final = "id:asc"
"""The API orders by nothing unless it is asked to, and an order that differs between two requests loses records."""

_Answer = TypeVar("_Answer")

log = logging.getLogger(__name__)


class BadRequestError(ApiRefusedError):
    """The API does not take a parameter."""


class CancelledError(Exception):
    """Another page has failed for good: this one is no longer needed."""


class Page(NamedTuple):
    """One page of breweries.

    Attributes:
        lines: The text of each record as received.
        records: The same, parsed; None where it is malformed.
        receipt: When and how old it came.
    """

    lines: list[str]
    records: list[dict[str, Any] | None]
    receipt: Receipt


class Totals(NamedTuple):
    """What the API says of its list as a whole.

    Attributes:
        total: How many breweries there are.
        counts: By state, country and type, where it says so.
        receipt: When and how old the response came.
    """

    total: int
    counts: dict[str, Any]
    receipt: Receipt


class _Session(requests.Session):
    """Leaves redirects to the caller: requests reads their bodies to the end, however long they are."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the base class's signature
        return None


class BreweryClient:
    """Reads the API; safe to use from several threads.

    Attributes:
        clock: What deadlines and waits are measured with.
        ordered: Whether the list is requested in an order.
        retries: Attempts beyond the first, over all requests so far.
        bytes_received: Bytes of all usable and unusable bodies, after decompression.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._cancelled = threading.Event()
        self.clock = clock or Clock()
        self.ordered = True
        self._gate = Gate(self._wait, self.clock.now)
        self._lock = threading.Lock()
        self.retries = 0
        self.bytes_received = 0
        self._session = _Session()
        self._session.headers.update(
            # A cache on the way has to ask the API whether what it keeps is still true.
            {"User-Agent": USER_AGENT, "Accept": "application/json", "Cache-Control": "no-cache"}
        )
        # The cookie jar is the one part of a session that requests from several threads would change.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Read from the environment once instead of for every request; and no password from a netrc file.
        self._session.trust_env = False
        self._session.proxies.update(requests.utils.get_environ_proxies(settings.api_url))
        proxy = requests.utils.select_proxy(settings.api_url, self._session.proxies)
        # Its user and password are for it alone.
        self._proxy = re.sub(r"^(\w+://)?.*@", r"\1***@", proxy) if proxy else ""
        self._through = f" through the proxy {self._proxy}" if proxy else ""
        self._session.verify = settings.ca_bundle or True
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=settings.concurrency, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def __enter__(self) -> "BreweryClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    @contextmanager
    def cancelled(self) -> Iterator[None]:
        """Within the block every wait ends, and requests under way or new raise CancelledError."""
        self._cancelled.set()
        try:
            yield
        finally:
            self._cancelled.clear()

    def _wait(self, seconds: float) -> None:
        self.clock.wait(self._cancelled, seconds)

    def total(self) -> Totals:
        """How many breweries the API has (`/breweries/meta`).

        Raises:
            ApiUnavailableError: No usable answer within attempts and deadline.
            ApiRefusedError: An answer that will not change.
        """

        def parse(body: bytes, receipt: Receipt) -> Totals:
            meta = parse_object(body)
            return Totals(_total(meta), {name: meta[name] for name in _COUNTS if name in meta}, receipt)

        return self._ask("the number of breweries", f"{self._settings.api_url}/breweries/meta", {}, parse, MAX_META)

    def page(self, number: int, expected: int, size: int | None = None) -> Page:
        """One page of breweries.

        Args:
            number: Page, from 1.
            expected: Records that the page has to have.
            size: Records in a full page; that of the settings by default.

        Raises:
            SuspiciousPageError: Again and again another number of records than expected.
            ApiUnavailableError: No usable answer within attempts and deadline.
            ApiRefusedError: An answer that will not change.
            CancelledError: Within `cancelled`.
        """
        before: list[str] = []

        def parse(body: bytes, receipt: Receipt) -> Page:
            lines, records, broken = split_records(body)
            if len(lines) != expected:
                raise SuspiciousPageError(number, lines, expected)
            # What is no JSON may be damage on the way; the source itself sends the same again.
            if broken and lines != before:
                before[:] = lines
                raise UnusableAnswerError("the answer is not JSON")
            return Page(lines, records, receipt)

        params: dict[str, int | str] = {
            "page": number,
            "per_page": size or self._settings.page_size,
        }
        if self.ordered:
            params["sort"] = ORDER
        return self._ask(f"page {number}", f"{self._settings.api_url}/breweries", params, parse, MAX_BODY)

    def _ask(
        self,
        what: str,
        url: str,
        params: Mapping[str, int | str],
        parse: Callable[[bytes, Receipt], _Answer],
        limit: int,
    ) -> _Answer:
        settings = self._settings
        deadline = self.clock.now() + settings.page_deadline
        causes: list[TransientError] = []

        def attempt() -> _Answer:
            try:
                return self._attempt(url, params, parse, deadline, limit)
            except TransientError as error:
                # An attempt that the deadline cut short explains nothing, unless there was no other.
                if not error.cut_short:
                    causes[:] = [error]
                raise

        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_any(
                StopAfterFailures(settings.attempts, min(settings.attempts, SUSPICIOUS_ATTEMPTS)),
                StopAtDeadline(deadline, self.clock),
            ),
            wait=BackoffWait(settings.backoff_initial, settings.backoff_max, settings.retry_after_max),
            before_sleep=self._note_retry,
            sleep=self._wait,
            reraise=True,
        )
        try:
            answer: _Answer = retrying(attempt)
            return answer
        except TransientError as error:
            cause = causes[0] if causes else error
            if isinstance(cause, SuspiciousPageError):
                raise cause from error
            attempts = retrying.statistics["attempt_number"]
            advice = "see whether the API is up, then run it again"
            if isinstance(cause, UnusableAnswerError):
                advice = f"see whether {settings.api_option} is right, then run it again"
            if isinstance(cause, RateLimitedError) or (cause.retry_after or 0) > settings.retry_after_max:
                advice = "run it again when the API takes requests again"
            raise ApiUnavailableError(
                f"Could not get {what} from {url}, at last because {cause} (attempts: {attempts}): {advice}."
            ) from error

    def _attempt(
        self,
        url: str,
        params: Mapping[str, int | str],
        parse: Callable[[bytes, Receipt], _Answer],
        deadline: float,
        limit: int,
    ) -> _Answer:
        self._gate.wait()
        if self._cancelled.is_set():
            raise CancelledError
        if self.clock.now() >= deadline:
            raise TransientError("the server asked for a pause beyond the time for this request")
        body, receipt = self._get(url, params, deadline, limit)
        with self._lock:
            self.bytes_received += len(body)
        try:
            return parse(body, receipt)
        except PayloadError as error:
            raise UnusableAnswerError(f"the answer {error}") from error

    def _get(self, url: str, params: Mapping[str, int | str], deadline: float, limit: int) -> tuple[bytes, Receipt]:
        left = max(0.01, deadline - self.clock.now())
        timeout = (min(self._settings.connect_timeout, left), min(self._settings.read_timeout, left))
        address: str | None = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                with self._session.get(
                    address or url,
                    params=params if address == url else {},
                    timeout=timeout,
                    stream=True,
                ) as response:
                    # Neither a redirect's body nor an error's is read: it may be of any length.
                    address = self._redirect_target(response)
                    if address is None:
                        self._check_status(url, response)
                        _check_encoding(response)
                        body = self._body(response, deadline, limit)
                        return body, Receipt.of(self.clock.now(), response.headers)
            raise ApiRefusedError(
                f"{url} redirects more than {MAX_REDIRECTS} times: correct {self._settings.api_option}."
            )
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            connecting = isinstance(error, requests.exceptions.ConnectTimeout)
            allowed = self._settings.connect_timeout if connecting else self._settings.read_timeout
            raise TransientError(
                f"the server did not answer in time{self._through}", cut_short=left < allowed
            ) from error
        except requests.exceptions.ProxyError as error:
            answer = re.search(r"Tunnel connection failed: (\d+)", str(error))
            if answer and int(answer[1]) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                raise self._refused_by_proxy(url) from error
            reason = f"refused the connection with status {answer[1]}" if answer else "could not be reached"
            raise TransientError(f"the proxy {self._proxy} {reason}") from error
        except requests.exceptions.ConnectionError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ApiRefusedError(
                    f"The certificate of {url} is not trusted: set SSL_CERT_FILE to the file of certificates that "
                    "this network uses."
                ) from error
            if _is_not_http(error):
                raise UnusableAnswerError(f"the answer{self._through} is not HTTP") from error
            raise TransientError(f"the connection{self._through} failed") from error
        except (urllib3.exceptions.HTTPError, requests.exceptions.InvalidHeader) as error:
            raise TransientError("the answer was cut off or garbled") from error
        except requests.exceptions.RequestException as error:
            if self._proxy:
                raise ApiRefusedError(
                    f"{url} cannot be requested{self._through} ({type(error).__name__}): correct the variable "
                    "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY that names it."
                ) from error
            raise ApiRefusedError(
                f"{url} cannot be asked ({error}): correct {self._settings.api_option}."
            ) from error

    def _redirect_target(self, response: requests.Response) -> str | None:
        """Where a response leads, if anywhere.

        Raises:
            ApiRefusedError: To another server that is not allowed, or from https to http.
        """
        try:
            location = requests.Session.get_redirect_target(self._session, response)
            if location is None:
                return None
            target = urljoin(response.url, location)
            host = urlsplit(target).netloc.rpartition("@")[2].lower()
            # Another host, port or scheme; https instead of http on the usual ports is none.
            foreign = bool(self._session.should_strip_auth(response.url, target))  # type: ignore[no-untyped-call]
        except ValueError:
            given = response.headers["Location"]
            raise requests.exceptions.InvalidURL(f"it redirects to {given!r}") from None
        if foreign and host not in self._settings.redirect_hosts:
            raise ApiRefusedError(
                f"{response.url.partition('?')[0]} redirects to {target.partition('?')[0]}: set "
                f"{self._settings.api_option} to the API's own address, or allow that host with "
                f"BREWERY_REDIRECT_HOSTS={host}."
            )
        return target

    def _check_status(self, url: str, response: requests.Response) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        if status >= 500 or status in _RETRIED_4XX:
            pause = retry_after_seconds(response.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
            if pause is not None:
                self._gate.close_for(min(pause, self._settings.retry_after_max))
            asked = f" and asked for a pause of {pause:,.0f} s" if pause else ""
            kind = RateLimitedError if status == HTTPStatus.TOO_MANY_REQUESTS else TransientError
            raise kind(f"the server answered with status {status}{self._through}{asked}", retry_after=pause)
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and self._proxy:
            raise self._refused_by_proxy(url)
        refused = BadRequestError if status in _BAD_REQUEST else ApiRefusedError
        raise refused(
            f"The API answered {url} with status {status}: see whether {self._settings.api_option} is right."
        )

    def _refused_by_proxy(self, url: str) -> ApiRefusedError:
        return ApiRefusedError(
            f"The proxy {self._proxy} wants another user and password for {url}: set them in the variable "
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY that names it."
        )

    def _body(self, response: requests.Response, deadline: float, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        # Whatever has arrived, at most a chunk: a server that sends a byte now and then cannot hold the page
        # beyond its deadline, nor fill the memory.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise UnusableAnswerError(f"the answer has more than {limit // 2**20} MB")
            if self.clock.now() > deadline:
                raise TransientError("the answer took too long", cut_short=True)
            if self._cancelled.is_set():
                raise CancelledError
        return b"".join(parts)

    def _note_retry(self, state: RetryCallState) -> None:
        with self._lock:
            self.retries += 1
        if state.outcome is not None:
            log.info("Again in %.1f s: %s", state.upcoming_sleep, state.outcome.exception())


def _is_not_http(error: requests.exceptions.ConnectionError) -> bool:
    """Whether a server answered with something else, rather than nothing."""
    cause = error.__context__
    while cause is not None and not isinstance(cause, HTTPException):
        cause = cause.__context__
    return cause is not None and not isinstance(cause, RemoteDisconnected)


def _check_encoding(response: requests.Response) -> None:
    """Refuses a compression that was not requested and cannot be read, which would pass for damaged text."""
    given = response.headers.get("Content-Encoding", "")
    names = {name.strip().lower() for name in given.split(",")}
    if not names <= {"", "identity", *HTTPResponse.CONTENT_DECODERS}:
        raise UnusableAnswerError(f"the answer has the encoding {given[:40]!r}, which was not requested")


def _total(meta: Mapping[str, Any]) -> int:
    """`total` of the meta answer: an integer, or a string of digits in older answers."""
    total = meta.get("total")
    if isinstance(total, str) and total.isascii() and total.isdigit():
        total = int(total) if len(total) <= _DIGITS else None
    if type(total) is not int or not 0 <= total < 10**_DIGITS:
        raise PayloadError("has no usable 'total'")
    return total
