"""What Airflow, Spark, AWS, operators and other programs refuse in their settings."""
