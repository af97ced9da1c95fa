"""The end-to-end suite: brings the platform up on kind and proves it (`harness e2e`, tests/e2e)."""
