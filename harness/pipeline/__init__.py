"""What runs the pipeline on one machine: the mock API, the embedded platform, the lakehouse, the report."""
