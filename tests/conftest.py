"""Fixtures that every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def sample_csv() -> Path:
    """3,977 real breweries of Open Brewery DB, kept beside the checkout and not in it."""
    path = ROOT.parent / "shared" / "data" / "open-brewery-db-sample.csv"
    if not path.is_file():
        pytest.skip(f"no Open Brewery DB sample at {path}: put the published breweries.csv there")
    return path
