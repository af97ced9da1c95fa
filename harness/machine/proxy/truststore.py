"""Java options for the trust and the proxy of this machine.

A Java runtime has its own list of authorities and reads no proxy variables.
"""

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from harness.errors import HarnessError
from harness.machine.cache import built, cache_root, content_key
from harness.machine.proxy.certificates import ca_bundle

# Java's convention: the certificates are public, but PKCS#12 requires a password.
PASSWORD: Final = "changeit"  # noqa: S105 - see above

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def java_options(environ: Mapping[str, str] = os.environ) -> list[str]:
    """`-D` options for trust store and proxy."""
    bundle = ca_bundle(environ)
    if bundle is None:
        return proxy_options(environ)
    return [
        f"-Djavax.net.ssl.trustStore={trust_store(bundle)}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
        *proxy_options(environ),
    ]


def trust_store(bundle: Path) -> Path:
    """`bundle` as a PKCS#12 trust store in the cache."""
    content = bundle.read_bytes()

    def write(folder: Path) -> None:
        (folder / "trust.p12").write_bytes(to_pkcs12(content, str(bundle)))

    return built(cache_root() / "trust" / content_key(content), write) / "trust.p12"


def to_pkcs12(pem: bytes, name: str) -> bytes:
    """A PKCS#12 trust store, as Java reads it, of the valid certificates in `pem`; `name` is for errors."""
    certificates = []
    with warnings.catch_warnings():
        # cryptography warns of old authorities with odd serial numbers; Java accepts them.
        warnings.simplefilter("ignore")
        for number, block in enumerate(_BLOCK.findall(pem)):
            try:
                certificate = x509.load_pem_x509_certificate(block)
            except ValueError:
                continue
            certificates.append(pkcs12.PKCS12Certificate(certificate, f"ca-{number}".encode()))
    if not certificates:
        raise HarnessError(f"{name} holds no certificate that can be read: set SSL_CERT_FILE to your CA bundle.")
    return pkcs12.serialize_java_truststore(certificates, BestAvailableEncryption(PASSWORD.encode()))


def proxy_options(environ: Mapping[str, str]) -> list[str]:
    """The proxy variables as Java's system properties.

    >>> proxy_options({"https_proxy": "http://proxy.example:3128", "NO_PROXY": "localhost,.example"})
    ['-Dhttps.proxyHost=proxy.example', '-Dhttps.proxyPort=3128', '-Dhttp.nonProxyHosts=localhost|*.example']
    """
    options = []
    for scheme in ("http", "https"):
        url = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme}_proxy".upper())
        if not url:
            continue
        proxy = urlsplit(url if "://" in url else f"http://{url}")
        if proxy.hostname:
            options += [f"-D{scheme}.proxyHost={proxy.hostname}", f"-D{scheme}.proxyPort={proxy.port or 80}"]
    excluded = environ.get("no_proxy") or environ.get("NO_PROXY")
    if options and excluded:
        hosts = [host.strip() for host in excluded.split(",") if host.strip()]
        options.append(
            "-Dhttp.nonProxyHosts=" + "|".join(f"*{host}" if host.startswith(".") else host for host in hosts)
        )
    return options
