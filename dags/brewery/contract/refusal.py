"""How a Spark job tells Airflow that it refused, so that a retry would refuse as well."""

from typing import Final

EXIT_CODE: Final = 65
"""Exit code of a job that refused: `EX_DATAERR` of BSD's sysexits.h.

Neither Python (1, 2, 120), Spark (1, 50 to 56, 101, 124) nor a signal (from 129 on) ends a process with it.
"""

TERMINATION_LOG: Final = "TERMINATION_LOG"
"""Environment variable: the file for a job's last sentence; Kubernetes keeps it in the status of its container."""
