"""Measures the review: on this repository, and on a generated one with hundreds of Applications.

Beside each figure: how long plain `kustomize build` takes for the same trees, with as many processes at a time.
"""

import os
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.proxy.certificates import with_certificates
from harness.machine.tools import tool
from harness.manifests.inputs import Kustomizations
from harness.manifests.tree import working_copy
from harness.manifests.upstream import git_environment
from harness.paths import ROOT
from harness.review.review import review

_ENVIRONMENTS: Final = ("staging", "production")
_APPLICATIONS: Final = 500
_COLD: Final = 0.25
_WARM: Final = 0.06


@dataclass(frozen=True)
class Figure:
    """Seconds of a review, seconds of plain `kustomize build`, and the share of those that is the bound."""

    name: str
    seconds: float
    plain: float
    bound: float

    @property
    def share(self) -> float:
        return self.seconds / self.plain


def bench_diff() -> list[Figure]:
    """Measures reviews of this repository and of a generated one."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        return [*_own(Path(name) / "own"), *_generated(Path(name) / "generated", _APPLICATIONS)]


def _own(folder: Path) -> list[Figure]:
    _git(ROOT, "clone", "-q", "--local", str(ROOT), str(folder))
    changed = folder / "base" / "database" / "statefulset.yaml"
    text = changed.read_text(encoding="utf-8")
    review(folder, "HEAD")
    grace = 100_000 + uuid.uuid4().int % 800_000
    changed.write_text(re.sub(r"(GracePeriodSeconds: )\d+", rf"\g<1>{grace}", text), encoding="utf-8")
    seconds = _timed(folder, 2)
    plain = _plain(folder, [f"overlays/{path.name}" for path in sorted((folder / "overlays").iterdir())])
    return [Figure("both environments, one file changed", seconds, plain, _WARM)]


def _generated(folder: Path, applications: int) -> list[Figure]:
    _generate(folder, applications)
    _commit(folder)
    count = applications // len(_ENVIRONMENTS)
    first, second = (folder / f"base/app-{number:03}/deployment.yaml" for number in (0, count - 1))
    first.write_text(first.read_text(encoding="utf-8").replace("replicas: 1", "replicas: 2"), encoding="utf-8")
    cold = _timed(folder, len(_ENVIRONMENTS))
    second.write_text(second.read_text(encoding="utf-8").replace("replicas: 1", "replicas: 3"), encoding="utf-8")
    warm = _timed(folder, 2 * len(_ENVIRONMENTS))
    plain = _plain(folder, Kustomizations(working_copy(folder)).folders("overlays"))
    return [
        Figure(f"{applications} Applications, cold", cold, plain, _COLD),
        Figure(f"{applications} Applications, one file changed", warm, plain, _WARM),
    ]


def _generate(folder: Path, applications: int) -> None:
    """Writes a repository with an app of apps for each of two environments."""
    # Makes what is generated new to the cache.
    mark = f"m{uuid.uuid4().hex[:12]}"
    count = applications // len(_ENVIRONMENTS)
    for number in range(count):
        name = f"app-{number:03}"
        base = folder / "base" / name
        _write(base / "kustomization.yaml", "resources: [deployment.yaml, service.yaml]\n")
        _write(base / "deployment.yaml", _DEPLOYMENT.format(name=name, mark=mark))
        _write(base / "service.yaml", _SERVICE.format(name=name))
    for environment in _ENVIRONMENTS:
        for number in range(count):
            name = f"app-{number:03}"
            overlay = folder / "overlays" / environment / name
            _write(overlay / "kustomization.yaml", _OVERLAY.format(name=name, environment=environment))
            _write(overlay / "settings.env", f"ENVIRONMENT={environment}\nNAME={name}\n")
            _write(
                folder / "overlays" / environment / "applications" / f"{name}.yaml",
                _APPLICATION.format(name=name, environment=environment),
            )
        names = ", ".join(f"app-{number:03}.yaml" for number in range(count))
        listing = folder / "overlays" / environment / "applications" / "kustomization.yaml"
        _write(listing, f"resources: [{names}]\n")


_DEPLOYMENT: Final = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  annotations: {{example.com/mark: "{mark}"}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: registry.example.com/{name}:1.0.0
          envFrom: [{{configMapRef: {{name: settings}}}}]
          resources: {{requests: {{cpu: 100m, memory: 128Mi}}, limits: {{memory: 128Mi}}}}
"""
_SERVICE: Final = """apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80}}]
"""
_OVERLAY: Final = """namespace: {name}
resources: [../../../base/{name}]
labels:
  - pairs: {{environment: {environment}}}
configMapGenerator:
  - name: settings
    envs: [settings.env]
images:
  - name: registry.example.com/{name}
    newTag: 1.0.1
"""
_APPLICATION: Final = """apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: https://git.example.com/generated.git
    targetRevision: main
    path: overlays/{environment}/{name}
  destination: {{server: https://kubernetes.default.svc, namespace: {name}}}
"""


def _timed(folder: Path, resources: int) -> float:
    """Seconds that a review takes, which has to report so many changed resources."""
    start = time.perf_counter()
    result = review(folder, "HEAD")
    seconds = time.perf_counter() - start
    if result.totals.resources != resources or result.problems:
        raise HarnessError(
            f"The benchmark's review found {result.totals.resources} changed resources instead of {resources}."
        )
    return seconds


def _plain(folder: Path, overlays: Sequence[str]) -> float:
    """Seconds that kustomize alone takes for some folders, of both sides."""
    program = tool("kustomize")
    # Makes remote bases available where GitHub is unreachable.
    kustomizations = Kustomizations(working_copy(folder))
    remotes = {base for path in overlays for base in kustomizations.inputs(path).remote_bases}
    environment = with_certificates(os.environ) | git_environment(remotes)

    def build(path: str) -> None:
        subprocess.run([program, "build", path], cwd=folder, env=environment, check=True, capture_output=True)

    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        list(pool.map(build, [*overlays, *overlays]))
    return time.perf_counter() - start


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _commit(folder: Path) -> None:
    identity = ("-c", "user.name=harness", "-c", "user.email=harness@localhost", "-c", "commit.gpgsign=false")
    _git(folder, "init", "-q")
    _git(folder, "add", "-A")
    _git(folder, *identity, "commit", "-q", "-m", "generated")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)
