from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine.proxy.certificates import VARIABLES, ca_bundle, with_certificates

PEM = "# the company's\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "company.pem"
    path.write_text(PEM)
    return path


@pytest.mark.parametrize("variable", VARIABLES)
def test_one_variable_sets_the_others(variable: str, bundle: Path) -> None:
    environ = with_certificates({variable: str(bundle), "HOME": "/home/ada"}, system=())

    assert {name: environ[name] for name in VARIABLES} == dict.fromkeys(VARIABLES, str(bundle))
    assert environ["HOME"] == "/home/ada"


def test_a_variable_that_is_set_keeps_its_value(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(PEM)

    environ = with_certificates({"SSL_CERT_FILE": str(bundle), "PIP_CERT": str(other)}, system=())

    assert environ["PIP_CERT"] == str(other)
    assert environ["REQUESTS_CA_BUNDLE"] == str(bundle)


def test_an_empty_variable_counts_as_unset(bundle: Path) -> None:
    environ = with_certificates({"SSL_CERT_FILE": "", "PIP_CERT": str(bundle)}, system=())

    assert environ["SSL_CERT_FILE"] == str(bundle)


def test_the_systems_bundle_is_found_when_no_variable_is_set(bundle: Path, tmp_path: Path) -> None:
    assert ca_bundle({}, system=(tmp_path / "absent.pem", bundle)) == bundle


def test_a_folder_of_certificates_is_passed_over(bundle: Path, tmp_path: Path) -> None:
    assert ca_bundle({"REQUESTS_CA_BUNDLE": str(tmp_path), "PIP_CERT": str(bundle)}, system=()) == bundle


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_a_bundle_that_cannot_be_used_is_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(HarnessError, match=r"^SSL_CERT_FILE names .*broken\.pem.*set it to your CA bundle"):
        ca_bundle({"SSL_CERT_FILE": str(path)}, system=())
