#!/bin/sh
# One compressed dump of Airflow's database, read back before it counts as one.
set -eu
# Network policies take a moment to know a new pod. What lasts longer, pg_dump itself will tell.
for _ in $(seq 30); do
  if pg_isready --quiet; then break; fi
  sleep 1
done
file="/backup/airflow-$(date -u +%Y%m%dT%H%M%SZ).dump"
pg_dump --format=custom --file="$file.part" --dbname=airflow
pg_restore --list "$file.part" >/dev/null
mv "$file.part" "$file"
echo "dumped to $file ($(stat -c %s "$file") bytes)"
