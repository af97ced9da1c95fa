#!/usr/bin/env bash
# Brings the images of an archive into the node's containerd, and checks that kubeadm will find all that it wants.
#   hold-images.sh ARCHIVE KUBERNETES_VERSION
set -euo pipefail
archive=$1 version=$2

containerd --log-level error &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || true' EXIT
timeout 30 bash -c 'until ctr version >/dev/null 2>&1; do sleep 0.1; done'

# Pinned: kubelet never removes them to make room.
ctr --namespace=k8s.io images import --label=io.cri-containerd.pinned=pinned --no-unpack "$archive"
wanted=$(kubeadm config images list --kubernetes-version "$version")
missing=$(grep -vxF -f <(ctr --namespace=k8s.io images list --quiet) <<<"$wanted" || true)
if [[ -n $missing ]]; then
    echo "error: the node lacks the images ${missing//$'\n'/ }" >&2
    exit 1
fi
