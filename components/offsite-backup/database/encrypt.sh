#!/bin/sh
# Encrypts the dump for whoever holds the private key, who is not in this cluster, and removes what was not encrypted.
set -eu
umask 077
certificate=/run/secrets/offsite/certificate
if [ ! -s "$certificate" ]; then
  echo "The Secret database/offsite-backup has no certificate: create it as components/offsite-backup/README.md says." >&2
  exit 1
fi
for dump in /backup/*.dump; do
  # AES-GCM: a dump that was changed does not decrypt.
  openssl cms -encrypt -binary -stream -outform DER -aes-256-gcm -in "$dump" -out "$dump.cms" "$certificate"
  rm "$dump"
  echo "encrypted to $dump.cms ($(stat -c %s "$dump.cms") bytes)"
done
