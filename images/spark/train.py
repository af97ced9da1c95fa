"""What the class-data archive of the image is made from: a job's kinds of work, in the JVM of a driver."""

import sys
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

CLASSES = (
    "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
    "com.amazonaws.services.s3.AmazonS3Client",
    "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "org.apache.spark.scheduler.cluster.k8s.KubernetesClusterManager",
    "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
    "io.fabric8.kubernetes.client.impl.KubernetesClientImpl",
    "io.fabric8.kubernetes.api.model.PodBuilder",
)


def main(folder: Path) -> None:
    """Write, merge and read tables below a folder."""
    builder = SparkSession.builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    builder = builder.config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
    catalog = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    spark = builder.config("spark.sql.catalog.spark_catalog", catalog).getOrCreate()
    lines = folder / "lines"
    rows = spark.range(200).select(
        sf.format_string('{"id": "%s", "city": "c%s"}', "id", sf.col("id") % 7).alias("l")
    )
    rows.write.option("compression", "gzip").text(str(lines))
    parsed = spark.read.text(str(lines)).select(sf.from_json("value", "id string, city string").alias("r"))
    silver = parsed.select("r.*", sf.sha2("r.id", 256).alias("hash")).persist()
    table = str(folder / "table")
    silver.writeTo(f"delta.`{table}`").using("delta").tableProperty("comment", "t").createOrReplace()
    target = DeltaTable.forPath(spark, table)
    merge = target.alias("t").merge(silver.where("id != '7'").alias("s"), "t.id = s.id")
    merge.whenMatchedUpdate(
        "t.id < '5'", {"city": "s.city"}
    ).whenNotMatchedInsertAll().whenNotMatchedBySourceUpdate(set={"city": "null"}).execute()
    counts = spark.read.format("delta").load(table).groupBy("city").agg(sf.count("*").alias("n"))
    counts.coalesce(1).write.parquet(str(folder / "staged"))
    staged = spark.read.parquet(str(folder / "staged"))
    staged.write.format("delta").mode("append").save(str(folder / "gold"))
    staged.join(silver, "city").collect()
    for name in CLASSES:
        spark._jvm.java.lang.Class.forName(name)
    spark.stop()


main(Path(sys.argv[1]))
