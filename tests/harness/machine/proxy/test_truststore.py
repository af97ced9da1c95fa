import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.errors import HarnessError
from harness.machine.java import java_home
from harness.machine.proxy.truststore import PASSWORD, java_options, proxy_options, to_pkcs12, trust_store


def authority(name: str) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.spark
def test_java_reads_every_certificate_of_the_bundle(cache: Path, tmp_path: Path) -> None:
    authorities = [authority("Company root"), authority("Übergeordnete Stelle")]
    bundle = tmp_path / "bundle.pem"
    # As published bundles are: comments between the certificates, and now and then one that is broken.
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle.write_bytes(b"# root\n" + pem(authorities[0]) + b"\n# broken\n" + broken + pem(authorities[1]))
    keytool = java_home() / "bin" / "keytool"
    if not keytool.exists():
        pytest.skip(f"no keytool beside {keytool.parent}/java: install a full Java 17 runtime")

    command: list[str | Path] = [keytool, "-J-Duser.language=en", "-list", "-storetype", "PKCS12"]
    listing = subprocess.run(
        [*command, "-keystore", trust_store(bundle), "-storepass", PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert listing.count("trustedCertEntry") == 2
    for certificate in authorities:
        assert certificate.fingerprint(hashes.SHA256()).hex(":").upper() in listing


def test_the_store_is_written_once_for_a_content(cache: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(authority("one")))
    first = trust_store(bundle)
    before = first.read_bytes()

    assert trust_store(bundle) == first
    assert first.read_bytes() == before
    bundle.write_bytes(pem(authority("two")))
    assert trust_store(bundle) != first


def test_a_bundle_without_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(
        HarnessError, match=r"^company\.pem holds no certificate that can be read: set SSL_CERT_FILE"
    ):
        to_pkcs12(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "company.pem")


def test_java_options_name_the_store_and_the_proxy(cache: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(authority("one")))

    options = java_options({"SSL_CERT_FILE": str(bundle), "HTTPS_PROXY": "http://proxy.example:3128"})

    assert f"-Djavax.net.ssl.trustStore={trust_store(bundle)}" in options
    assert "-Djavax.net.ssl.trustStoreType=PKCS12" in options
    assert "-Dhttps.proxyHost=proxy.example" in options


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"NO_PROXY": "localhost"}, []),
        ({"https_proxy": "proxy:8080"}, ["-Dhttps.proxyHost=proxy", "-Dhttps.proxyPort=8080"]),
        ({"HTTP_PROXY": "http://proxy"}, ["-Dhttp.proxyHost=proxy", "-Dhttp.proxyPort=80"]),
        (
            {"HTTPS_PROXY": "http://p:1", "no_proxy": "localhost, .corp"},
            ["-Dhttps.proxyHost=p", "-Dhttps.proxyPort=1", "-Dhttp.nonProxyHosts=localhost|*.corp"],
        ),
    ],
)
def test_proxy_options(environ: dict[str, str], expected: list[str]) -> None:
    assert proxy_options(environ) == expected
