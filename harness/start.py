"""The entry point of `harness`: small, so that a signal finds a handler before the imports that take time."""

import gc
from typing import Final, NoReturn

from harness.signals import ending_at_once

NEW_OBJECTS: Final = 100_000
"""Between two collections of garbage; at Python's 700, they take a seventh of a validation, which keeps what it
reads."""


def main() -> NoReturn:
    gc.set_threshold(NEW_OBJECTS)
    with ending_at_once():
        from harness.cli import main as command
    command()
