"""A mock API for a test to ask."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from harness.pipeline.mock_api import MockApi


@pytest.fixture
def mock_api() -> Iterator[Callable[..., MockApi]]:
    """Starts a mock API with the arguments of MockApi; it ends with the test."""
    with ExitStack() as running:

        def start(**options: Any) -> MockApi:
            return running.enter_context(MockApi(**options))

        yield start
