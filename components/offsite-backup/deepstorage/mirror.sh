#!/bin/sh
# Makes the copy outside equal to the bucket. A table's log comes before its data files in the order of names, so that the
# copied log names nothing that was not copied after it.
set -eu
reach() {
  # With the signature named, mc asks the store nothing beforehand.
  printf '%s\n%s\n' "$(cat "$3/access-key")" "$(cat "$3/secret-key")" | mc alias set "$1" "$2" --api S3v4 --quiet >/dev/null
}
offsite=/run/secrets/offsite
if [ ! -s "$offsite/endpoint" ]; then
  echo "The Secret deepstorage/offsite-backup has no endpoint: create it as components/offsite-backup/README.md says." >&2
  exit 1
fi
reach store http://minio.deepstorage.svc.cluster.local:9000 /run/secrets/store
reach offsite "$(cat "$offsite/endpoint")" "$offsite"
# Not what the next run writes again. What is deleted here is deleted there, where versions keep it for a while.
mc mirror --quiet --overwrite --remove --exclude "gold/_staging/*" --exclude "_claims/*" --exclude "_events/*" \
  store/lakehouse "offsite/$(cat "$offsite/bucket")/lakehouse"
echo "the copy of the bucket lakehouse is up to date"
