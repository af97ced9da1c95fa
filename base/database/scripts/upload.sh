#!/bin/sh
# Copies the dump to the object store, then lets go of the ones past their time.
set -eu
mc cp --quiet /backup/*.dump store/airflow/backups/postgres/
mc rm --quiet --recursive --force --older-than "$KEEP" store/airflow/backups/postgres/
mc ls store/airflow/backups/postgres/
