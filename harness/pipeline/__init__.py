"""What runs the pipeline on one machine: the mocked API, the embedded platform, the lakehouse, the report."""
