"""`python -m lakehouse.jobs <job> [options]`: one job in a process of its own (spark-submit runs the same)."""

import sys

from lakehouse.jobs.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
