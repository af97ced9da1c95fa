"""A machine with a `docker`, a `kind` and a `kubectl` that only write down what they are told."""

import json
from pathlib import Path

import pytest

from tests.harness.programs import program

INFO = {"CgroupVersion": "2", "SecurityOptions": ["name=seccomp"], "DockerRootDir": "/nowhere"}
# Containers are the lines of a file; a test tells what other questions are answered with by files of their name.
DOCKER = """#!/bin/sh
echo "docker $*" >> {folder}/calls
case "$1 $2" in
"info --format") cat {folder}/info ;;
"ps -a") grep "^${{4##*=}}-" {folder}/containers || true ;;
"rm --force") : > {folder}/containers ;;
"image ls") echo sha256:0 ;;
"network inspect") echo 0 ;;
"inspect --format")
    case $3 in
    *NetworkSettings*) shift 3; for name; do echo "address-of-$name"; done ;;
    *) cat {folder}/state ;;
    esac ;;
"exec t-control-plane") cat {folder}/node 2>/dev/null || true ;;
esac
"""
# kind leaves the container of a cluster that failed, as it does with --retain.
KIND = """#!/bin/sh
echo "kind $*" >> {folder}/calls
for word; do case $word in
    --name=*) name=${{word#*=}} ;;
    --config=*) config=${{word#*=}} ;;
    --kubeconfig=*) echo config > "${{word#*=}}" ;;
esac; done
echo "$name-control-plane" >> {folder}/containers
workers=$(grep -c 'role: worker' "$config")
[ $workers -ge 1 ] && echo "$name-worker" >> {folder}/containers
[ $workers -ge 2 ] && echo "$name-worker2" >> {folder}/containers
echo " • Preparing nodes" >&2
[ -e {folder}/kind-fails ] && cat {folder}/kind-fails >&2 && exit 1
exit 0
"""
KUBECTL = """#!/bin/sh
echo "kubectl $*" >> {folder}/calls
[ -e {folder}/kubectl-fails ] && cat {folder}/kubectl-fails >&2 && exit 1
case "$*" in
*nodes*json*) cat {folder}/nodes ;;
*pods*json*) cat {folder}/pods ;;
*events*json*) cat {folder}/events ;;
esac
exit 0
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the machine's state: `calls`, `containers`, and what the programs answer."""
    folder = tmp_path / "machine"
    for name, text in (("docker", DOCKER), ("kind", KIND), ("kubectl", KUBECTL)):
        program(folder / name, text.format(folder=folder))
    (folder / "containers").touch()
    (folder / "calls").touch()
    (folder / "info").write_text(json.dumps(INFO))
    (folder / "state").write_text("running\n")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("harness.clusters.kind.cluster.tool", lambda name: folder / name)
    monkeypatch.setattr("harness.clusters.kind.cluster.ready_node_image", lambda _info, **_: "node:1")
    monkeypatch.setattr("harness.clusters.kind.cluster.kubectl_program", lambda: folder / "kubectl")
    return folder
