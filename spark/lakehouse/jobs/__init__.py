"""Thin entry points: `run(spark, layout, ...)` within a process, `python -m lakehouse.jobs <job>` on its own."""
