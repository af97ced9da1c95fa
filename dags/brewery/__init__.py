"""The Open Brewery DB pipeline: ingestion, validation, and the contract shared with the Spark jobs."""
