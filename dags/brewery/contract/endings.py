"""How a process ended, in words."""

import signal


def ending(exit_code: int) -> str:
    """How a process ended, by its exit code: negative, or 128 + N as a shell has it, for signal N.

    >>> ending(3)
    'ended with exit code 3'
    """
    number = -exit_code if exit_code < 0 else exit_code - 128
    if number not in {sign.value for sign in signal.Signals}:
        return f"ended with exit code {exit_code}"
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"was killed ({name}), as the kernel does when memory runs out: free some memory, then run it again"
    return f"was ended by {name}: run it again"
