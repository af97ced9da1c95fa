from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from harness.manifests.custom_resources import CRD_MODULES
from harness.manifests.upstream import module_folder

pytestmark = pytest.mark.tools

GROUP = "external-secrets.io"


@pytest.fixture(scope="module")
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each kind and version."""
    module, version, folder = CRD_MODULES[GROUP]
    served = {}
    for name in ("externalsecrets", "secretstores"):
        text = (module_folder(module, version) / folder / f"{GROUP}_{name}.yaml").read_text(encoding="utf-8")
        spec = yaml.safe_load(text)["spec"]
        for item in spec["versions"]:
            served[spec["names"]["kind"], f"{GROUP}/{item['name']}"] = item["schema"]["openAPIV3Schema"]
    return served


def filled_in(schema: dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """What the API server would add to a value: the defaults of fields that it does not have."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from filled_in(schema.get("items", {}), item, f"{path}/{index}")
    if isinstance(value, dict):
        for name, field in schema.get("properties", {}).items():
            if name in value:
                yield from filled_in(field, value[name], f"{path}/{name}")
            elif "default" in field:
                yield f"{path}/{name}"


def test_nothing_is_left_for_the_api_server_to_fill_in(
    overlay_of: Callable[[str], Any], schemas: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """Argo CD compares `misc` without the API server's help, and would always see a difference."""
    resources = [item for item in overlay_of("eks").resources if item["apiVersion"].startswith(f"{GROUP}/")]
    assert len(resources) > 15
    missing = [
        f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']}{path}"
        for item in resources
        for path in filled_in(schemas[item["kind"], item["apiVersion"]], item)
    ]
    assert missing == []
