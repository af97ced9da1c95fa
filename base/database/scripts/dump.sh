#!/bin/sh
# One compressed dump of Airflow's database, read back before it counts as one.
set -eu
file="/backup/airflow-$(date -u +%Y%m%dT%H%M%SZ).dump"
pg_dump --format=custom --file="$file.part" --dbname=airflow
pg_restore --list "$file.part" >/dev/null
mv "$file.part" "$file"
echo "dumped to $file ($(stat -c %s "$file") bytes)"
