"""`python -m harness` is `harness`."""

from harness.start import main

main()
