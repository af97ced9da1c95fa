import shutil
from pathlib import Path

import pytest

from harness.paths import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("base", "components", "overlays"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("pyproject.toml", "harness/manifests/catalogue.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path
