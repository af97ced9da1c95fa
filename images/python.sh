#!/bin/sh
# Installs the packages of a lock into a folder, verified by their hashes: python.sh LOCK FOLDER. pip installs uv from its
# lock, and uv the rest, as on a developer's machine.
#
# The secret `ca-bundle`, when it is given, is the bundle of a machine behind a proxy with its own certificate.
set -eu
export UV_CACHE_DIR=/uv-cache
bundle=/run/secrets/ca-bundle
if [ -s "$bundle" ]; then
  export PIP_CERT="$bundle" SSL_CERT_FILE="$bundle"
fi
[ -x /opt/uv/bin/uv ] || {
  python3 -m venv /opt/uv
  /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/bootstrap.txt
}
# What is built from a source archive is built with Debian's own tools, which apt has verified.
/opt/uv/bin/uv pip install --quiet --python /usr/bin/python3 --no-build-isolation --require-hashes --no-deps \
  --link-mode copy --target "$2" -r "$1"
# Compiled now: with a read-only file system each start would compile all of it again. By content and not by time, so
# that the same sources give the same files.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$2" || true
find "$2" -name '*.pyc' -newer /begin -size 0 -delete
