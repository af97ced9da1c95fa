"""The page of the review shows what git and the review say of the same change, and both are what they say now."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.review.output import render
from harness.review.review import review

Generated = Callable[[str, str, str], None]

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: example.com/shop
          envFrom:
            - configMapRef: {name: shop}
"""
BACKUP = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: backup
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 50Gi}
"""
BASE = """\
resources:
  - shop.yaml
configMapGenerator:
  - name: shop
    envs: [shop.env]
images:
  - name: example.com/shop
    newTag: "{tag}"
"""
OVERLAY = """\
namespace: {name}
resources:
  - ../../base
{components}"""
COMPONENT = "components:\n  - ../../components/backup\n"
BEFORE = {
    "base/kustomization.yaml": BASE.format(tag="2.4"),
    "base/shop.yaml": WORKLOAD,
    "base/shop.env": "LOG_LEVEL=info\nPOOL_SIZE=10\n",
    "components/backup/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources:\n  - claim.yaml\n"
    ),
    "components/backup/claim.yaml": BACKUP,
    "overlays/staging/kustomization.yaml": OVERLAY.format(name="staging", components=""),
    "overlays/production/kustomization.yaml": OVERLAY.format(name="production", components=COMPONENT),
}
AFTER = {
    "base/kustomization.yaml": BASE.format(tag="2.5"),
    "base/shop.env": "LOG_LEVEL=info\nPOOL_SIZE=20\n",
    "overlays/production/kustomization.yaml": OVERLAY.format(name="production", components=""),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    _write(tmp_path, BEFORE)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        _git(tmp_path, *words)
    _write(tmp_path, AFTER)
    return tmp_path


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _git(root: Path, *words: str) -> str:
    settings = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", *settings, *words]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_example(checkout: Path, generated: Generated) -> None:
    diff = _git(checkout, "diff", "--no-color", "--no-ext-diff", "-U1")
    lines = [line for line in diff.splitlines() if not line.startswith(("diff ", "index ", "--- "))]
    shown = render(review(checkout, "HEAD"), "text", width=100)
    # The commit's identifier depends on when it was made.
    head, _, rest = shown.partition("\n")
    shown = "\n".join([head, *rest.splitlines()[1:]])
    blocks = (("git diff", "diff", "\n".join(lines)), ("harness diff", "text", shown))
    text = "\n\n".join(f"`{name}` says:\n\n```{form}\n{block}\n```" for name, form, block in blocks)
    generated("../harness/review/README.md", "example", text)
