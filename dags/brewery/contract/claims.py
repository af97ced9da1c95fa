"""Claims: numbered files in the lakehouse, of which the newest names the attempt that may write.

A claim's file is created only where its number is free. So claims have one order, whatever clocks say.
"""

from collections.abc import Iterable
from typing import Final

CLAIM: Final = "LAKEHOUSE_CLAIM"
"""Environment variable: the claim under which a job writes; without one, nothing is checked."""


def claim_name(number: int) -> str:
    """Name of a claim's file.

    >>> claim_name(12)
    '000000000012.json'
    """
    return f"{number:012d}.json"


def newest(names: Iterable[str]) -> int:
    """Number of the newest claim among the names of files, 0 if there is none.

    >>> newest([claim_name(2), claim_name(10), "000000000099.json.part"])
    10
    """
    numbers = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
