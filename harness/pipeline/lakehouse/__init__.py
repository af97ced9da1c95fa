"""Reads the lakehouse without Spark, for the summary and the report."""
