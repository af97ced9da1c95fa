"""The Go programs of a Kubernetes node, each pinned by a go.mod of `images/without-registry/kind-node`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.without_registry.upstream import FOLDER
from harness.machine import gobuild
from harness.paths import ROOT

SOURCES: Final = ROOT / FOLDER / "kind-node"


@dataclass(frozen=True)
class Component:
    """Programs of one upstream project: the folder of the go.mod that pins them, and import paths by program."""

    folder: str
    packages: Mapping[str, str]
    ldflags: str = gobuild.LDFLAGS

    @property
    def module(self) -> Path:
        return SOURCES / self.folder

    @property
    def version(self) -> str:
        return gobuild.version_of(next(iter(self.packages.values())), self.module)

    def programs(self) -> Path:
        return gobuild.programs(self.module, self.packages, ldflags=self.ldflags)

    def programs_folder(self) -> Path:
        return gobuild.programs_folder(self.module, self.packages, ldflags=self.ldflags)


def _kubernetes(*names: str) -> Component:
    major, minor = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]
    # What Kubernetes' own build sets (hack/lib/version.sh): kubeadm compares it, and the API server reports it.
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
    packages = {name: f"k8s.io/kubernetes/cmd/{name}" for name in names}
    return Component("kubernetes", packages, f"{gobuild.LDFLAGS} {flags}")


KUBERNETES_VERSION: Final = gobuild.version_of("k8s.io/kubernetes", SOURCES / "kubernetes")
CONTROL_PLANE: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
KUBERNETES: Final = _kubernetes("kubeadm", "kubectl", "kubelet", *CONTROL_PLANE)
# By itself, where the node image is pulled.
KUBECTL: Final = _kubernetes("kubectl")
ETCD: Final = Component("etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
COREDNS: Final = Component("coredns", {"coredns": "github.com/coredns/coredns"})
CONTAINERD: Final = Component(
    "containerd",
    {
        name: f"github.com/containerd/containerd/v2/cmd/{name}"
        for name in ("containerd", "ctr", "containerd-shim-runc-v2")
    },
)
CRICTL: Final = Component("cri-tools", {"crictl": "sigs.k8s.io/cri-tools/cmd/crictl"})
CNI: Final = Component(
    "cni-plugins",
    {
        path.rpartition("/")[2]: f"github.com/containernetworking/plugins/plugins/{path}"
        for path in ("ipam/host-local", "main/loopback", "main/ptp", "meta/portmap")
    },
)
STORAGE: Final = Component(
    "local-path-provisioner", {"local-path-provisioner": "github.com/rancher/local-path-provisioner"}
)
NETWORK: Final = Component(
    "kube-router", {"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"}
)
PAUSE: Final = Component("pause", {"pause": "."})
COMPONENTS: Final = (KUBERNETES, CONTAINERD, CRICTL, CNI, ETCD, COREDNS, STORAGE, NETWORK, PAUSE)
