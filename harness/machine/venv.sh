#!/bin/sh
# Brings .venv up to date: venv.sh run|test. Picks the Python; harness/machine/venv.py does the work.
set -eu
supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
if [ -n "${PYTHON:-}" ]; then
    if ! "$PYTHON" -c "$supported" 2>/dev/null; then
        echo "error: PYTHON is '$PYTHON', which is not a Python 3.11 or 3.12 (Airflow 2.11 runs on no newer one): name one with make PYTHON=/path/to/python3.12." >&2
        exit 2
    fi
    exec "$PYTHON" -m harness.machine.venv "$@"
fi
for candidate in .venv/bin/python python3 python3.12 python3.11; do
    if "$candidate" -c "$supported" 2>/dev/null; then
        exec "$candidate" -m harness.machine.venv "$@"
    fi
done
echo "error: no Python 3.11 or 3.12 on the PATH (Airflow 2.11 runs on no newer one): install python3.12 with its venv module, or name one with make PYTHON=/path/to/python3.12." >&2
exit 2
