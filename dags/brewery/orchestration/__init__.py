"""What the DAG files share and what only makes sense inside Airflow: datasets, task defaults, operators."""
