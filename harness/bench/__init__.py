"""Benchmarks of the pipeline: each stage by size, beside the same work written by hand without Spark.

`command` is the front; `pipeline` and `spark_stages` run the real stages, each in a process of its own, `by_hand`
is the comparison, `page` writes docs/reference/benchmarks.md and its chart.
"""
