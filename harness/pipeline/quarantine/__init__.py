"""Runs that the snapshot gate refused, and what a person decides on them."""
