"""The embedded platform: both DAGs through real Airflow and local Spark, on one machine, without a cluster.

`command` is the front; it starts `worker` as a process of its own, with the environment of `environment`, and
follows its `events`.
"""
