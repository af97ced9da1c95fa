"""Settings of the ingestion, from the environment.

>>> Settings.from_env({"LAKEHOUSE_URI": "/data/lakehouse"}).page_size
200
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from brewery.errors import SettingsError

DEFAULT_API_URL: Final = "https://api.openbrewerydb.org/v1"
MAX_PAGE_SIZE: Final = 200
"""What the API allows (https://www.openbrewerydb.org/documentation)."""


@dataclass(frozen=True)
class Settings:
    """How to ingest, and where to.

    Attributes:
        api_url: Base URL of the API, without a trailing slash (`BREWERY_API_URL`).
        lakehouse_uri: Root of the lakehouse: a folder, `s3://bucket[/prefix]` or `s3a://…` (`LAKEHOUSE_URI`).
        page_size: Breweries asked for in one page (`BREWERY_PAGE_SIZE`).
        concurrency: Requests under way at once (`BREWERY_CONCURRENCY`).
        connect_timeout: Seconds to connect (`BREWERY_CONNECT_TIMEOUT`).
        read_timeout: Seconds without a byte from the server (`BREWERY_READ_TIMEOUT`).
        page_deadline: Seconds for one page, all its attempts and waits included (`BREWERY_PAGE_DEADLINE`).
        attempts: Failures of one page before it is given up; status 429 is none (`BREWERY_ATTEMPTS`).
        backoff_initial: Seconds before the second attempt; doubles from there (`BREWERY_BACKOFF_INITIAL`).
        backoff_max: Most seconds between two attempts (`BREWERY_BACKOFF_MAX`).
        retry_after_max: Most seconds that a Retry-After header is honoured for (`BREWERY_RETRY_AFTER_MAX`).
        fresh_starts: How often a snapshot is restarted because the API changed meanwhile
            (`BREWERY_FRESH_STARTS`).
        ca_bundle: File of trusted certificates for the API, or None for the packaged ones
            (`REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`).
        redirect_hosts: Hosts, with their port if it is not the scheme's, that the API may redirect to beside its
            own (`BREWERY_REDIRECT_HOSTS`, separated by commas).
        api_option: What the user calls `api_url`: an option, or the variable (`BREWERY_API_OPTION` where the
            variable was set by a program that has an option for it).
    """

    lakehouse_uri: str
    api_url: str = DEFAULT_API_URL
    page_size: int = MAX_PAGE_SIZE
    concurrency: int = 8
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    page_deadline: float = 180.0
    attempts: int = 8
    backoff_initial: float = 0.5
    backoff_max: float = 30.0
    retry_after_max: float = 60.0
    fresh_starts: int = 2
    ca_bundle: str | None = None
    redirect_hosts: frozenset[str] = frozenset()
    api_option: str = "BREWERY_API_URL"

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] | None = None, *, options: Mapping[str, str] | None = None, **overrides: Any
    ) -> "Settings":
        """Read the settings from the environment.

        Args:
            env: Variables to read; the process's own by default.
            options: What the user calls the overrides, by attribute; the variables by default.
            **overrides: Attributes that win over the environment; None means not given.

        Raises:
            SettingsError: A value that cannot be used, or no lakehouse.
        """
        env = os.environ if env is None else env
        given = {name: value for name, value in overrides.items() if value is not None}
        called = {name: option for name, option in (options or {}).items() if name in given}
        lakehouse_uri = str(given.pop("lakehouse_uri", env.get("LAKEHOUSE_URI", ""))).strip()
        if not lakehouse_uri:
            option = called.get("lakehouse_uri", "LAKEHOUSE_URI")
            raise SettingsError(f"{option} is not set: set it to a folder, or to s3://bucket/prefix.")
        api_option = called.get("api_url", env.get("BREWERY_API_OPTION") or "BREWERY_API_URL")
        hosts = env.get("BREWERY_REDIRECT_HOSTS", "").lower().split(",")
        values: dict[str, Any] = {
            "api_url": _url(api_option, given.pop("api_url", env.get("BREWERY_API_URL") or DEFAULT_API_URL)),
            "api_option": api_option,
            "ca_bundle": _existing(env, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
            "redirect_hosts": frozenset(filter(None, map(str.strip, hosts))),
        }
        for name, (variable, kind, low, high) in _NUMBERS.items():
            raw = given.pop(name, env.get(variable))
            if raw is not None and raw != "":
                values[name] = _number(variable, raw, kind, low, high)
        return cls(lakehouse_uri=lakehouse_uri, **(values | given))


_NUMBERS: Final[Mapping[str, tuple[str, Callable[[Any], int | float], float, float]]] = {
    "page_size": ("BREWERY_PAGE_SIZE", int, 1, MAX_PAGE_SIZE),
    "concurrency": ("BREWERY_CONCURRENCY", int, 1, 64),
    "connect_timeout": ("BREWERY_CONNECT_TIMEOUT", float, 0.01, 600),
    "read_timeout": ("BREWERY_READ_TIMEOUT", float, 0.01, 600),
    "page_deadline": ("BREWERY_PAGE_DEADLINE", float, 0.01, 3600),
    "attempts": ("BREWERY_ATTEMPTS", int, 1, 100),
    "backoff_initial": ("BREWERY_BACKOFF_INITIAL", float, 0, 600),
    "backoff_max": ("BREWERY_BACKOFF_MAX", float, 0, 600),
    "retry_after_max": ("BREWERY_RETRY_AFTER_MAX", float, 0, 3600),
    "fresh_starts": ("BREWERY_FRESH_STARTS", int, 0, 20),
}


def _number(variable: str, raw: object, kind: Callable[[Any], int | float], low: float, high: float) -> int | float:
    try:
        value = kind(raw)
    except (TypeError, ValueError):
        value = None
    if value is None or not low <= value <= high:
        noun = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{variable} is {raw!r}: set it to {noun} from {low:g} to {high:g}.")
    return value


def _url(option: str, raw: object) -> str:
    text = str(raw).strip().rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{option} is {raw!r}: set it to an address such as {DEFAULT_API_URL}.")
    return text


def _existing(env: Mapping[str, str], *variables: str) -> str | None:
    """The path that the first of the variables that is set names."""
    for variable in variables:
        if path := env.get(variable):
            if not Path(path).exists():
                raise SettingsError(f"{variable} names {path}, which is not there: correct it, or unset it.")
            return path
    return None
