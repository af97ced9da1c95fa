"""What a fresh machine needs: Python packages, a Java runtime, Spark's jars, the Go tools, trust in its CA."""
