"""The entry point of `harness`: small, so that a signal finds a handler before the imports that take time."""

from typing import NoReturn

from harness.signals import ending_at_once


def main() -> NoReturn:
    with ending_at_once():
        from harness.cli import main as command
    command()
