"""The CA bundle that this machine trusts, for every child process in the variable that it reads.

pip, uv, Go, git, the AWS and the requests libraries each have their own variable, and users often set only one.

Only the standard library: this runs before anything is installed.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.errors import HarnessError

# The first that is set names the bundle.
VARIABLES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)

# Where Debian, Fedora, OpenSUSE and macOS keep the bundle that an administrator extends.
SYSTEM_BUNDLES: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)


def ca_bundle(environ: Mapping[str, str], system: tuple[Path, ...] = SYSTEM_BUNDLES) -> Path | None:
    for variable in VARIABLES:
        value = environ.get(variable)
        if not value:
            continue
        path = Path(value)
        # requests also accepts a folder; other programs do not.
        if path.is_dir():
            continue
        if not _is_pem(path):
            raise HarnessError(
                f"{variable} names {value}, which is not a readable PEM file of certificates: "
                f"set it to your CA bundle, or unset it."
            )
        return path
    known = (*system, Path(ssl.get_default_verify_paths().openssl_cafile))
    return next((path for path in known if _is_pem(path)), None)


def with_certificates(environ: Mapping[str, str], system: tuple[Path, ...] = SYSTEM_BUNDLES) -> dict[str, str]:
    """A copy of `environ` in which every unset variable of `VARIABLES` names the CA bundle."""
    bundle = ca_bundle(environ, system)
    if bundle is None:
        return dict(environ)
    return {**{variable: str(bundle) for variable in VARIABLES}, **{k: v for k, v in environ.items() if v}}


def _is_pem(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # A bundle may begin with comments.
            return b"-----BEGIN " in file.read(65_536)
    except OSError:
        return False
