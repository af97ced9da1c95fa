"""Sources of Go modules."""

import json
import zipfile
from pathlib import Path

import pytest

from harness.machine.cache import content_key
from harness.manifests.upstream import Remote, identities, module_folder


def test_a_module_that_takes_a_newer_go_to_compile_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has the form of Go 1.26's for a module of Go 1.27: no folder, but the verified archive."""
    archive = tmp_path / "v2.1.0.zip"
    with zipfile.ZipFile(archive, "w") as sources:
        sources.writestr("github.com/example/thing/v2@v2.1.0/config/role.yaml", "kind: ClusterRole\n")
    answer = {
        "Error": "github.com/example/thing/v2@v2.1.0 requires go >= 1.99.0 (running go 1.26.8; GOTOOLCHAIN=local)",
        "Zip": str(archive),
        "Sum": "h1:of-the-archive",
    }
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\necho asked >>'{tmp_path}/asked'\ncat '{tmp_path}/answer.json'\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    for _ in range(2):
        folder = module_folder("github.com/example/thing/v2", "v2.1.0")
        assert (folder / "config/role.yaml").read_text() == "kind: ClusterRole\n"
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_the_manifests_of_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    base = Remote("", "example", "thing", "config/default", "v2.1.0")
    assert identities(base) is None
    identities.cache_clear()
    module = tmp_path / "module"
    group = "rbac.authorization.k8s.io/v1"
    role = f"apiVersion: {group}\nkind: Role\nmetadata:\n  labels:\n    name: other\n  name: reader\n"
    account = '# first\nmetadata:\n  name: "web"\nkind: ServiceAccount\napiVersion: v1\n'
    for name, text in {
        "config/default/all.yaml": f"{account}---\n{role}",
        "config/more/role.yml": role.replace("reader", "writer"),
        "config/default/notes.yaml": "a: b\n",
        "other/role.yaml": role,
    }.items():
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text(text)
    record = tmp_path / "cache/modules" / f"{content_key(base.module, base.tag)}.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"Dir": str(module)}))
    own = [("v1", "ServiceAccount", "web"), (group, "Role", "reader")]
    assert identities(base) == own
    assert identities(base, whole=True) == [*own, (group, "Role", "writer")]
    (module / "config/default/all.yaml").unlink()
    identities.cache_clear()
    assert identities(base) == own
    assert identities(Remote("", "example", "thing", "../..", "v2.1.0")) is None
