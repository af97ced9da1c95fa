"""Validates built overlays; `docs/validate.md` lists the rules."""
