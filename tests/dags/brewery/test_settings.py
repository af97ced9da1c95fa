"""Settings from the environment."""

from pathlib import Path

import pytest

from brewery.errors import SettingsError
from brewery.settings import Settings


def test_only_the_lakehouse_has_to_be_said() -> None:
    settings = Settings.from_env({"LAKEHOUSE_URI": "s3://lakehouse"})
    assert settings.api_url == "https://api.openbrewerydb.org/v1"
    assert (settings.page_size, settings.concurrency) == (200, 8)


def test_environment_is_read_and_overrides_win() -> None:
    env = {
        "LAKEHOUSE_URI": "/a",
        "BREWERY_API_URL": "http://127.0.0.1:8000/v1/",
        "BREWERY_PAGE_SIZE": "50",
        "BREWERY_READ_TIMEOUT": "2.5",
    }
    settings = Settings.from_env(env, lakehouse_uri="/b", page_size=None, concurrency=3)
    assert settings.lakehouse_uri == "/b"
    assert settings.api_url == "http://127.0.0.1:8000/v1"
    assert (settings.page_size, settings.read_timeout, settings.concurrency) == (50, 2.5, 3)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "LAKEHOUSE_URI"),
        ({"LAKEHOUSE_URI": "  "}, "LAKEHOUSE_URI"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_PAGE_SIZE": "201"}, "BREWERY_PAGE_SIZE"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_PAGE_SIZE": "1.5"}, "BREWERY_PAGE_SIZE"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_CONCURRENCY": "0"}, "BREWERY_CONCURRENCY"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_READ_TIMEOUT": "nan"}, "BREWERY_READ_TIMEOUT"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_API_URL": "api.openbrewerydb.org"}, "BREWERY_API_URL"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_API_URL": "ftp://host/v1"}, "BREWERY_API_URL"),
        ({"LAKEHOUSE_URI": "/a", "BREWERY_API_URL": "http://host/v1?page=1"}, "BREWERY_API_URL"),
        ({"LAKEHOUSE_URI": "/a", "SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_sentence_that_names_it(env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        Settings.from_env(env)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_message_names_the_option_that_was_used() -> None:
    options = {"api_url": "--api", "lakehouse_uri": "--lakehouse"}
    env = {"LAKEHOUSE_URI": "/a", "BREWERY_API_URL": "nonsense"}
    with pytest.raises(SettingsError, match=r"^BREWERY_API_URL is 'nonsense'"):
        Settings.from_env(env, options=options, api_url=None)
    with pytest.raises(SettingsError, match=r"^--api is 'other'"):
        Settings.from_env(env, options=options, api_url="other")
    with pytest.raises(SettingsError, match=r"^--lakehouse is not set"):
        Settings.from_env(env, options=options, lakehouse_uri=" ", api_url="http://host")
    with pytest.raises(SettingsError, match=r"^--source is 'nonsense'"):
        Settings.from_env(env | {"BREWERY_API_OPTION": "--source"}, options=options)
    assert Settings.from_env({"LAKEHOUSE_URI": "/a"}, options=options, api_url="http://host").api_option == "--api"


def test_an_address_that_cannot_be_parsed_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match="BREWERY_API_URL is 'http://\\[host'"):
        Settings.from_env({"LAKEHOUSE_URI": "/a", "BREWERY_API_URL": "http://[host"})


def test_hosts_that_may_be_redirected_to_are_a_list() -> None:
    assert Settings.from_env({"LAKEHOUSE_URI": "/a"}).redirect_hosts == frozenset()
    env = {"LAKEHOUSE_URI": "/a", "BREWERY_REDIRECT_HOSTS": " CDN.example.org, other:8443,"}
    assert Settings.from_env(env).redirect_hosts == {"cdn.example.org", "other:8443"}


def test_the_network_s_certificates_are_used(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert Settings.from_env({"LAKEHOUSE_URI": "/a", "SSL_CERT_FILE": str(bundle)}).ca_bundle == str(bundle)
