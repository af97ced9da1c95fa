"""What is collected: the tests of a leg need its environment."""

from importlib.metadata import version

collect_ignore = [] if version("apache-airflow") >= "3" else ["airflow3"]
