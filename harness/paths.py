"""Where the harness keeps things: everything it makes lies below the checkout, in folders that git ignores."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The checkout."""

RUN_DIR: Final = ROOT / ".run"
"""The embedded platform: lakehouse, Airflow's home, logs, report. `make clean` removes it."""
