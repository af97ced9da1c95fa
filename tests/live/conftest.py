"""What the tests of the suite's own helpers share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Pyspark leaves the sockets over which rows are collected to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")
