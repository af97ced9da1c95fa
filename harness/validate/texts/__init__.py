"""Texts inside resources: scripts, files and variables that programs read."""
