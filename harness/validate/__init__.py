"""Judges the rendered overlays; `docs/validate.md` has the rules."""
