"""Brings the platform up on kind and opens its pages on this machine (`harness up`)."""
