"""A sound checkout to break: two environments, `north` and `south`, of a few resources each."""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A copy of the sound checkout, which has no findings."""
    return Path(shutil.copytree(HERE / "sound", tmp_path / "checkout"))
