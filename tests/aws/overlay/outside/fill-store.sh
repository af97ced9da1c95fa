#!/bin/sh
# What an account of AWS has before anything is deployed (`harness init --aws`): buckets, the folder of event logs that the
# history server looks for at once, and users in place of roles.
set -eu
mc ready store
for bucket in outside-lakehouse outside-airflow; do
  mc mb --ignore-existing "store/$bucket"
done
mc pipe store/outside-lakehouse/_events/.keep </dev/null
for policy in /users/*.json; do
  name=${policy##*/}
  user=${name%.json}
  mc admin policy create store "$user" "$policy"
  mc admin user add store "$user" "$(cat "/users/$user.key")"
  case $(mc admin user info store "$user" --json) in
  *\"policyName\":\"$user\"*) ;;
  *) mc admin policy attach store "$user" --user "$user" ;;
  esac
done
