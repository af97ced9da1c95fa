"""The provider, once for all programs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.machine.gobuild import programs, tools_of
from tests.conftest import copied
from tests.live.forward import free_port
from tests.overlays.test_sign_in import rendered, switched_on
from tests.processes import started
from tests.sign_in.authority import Authority
from tests.sign_in.machine import CLIENT, Machine, wait_for_answer
from tests.sign_in.people import GROUPS


@pytest.fixture(scope="session")
def machine(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("sign-in")
    authority, port = Authority(), free_port()
    certificate, key = authority.pair("localhost", "127.0.0.1").write(folder, "localhost")
    (folder / "ca.crt").write_bytes(authority.certificate)
    source = repo / "tests/sign_in/oidc_provider"
    provider = programs(source, tools_of(source), users_caches=True) / "oidc-provider"
    settings = {
        **CLIENT,
        "PEOPLE": json.dumps(GROUPS),
        "CERTIFICATE": str(certificate),
        "KEY": str(key),
        "HOST": f"localhost:{port}",
        "LISTEN": f"127.0.0.1:{port}",
    }
    resources = rendered(switched_on(copied(repo, folder / "tree")))
    with started([provider], env=settings) as server:
        issuer = f"https://localhost:{port}/oidc"
        here = Machine(resources, folder, folder / "ca.crt", certificate, key, issuer)
        wait_for_answer(f"{issuer}/.well-known/openid-configuration", here, server)
        yield here
