#!/bin/sh
# The end of a RUN: removes what package managers leave behind, and gives everything that this RUN has made one and
# the same time, so that the same content is the same layer whenever it is built. The RUN begins with
# `touch -d '1 second ago' /begin`: what it makes at once would have the same time otherwise.
set -eu
find /var/lib/apt/lists /var/cache/apt -type f ! -name lock -delete
rm -rf /var/cache/debconf/* /var/cache/ldconfig/* /var/lib/dpkg/*-old /var/log/apt /var/log/*.log /tmp/* /root/.cache \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
# What is mounted for the RUN only (/proc, /settle.sh) is on another device, and no part of the image.
find / -xdev -newer /begin ! -path /begin -printf '%D %p\0' | sed --null-data --quiet "s/^$(stat --format=%d /) //p" \
  | xargs --null --no-run-if-empty touch --no-dereference --date=@1577836800
rm /begin
touch --no-dereference --date=@1577836800 /
