#!/bin/sh
# Copies the dump to the object store, then lets go of the ones past their time.
set -eu
mc cp --quiet /backup/*.dump "store/$BUCKET/backups/postgres/"
mc rm --quiet --recursive --force --older-than "$KEEP" "store/$BUCKET/backups/postgres/"
mc ls "store/$BUCKET/backups/postgres/"
