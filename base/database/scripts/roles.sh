#!/bin/sh
# Brings the roles, their passwords and Airflow's database to what the Secrets say. Safe to run at any time: this is
# also how a rotated password takes effect.
set -eu
until pg_isready --quiet; do sleep 1; done
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=airflow_password="$AIRFLOW_PASSWORD" \
  --set=metrics_password="$METRICS_PASSWORD" --file=- <<'SQL'
SELECT 'CREATE ROLE airflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'airflow') \gexec
SELECT 'CREATE ROLE metrics LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics') \gexec
ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE metrics PASSWORD :'metrics_password';
GRANT pg_monitor TO metrics;
-- Only a superuser gives a database to a role that it is no member of; a managed server has no superuser for people.
SELECT 'GRANT airflow TO CURRENT_USER' WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER) \gexec
SELECT 'CREATE DATABASE airflow OWNER airflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'airflow') \gexec
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
GRANT CONNECT ON DATABASE airflow TO airflow, metrics;
SQL
echo "roles airflow and metrics, database airflow: as the Secrets say"
