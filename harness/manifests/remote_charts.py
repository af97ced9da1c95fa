"""The charts of elsewhere that a run has at hand: fetched where that is allowed, and kept by what they are."""

import hashlib
import json
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from harness.machine.cache import content_key
from harness.manifests.build import Answer
from harness.manifests.cache import Cache
from harness.manifests.helm.remote import RemoteChart

_CACHE: Final = "charts"
_FOLDER: Final = "/charts"
"""Where a request has archives: no path of a tree begins so."""
_OCI: Final = "oci"
_HTTPS_PORT: Final = 443


@dataclass(frozen=True)
class ChartRequest:
    """A chart that tools/builder fetches."""

    chart: RemoteChart
    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def encoded(self) -> bytes:
        access = {"hosts": sorted(self.hosts), "origins": sorted(self.origins)}
        return json.dumps({"fetch": vars(self.chart), "access": access}).encode() + b"\n"


class RemoteCharts:
    """The charts that a run has at hand."""

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        """Hosts are asked at public addresses over HTTPS, origins (such as http://localhost:5000) as they are."""
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)
        self._cache = Cache(_CACHE)
        self._archives: dict[str, bytes] = {}
        self._digests: dict[RemoteChart, str] = {}
        self._missing: dict[RemoteChart, str] = {}
        self._unverified: set[RemoteChart] = set()

    def wanted(self, charts: Collection[RemoteChart]) -> list[ChartRequest]:
        """What has to be fetched; the others are at hand, or may not be asked for."""
        return [
            ChartRequest(chart, self._hosts, self._origins)
            for chart in charts
            if chart not in self._digests and chart not in self._missing and not self._is_settled(chart)
        ]

    def _is_settled(self, chart: RemoteChart) -> bool:
        refused = self._refused(chart)
        if (chart.is_pinned or refused) and self._take_cached(chart):
            return True
        if refused:
            self._missing[chart] = refused
        return bool(refused)

    def take(self, chart: RemoteChart, answer: Answer) -> None:
        """Keeps what was fetched; where it could not be, an older answer to the same question serves."""
        described = answer.header.get("chart")
        if described is None:
            if not self._take_cached(chart):
                self._missing[chart] = str(answer.header.get("error"))
            return
        self._cache.write(described["digest"], answer.payload)
        self._cache.put(_key(chart), described)
        self._archives[described["digest"]] = answer.payload
        self._note(chart, described)

    def _take_cached(self, chart: RemoteChart) -> bool:
        described = self._cache.get(_key(chart))
        if not isinstance(described, dict):
            return False
        content = self._cache.read(str(described.get("digest")))
        if content is None or hashlib.sha256(content).hexdigest() != described["digest"]:
            return False
        self._archives[described["digest"]] = content
        self._note(chart, described)
        return True

    def _note(self, chart: RemoteChart, described: Mapping[str, Any]) -> None:
        self._digests[chart] = described["digest"]
        if described.get("unverified"):
            self._unverified.add(chart)

    def _refused(self, chart: RemoteChart) -> str:
        """Why it may not be asked for, as the end of a sentence."""
        if not chart.repository:
            return "its repository is not defined here"
        try:
            parts = urlsplit(chart.repository)
            plain = parts.username is None and parts.port in (None, _HTTPS_PORT)
        except ValueError:
            return "its repository's URL cannot be read"
        schemes = ("http", "https") if parts.scheme == _OCI else (parts.scheme,)
        if not self._origins.isdisjoint(f"{scheme}://{parts.netloc}".lower() for scheme in schemes):
            return ""
        if parts.scheme not in ("https", _OCI) or not plain:
            return "only HTTPS URLs without user and port are asked"
        if (parts.hostname or "") not in self._hosts:
            return f"{parts.hostname} is not allowed (see --allow-host)"
        return ""

    def complete(self, request: dict[str, Any]) -> dict[str, str]:
        """Gives a request the charts that it needs, or leaves its values alone to be compared.

        Returns:
            What is not rendered, as a sentence, and why.
        """
        needs: list[RemoteChart] = request.pop("needs")
        below, shown = request.pop("defaults", ""), request.pop("shown", False)
        missing = [need for need in needs if need in self._missing]
        folder = request.get("folder")
        if not missing:
            archives = [f"{_FOLDER}/{self._digests[need]}" for need in needs]
            request |= {"archives": archives} if folder else {"archive": archives[0]}
            request["unverified"] = not self._unverified.isdisjoint(needs)
            return {}
        if folder or request.get("kustomization"):
            # No other resource shows which charts these are.
            request["missing"] = ", ".join(map(str, needs))
        for name in ("folder", "files", "dependencies"):
            request.pop(name, None)
        if shown:
            request["values"] = []
        request["values"] = [*([{"file": below}] if below else []), *request["values"]]
        chart = f"in {folder} is not rendered without {missing[0]}" if folder else f"{missing[0]} is not rendered"
        return {f"the Helm chart {chart}": self._missing[missing[0]]}

    def contents(self, request: Mapping[str, Any]) -> dict[str, bytes]:
        """The archives that a request names."""
        archives = [*request.get("archives", ()), request.get("archive")]
        return {name: self._archives[posixpath.basename(name)] for name in archives if name}


def _key(chart: RemoteChart) -> str:
    return content_key("chart", chart.repository, chart.name, chart.version, chart.digest)
