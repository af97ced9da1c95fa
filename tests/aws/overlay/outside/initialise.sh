#!/bin/sh
# A server as RDS gives it: the owner of everything is out of reach, and `postgres` may make roles and databases.
set -eu
if [ -s "$PGDATA/PG_VERSION" ]; then exit 0; fi
initdb --pgdata="$PGDATA" --username=rdsadmin --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=reject
echo "hostssl all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses= -c unix_socket_directories=/tmp" --silent --wait start
psql --host=/tmp --username=rdsadmin --dbname=postgres --quiet --set=ON_ERROR_STOP=1 \
  --set=password="$MASTER_PASSWORD" --file=- <<'SQL'
CREATE ROLE postgres LOGIN CREATEROLE CREATEDB PASSWORD :'password';
GRANT pg_monitor TO postgres WITH ADMIN OPTION;
SQL
pg_ctl --pgdata="$PGDATA" --silent --wait stop
