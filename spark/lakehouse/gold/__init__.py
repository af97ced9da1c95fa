"""The gold tables, one module each: columns, comments, builder and expectations.

A module here defines `TABLE`, and nothing else is needed: the jobs, the gate, the report, the benchmark and
docs/data-contract.md iterate over `GOLD`. Importing a module must not import Spark, which takes too long for
readers that only need names and columns; only its builder may.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from lakehouse.gold_table import GoldTable

GOLD: Final[Mapping[str, GoldTable]] = {
    module.name: import_module(f"{__name__}.{module.name}").TABLE for module in pkgutil.iter_modules(__path__)
}
"""Name of each gold table -> the table, in alphabetical order."""
