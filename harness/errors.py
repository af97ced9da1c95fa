"""The one error that reaches a user."""


class HarnessError(Exception):
    """Something the user has to know and can act on.

    Attributes:
        exit_code: What the process exits with (docs/testing.md lists them).
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        """Takes one sentence that names the thing, and what to do next."""
        super().__init__(message)
        self.exit_code = exit_code
