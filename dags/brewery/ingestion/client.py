"""The Brewery API over a pooled `requests` session, with retries and a deadline for each page."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, TypeVar

import requests
import requests.utils
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_any,
    stop_before_delay,
)

from brewery.errors import ApiRefusedError, ApiUnavailableError
from brewery.ingestion.records import PayloadError, parse_object, split_records
from brewery.ingestion.retry import (
    BackoffWait,
    Gate,
    RateLimitedError,
    StopAfterFailures,
    SuspiciousPageError,
    TransientError,
    retry_after_seconds,
)
from brewery.settings import Settings

USER_AGENT: Final = "lakehouse-platform-ingestion/0.1"
MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes; a page of the largest size has some 100 KB."""
SUSPICIOUS_ATTEMPTS: Final = 3
"""A page of an unexpected length is asked for so often before the source is taken to have changed."""
_CHUNK: Final = 256 * 1024
_RETRIED_4XX: Final = frozenset({408, 425, 429})

_Answer = TypeVar("_Answer")

log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Another page has failed for good: this one need not be had any more."""


class BreweryClient:
    """Reads the API; safe to use from several threads.

    Attributes:
        retries: Attempts beyond the first, over all requests so far.
        bytes_received: Bytes of all usable and unusable bodies, after decompression.
    """

    def __init__(self, settings: Settings) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._cancelled = threading.Event()
        self._gate = Gate(self._cancelled.wait)
        self._lock = threading.Lock()
        self.retries = 0
        self.bytes_received = 0
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        # The cookie jar is the one part of a session that requests from several threads would change.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Read from the environment once, instead of anew for every request; and no password from a netrc file.
        self._session.trust_env = False
        self._session.proxies.update(requests.utils.get_environ_proxies(settings.api_url))
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

    def total(self) -> int:
        """How many breweries the API has (`/breweries/meta`).

        Raises:
            ApiUnavailableError: No usable answer within attempts and deadline.
            ApiRefusedError: An answer that will not change.
        """
        return self._ask("the number of breweries", f"{self._settings.api_url}/breweries/meta", {}, _total)

    def page(self, number: int, expected: int) -> tuple[list[str], list[dict[str, Any]]]:
        """One page of breweries.

        Args:
            number: Page, from 1.
            expected: Records that the page has to have.

        Returns:
            The text of each record as received, and the records parsed.

        Raises:
            SuspiciousPageError: Again and again another number of records than expected.
            ApiUnavailableError: No usable answer within attempts and deadline.
            ApiRefusedError: An answer that will not change.
            CancelledError: Within `cancelled`.
        """

        def parse(body: bytes) -> tuple[list[str], list[dict[str, Any]]]:
            slices, records = split_records(body)
            if len(slices) != expected:
                raise SuspiciousPageError(f"page {number} has {len(slices)} records instead of {expected}")
            return slices, records

        params = {"page": number, "per_page": self._settings.page_size}
        return self._ask(f"page {number}", f"{self._settings.api_url}/breweries", params, parse)

    def _ask(self, what: str, url: str, params: dict[str, int], parse: Callable[[bytes], _Answer]) -> _Answer:
        settings = self._settings
        deadline = time.monotonic() + settings.page_deadline
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_any(
                StopAfterFailures(settings.attempts, min(settings.attempts, SUSPICIOUS_ATTEMPTS)),
                stop_before_delay(settings.page_deadline),
            ),
            wait=BackoffWait(settings.backoff_initial, settings.backoff_max, settings.retry_after_max),
            before_sleep=self._note_retry,
            sleep=sleep_using_event(self._cancelled),
            reraise=True,
        )
        try:
            answer: _Answer = retrying(self._attempt, url, params, parse, deadline)
            return answer
        except SuspiciousPageError:
            raise
        except TransientError as error:
            attempts = retrying.statistics["attempt_number"]
            raise ApiUnavailableError(
                f"Could not get {what} from {url}, at last because {error} (attempts: {attempts}): see whether the "
                "API is up, then run it again."
            ) from error

    def _attempt(
        self, url: str, params: dict[str, int], parse: Callable[[bytes], _Answer], deadline: float
    ) -> _Answer:
        self._gate.wait()
        if self._cancelled.is_set():
            raise CancelledError
        body = self._get(url, params, deadline)
        with self._lock:
            self.bytes_received += len(body)
        try:
            return parse(body)
        except PayloadError as error:
            raise TransientError(f"the answer {error}") from error

    def _get(self, url: str, params: dict[str, int], deadline: float) -> bytes:
        left = max(0.01, deadline - time.monotonic())
        timeout = (min(self._settings.connect_timeout, left), min(self._settings.read_timeout, left))
        try:
            with self._session.get(url, params=params, timeout=timeout, stream=True) as response:
                self._check_status(url, response)
                return self._body(response, deadline)
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TransientError("the server did not answer in time") from error
        except requests.exceptions.ConnectionError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ApiRefusedError(
                    f"The certificate of {url} is not trusted: set SSL_CERT_FILE to the file of certificates that "
                    "this network uses."
                ) from error
            raise TransientError("the connection failed") from error
        except urllib3.exceptions.HTTPError as error:
            raise TransientError("the answer was cut off or garbled") from error
        except requests.exceptions.RequestException as error:
            raise ApiRefusedError(f"{url} cannot be asked ({error}): correct BREWERY_API_URL.") from error

    def _check_status(self, url: str, response: requests.Response) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        if status >= 500 or status in _RETRIED_4XX:
            pause = retry_after_seconds(response.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
            if pause is not None:
                pause = min(pause, self._settings.retry_after_max)
                self._gate.close_for(pause)
            kind = RateLimitedError if status == HTTPStatus.TOO_MANY_REQUESTS else TransientError
            raise kind(f"the server answered with status {status}", retry_after=pause)
        raise ApiRefusedError(f"The API answered {url} with status {status}: see whether BREWERY_API_URL is right.")

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        # Whatever has arrived, at most a chunk: a server that sends a byte now and then cannot hold the page
        # beyond its deadline, nor fill the memory.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MAX_BODY:
                raise TransientError(f"the answer has more than {MAX_BODY // 2**20} MB")
            if time.monotonic() > deadline:
                raise TransientError("the answer took too long")
            if self._cancelled.is_set():
                raise CancelledError
        return b"".join(parts)

    def _note_retry(self, state: RetryCallState) -> None:
        with self._lock:
            self.retries += 1
        if state.outcome is not None:
            log.info("Again in %.1f s: %s", state.upcoming_sleep, state.outcome.exception())


def _total(body: bytes) -> int:
    """`total` of the meta answer: an integer, or a string of digits in older answers."""
    total = parse_object(body).get("total")
    if isinstance(total, str) and total.isascii() and total.isdigit():
        total = int(total[:18])
    if type(total) is not int or total < 0:
        raise PayloadError("has no usable 'total'")
    return total
