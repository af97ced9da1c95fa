"""What the DAG files share and what makes sense only inside Airflow: datasets, task defaults, operators."""
