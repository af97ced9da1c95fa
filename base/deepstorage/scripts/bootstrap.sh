#!/bin/sh
# Buckets, policies and users, as git and the Secrets say. Safe to run at any time: this is also how a rotated key
# takes effect.
set -eu
until mc ls store >/dev/null 2>&1; do
  echo "waiting for the object store"
  sleep 2
done

for bucket in airflow lakehouse; do
  mc mb --ignore-existing "store/$bucket"
done
mc ilm import store/airflow </bootstrap/airflow-lifecycle.json
# Spark starts no application unless the folder of its event logs exists.
mc pipe store/lakehouse/_events/.keep </dev/null

# A user holds the policy of its own name and no other.
for user in airflow spark jupyter history backup; do
  key="$(cat "/run/secrets/users/$user/access-key")"
  secret="$(cat "/run/secrets/users/$user/secret-key")"
  mc admin policy create store "$user" "/bootstrap/$user.json"
  printf '%s\n%s\n' "$key" "$secret" | mc admin user add store
  # Attaching what is attached already is an error to mc, so the outcome is asked for instead.
  mc admin policy attach store "$user" --user "$key" || true
  mc admin user info store "$key" --json | grep -q "\"policyName\": *\"$user\""
  echo "user of $user: key and policy in place"
done
