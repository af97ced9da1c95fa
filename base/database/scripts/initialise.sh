#!/bin/sh
# Creates the cluster on the first start, in a folder of its own that is renamed when it is whole.
set -eu
if [ -s "$PGDATA/PG_VERSION" ]; then
  echo "PostgreSQL $(cat "$PGDATA/PG_VERSION") cluster found in $PGDATA"
  exit 0
fi
new="$PGDATA.new"
rm -rf "$new"
initdb --pgdata="$new" --username=postgres --pwfile=/run/secrets/postgres/password --data-checksums \
  --encoding=UTF8 --locale=C.UTF-8 --auth=scram-sha-256
echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
mv "$new" "$PGDATA"
echo "cluster created in $PGDATA"
