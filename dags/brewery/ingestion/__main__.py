"""`python -m brewery.ingestion --date 2025-01-31 --api URL --lakehouse PATH`: one ingestion without Airflow.

Prints the result as one JSON object; whatever else is to be set comes from the environment.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from brewery.contract.errors import PipelineError
from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one ingestion; 0 when it is committed, 1 with a sentence on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m brewery.ingestion", description="Ingest one day into bronze.")
    parser.add_argument("--date", type=dt.date.fromisoformat, required=True, help="ingestion date, YYYY-MM-DD")
    parser.add_argument("--api", help="base URL of the API (BREWERY_API_URL)")
    parser.add_argument("--lakehouse", help="root of the lakehouse (LAKEHOUSE_URI)")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_env(
            options={"api_url": "--api", "lakehouse_uri": "--lakehouse"},
            api_url=options.api,
            lakehouse_uri=options.lakehouse,
        )
        result = ingest(settings, Storage.for_uri(settings.lakehouse_uri), options.date)
    except PipelineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: bronze is unchanged; run it again.\n")
        return 130
    sys.stdout.write(json.dumps(asdict(result) | {"peak_memory_bytes": _peak_memory()}, default=str) + "\n")
    return 0


def _peak_memory() -> int | None:
    """Largest resident size of this process in bytes, or None where the system does not tell.

    Not from getrusage(2), whose figure begins with that of the process that started this one.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    peaks = (line.split() for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return next((int(kilobytes) * 1024 for _, kilobytes, _ in peaks), None)


if __name__ == "__main__":
    sys.exit(main())
