"""A stand-in for Reflector, for tests where no registry has the real one. Nothing else should run it.

It obeys the annotations that the platform uses, as Reflector documents them: a Secret with `reflects:
NAMESPACE/NAME` gets that Secret's data, if that has `reflection-allowed: "true"`, and the copy's namespace is in
`reflection-allowed-namespaces` (regular expressions, separated by commas; none means all). It makes no copies of
its own accord (`reflection-auto-…`), and knows no ConfigMaps. Health is on port 8080, at Reflector's addresses.
"""

import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

PREFIX: Final = "reflector.v1.k8s.emberstack.com/"
ALLOWED: Final = PREFIX + "reflection-allowed"
ALLOWED_NAMESPACES: Final = PREFIX + "reflection-allowed-namespaces"
REFLECTS: Final = PREFIX + "reflects"
REFLECTED_VERSION: Final = PREFIX + "reflected-version"
PORT: Final = 8080
WATCH_SECONDS: Final = 300
PAUSE_SECONDS: Final = 2

log = logging.getLogger("reflector-stand-in")


@dataclass(frozen=True)
class Secret:
    """A Secret of the cluster.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        version: Its resourceVersion.
        data: Its data, as the API has it (base64).
        annotations: Its annotations.
    """

    namespace: str
    name: str
    version: str
    data: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def place(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def may_go_to(source: Secret, namespace: str) -> bool:
    """Whether a source's annotations allow a copy in a namespace."""
    if source.annotations.get(ALLOWED, "").lower() != "true":
        return False
    patterns = [part.strip() for part in source.annotations.get(ALLOWED_NAMESPACES, "").split(",") if part.strip()]
    return not patterns or any(re.fullmatch(pattern, namespace) for pattern in patterns)


def patch(source: Secret, copy: Secret) -> dict[str, Any] | None:
    """The merge patch that makes a copy equal to its source, or None when it is or must not be."""
    if not may_go_to(source, copy.namespace) or source.data == copy.data:
        return None
    gone = dict.fromkeys(copy.data.keys() - source.data.keys())
    return {
        "metadata": {"annotations": {REFLECTED_VERSION: source.version}},
        "data": {**gone, **source.data},
    }


def due(secrets: Iterable[Secret], changed: str) -> list[tuple[Secret, dict[str, Any]]]:
    """The copies that have to be written after a Secret has changed, as source or as copy, each with its patch.

    Args:
        secrets: All Secrets.
        changed: The changed one's `namespace/name`.
    """
    known = {secret.place: secret for secret in secrets}
    needing = []
    for copy in known.values():
        place = copy.annotations.get(REFLECTS, "")
        source = known.get(place)
        if source is not None and changed in (place, copy.place) and (needed := patch(source, copy)) is not None:
            needing.append((copy, needed))
    return needing


class Watcher:
    """Keeps copies equal to their sources, from the events of the cluster's Secrets."""

    def __init__(self, api: Any) -> None:
        """Takes a `kubernetes.client.CoreV1Api`."""
        self._api = api
        self._secrets: dict[str, Secret] = {}
        self.ready = threading.Event()

    def run(self) -> None:
        """Watches for ever; what fails is tried again."""
        while True:
            try:
                self._once()
            except Exception:
                # Whatever the API or the network did, the copies have to go on.
                log.exception("starting to watch again")
                time.sleep(PAUSE_SECONDS)

    def _once(self) -> None:
        from kubernetes import watch

        listed = self._api.list_secret_for_all_namespaces()
        self._secrets = {secret.place: secret for secret in map(_secret, listed.items)}
        for secret in self._secrets.values():
            if REFLECTS in secret.annotations:
                self._write(secret.place)
        self.ready.set()
        events = watch.Watch().stream(
            self._api.list_secret_for_all_namespaces,
            resource_version=listed.metadata.resource_version,
            timeout_seconds=WATCH_SECONDS,
        )
        for event in events:
            secret = _secret(event["object"])
            if event["type"] == "DELETED":
                self._secrets.pop(secret.place, None)
                continue
            self._secrets[secret.place] = secret
            self._write(secret.place)

    def _write(self, changed: str) -> None:
        for copy, needed in due(self._secrets.values(), changed):
            self._api.patch_namespaced_secret(copy.name, copy.namespace, needed)
            log.info("wrote %s, which reflects %s", copy.place, copy.annotations[REFLECTS])


def serve(watcher: Watcher, thread: threading.Thread, port: int = PORT) -> ThreadingHTTPServer:
    """A server of Reflector's two health addresses; the caller starts it."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            well = {"/health/ready": watcher.ready.is_set(), "/health/live": thread.is_alive()}.get(self.path)
            self.send_response(404 if well is None else 200 if well else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing: a probe comes every few seconds."""

    return ThreadingHTTPServer(("", port), Health)


def _secret(secret: Any) -> Secret:
    metadata = secret.metadata
    return Secret(
        metadata.namespace,
        metadata.name,
        metadata.resource_version,
        secret.data or {},
        metadata.annotations or {},
    )


def main() -> None:
    """Runs in a pod, with its service account."""
    from kubernetes import client, config

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config.load_incluster_config()
    watcher = Watcher(client.CoreV1Api())
    thread = threading.Thread(target=watcher.run, daemon=True)
    thread.start()
    log.info("stands in for Reflector in tests; health on port %s", PORT)
    serve(watcher, thread).serve_forever()


if __name__ == "__main__":
    main()
