"""Declared expectations, measured in one pass over each table."""
