"""The component's settings as an overlay renders them, and an OIDC provider on this machine."""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.overlays.test_sign_in import one
from tests.processes import wait_for

CLIENT = {"CLIENT_ID": "lakehouse", "CLIENT_SECRET": secrets.token_hex(20)}


@dataclass(frozen=True)
class Machine:
    """The overlay's resources, and a provider that runs here."""

    resources: list[dict[str, Any]]
    folder: Path
    authority: Path
    certificate: Path
    key: Path
    issuer: str

    def one(self, kind: str, name: str) -> dict[str, Any]:
        return one(self.resources, kind, name)

    def variables(self, deployment: str) -> dict[str, str]:
        """Those of its first container that have a value."""
        (container, *_) = self.one("Deployment", deployment)["spec"]["template"]["spec"]["containers"]
        return {item["name"]: item["value"] for item in container["env"] if "value" in item}


def wait_for_answer(url: str, machine: Machine, server: "subprocess.Popen[str]") -> None:
    def answers() -> bool | None:
        assert server.poll() is None, f"the server of {url} has ended"
        try:
            return requests.get(url, verify=str(machine.authority), timeout=30).ok or None
        except requests.ConnectionError:
            return None

    wait_for(answers, f"{url} answers")
