"""Session settings from the environment; no session is started here."""

from lakehouse.session import session_config


def test_defaults_keep_to_one_small_machine() -> None:
    config = session_config({})
    assert config["spark.master"] == "local[*]"
    assert config["spark.driver.memory"] == "2g"
    assert config["spark.sql.session.timeZone"] == "UTC"
    # Their defaults (200, 50) cost tens of seconds on tables of a few rows.
    assert int(config["spark.sql.shuffle.partitions"]) <= 8
    assert config["spark.databricks.delta.snapshotPartitions"] == "1"
    assert not [key for key in config if "s3a" in key]


def test_the_environment_decides() -> None:
    config = session_config(
        {
            "SPARK_MASTER": "local[1]",
            "SPARK_DRIVER_MEMORY": "3g",
            "SPARK_JARS": "/a.jar,/b.jar",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
            "AWS_ACCESS_KEY_ID": "someone",
        }
    )
    assert (config["spark.master"], config["spark.driver.memory"]) == ("local[1]", "3g")
    assert config["spark.jars"] == "/a.jar,/b.jar"
    assert config["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"
    assert config["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert config["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert "Environment" in config["spark.hadoop.fs.s3a.aws.credentials.provider"]
