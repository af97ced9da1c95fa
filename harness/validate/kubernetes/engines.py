"""The policy engines: kube-score, Kubernetes' own Pod Security evaluator, gitleaks."""

import copy
import json
import os
import posixpath
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.files import scratch
from harness.machine.cache import content_key
from harness.machine.process import telling_line
from harness.manifests.cache import Cache
from harness.manifests.pods import pods_of
from harness.manifests.tree import MAX_BYTES
from harness.manifests.values import dig, dig_named
from harness.validate.finding import Finding, Violation
from harness.validate.kubernetes.schemas import LH201
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH505: Final = ValidationRule("LH505", "No file holds a credential", "Git keeps it forever.", engine="gitleaks")
LH511: Final = ValidationRule(
    "LH511",
    "A pod meets the restricted Pod Security Standard",
    "Admission rejects it, and a container could gain privileges.",
    engine="apiserver",
)
_ABSENCE: Final = {
    "LH526": "labels",
    "LH527": "labels",
    "LH529": "Service",
    "LH530": "PodDisruptionBudget",
    "LH531": "PodDisruptionBudget",
    "LH540": "",
    "LH541": "Service",
}
"""Those that are about something missing, with what may provide it."""
_IMAGE_TAG: Final = "container-image-tag"
_CHECKS: Final = (
    ("LH521", "container-resources", "Requests and limits are set", "One pod can starve a node."),
    ("LH522", _IMAGE_TAG, "Images have a fixed tag", "`latest` can become another image at any time."),
    ("LH523", "pod-probes", "Pods behind a Service have safe probes", "A hung pod keeps receiving traffic."),
    (
        "LH524",
        "container-security-context-readonlyrootfilesystem",
        "Root file systems are read-only",
        "An attacker could install a program.",
    ),
    (
        "LH525",
        "environment-variable-key-duplication",
        "Environment variables are set once",
        "The last value wins, while a reader may believe the first.",
    ),
    ("LH526", "service-targets-pod", "A Service selects pods", "Its name resolves, but nothing answers."),
    ("LH527", "networkpolicy-targets-pod", "A NetworkPolicy selects pods", "It protects nothing."),
    (
        "LH529",
        "statefulset-has-servicename",
        "A StatefulSet has its headless Service",
        "Its pods get no DNS names.",
    ),
    (
        "LH530",
        "deployment-has-poddisruptionbudget",
        "A Deployment of more than one replica has a disruption budget",
        "Draining a node stops all of them at once.",
    ),
    (
        "LH531",
        "statefulset-has-poddisruptionbudget",
        "A StatefulSet of more than one replica has a disruption budget",
        "Draining a node stops all of them at once.",
    ),
    (
        "LH532",
        "poddisruptionbudget-has-policy",
        "A disruption budget has a limit",
        "Without one it protects nothing.",
    ),
    ("LH535", "cronjob-has-deadline", "A CronJob has a deadline", "After 100 missed starts it never starts again."),
    ("LH537", "service-type", "A Service opens no node port", "It bypasses the load balancer."),
    ("LH540", "horizontalpodautoscaler-has-target", "An autoscaler has a target", "It scales nothing."),
    ("LH541", "ingress-targets-service", "An Ingress has a Service", "It answers 503."),
)
KUBE_SCORE: Final = {
    check: ValidationRule(id_, title, why, "kube-score", check, id_ in _ABSENCE, frozenset({_ABSENCE.get(id_, "")}))
    for id_, check, title, why in _CHECKS
}
"""The rules that kube-score judges, by its names."""

_BUDGETS: Final = frozenset({"LH530", "LH531"})
_SEVERAL: Final = 2
_FORMAT: Final = "3"
"""Raised when what is cached changes its meaning."""
_SETTLED_NANOSECONDS: Final = 2_000_000_000
"""How long ago a file has to be changed for its time to tell a later change."""
_KEPT_FILES: Final = 2_000
NOT_SEARCHED: Final = ", so it is not searched for credentials."
_BAD_GRADE: Final = 5
"""kube-score grades 1 (critical), 5 (warning), 7 (almost fine), 10 (fine)."""


def kube_score(environment: Environment) -> list[Violation]:
    """The violations that kube-score reports, of the checks that rules name.

    Raises:
        HarnessError: kube-score is unavailable.
    """
    from harness.machine.tools import tool_folder

    scored = [
        (_legible(resource, environment), resource)
        for resource in environment.resources
        if resource.kind != "CustomResourceDefinition"
    ]
    scored += [
        (_as_job(pod if environment.is_readable(owner) else _bare(pod)), owner)
        for owner in environment.embedded
        for pod in pods_of(owner)
    ]
    by_name = {
        (str(value["kind"]), owner.namespace, str(dig(value, "metadata", "name"))): owner for value, owner in scored
    }
    cache = Cache("scores")
    # The keys of resources are at hand, and what is changed in some is written out.
    contents = [owner.key if value is owner.value else json.dumps(value) for value, owner in scored]
    key = content_key(tool_folder("kube-score").name, *sorted(KUBE_SCORE), _FORMAT, *contents)
    answer = cache.get(key)
    if answer is None:
        texts = [json.dumps(value, ensure_ascii=False) for value, _ in scored]  # YAML has no surrogate pairs
        answer = _score(texts)
        cache.put(key, answer)
    violations = [
        Violation(LH201, f"{scored[index][1]} cannot be read: {said}.", scored[index][1])
        for index, said in answer["unread"]
        if scored[index][1].key not in environment.malformed
    ]
    for kind, namespace, name, check, comments in answer["marks"]:
        marked = by_name.get((kind, namespace, name))
        rule = KUBE_SCORE[check]
        if marked is None or (marked.key in environment.malformed and rule.is_about_absence):
            continue
        if not environment.is_readable(marked):
            continue
        if rule.id in _BUDGETS and (dig(marked.value, "spec", "replicas") or 1) < _SEVERAL:
            continue
        for container, text in comments or [["", f"{rule.title} does not hold"]]:
            place = f" {container}" if container else ""
            path = _container(marked, container)
            path = (*path, "image") if path and rule.check == _IMAGE_TAG else path
            violations.append(Violation(rule, f"{marked}{place}: {text}.", marked, path))
    return violations


def _bare(pod: Pod) -> Pod:
    """A pod of which only the labels can be read: others select it."""
    return replace(pod, spec={"containers": [{"name": "main", "image": "main"}]})


def _legible(resource: BuiltResource, environment: Environment) -> dict[str, Any]:
    """A resource without what is malformed in it: others refer to the rest, which must be there."""
    fields = environment.malformed.get(resource.key)
    if not fields:
        return resource.value
    value: dict[str, Any] = copy.deepcopy(resource.value)
    for path in fields:
        holder = dig_named(value, path[:-1])
        if isinstance(holder, dict) and path:
            holder.pop(path[-1], None)
        elif isinstance(holder, list) and path:
            for index, item in enumerate(holder):
                if path[-1] in (index, dig(item, "name")):
                    # Later items must keep their index.
                    holder[index] = {} if isinstance(item, dict) else None
    return value


def _score(texts: list[str]) -> dict[str, Any]:
    """kube-score's results: `marks`, and `unread` with the index and error of each unreadable resource.

    One resource that it cannot read keeps it from reading any, so those are sought, half by half, and left out.
    """
    marks, said = _kube_score(texts)
    if marks is not None:
        return {"marks": marks, "unread": []}
    unread = list(_unread(texts, 0))
    bad = {index for index, _ in unread}
    marks, said = _kube_score([text for index, text in enumerate(texts) if index not in bad])
    if marks is None:
        raise HarnessError(f"kube-score failed ({said}): run 'harness doctor'.")
    return {"marks": marks, "unread": unread}


def _unread(texts: list[str], first: int) -> Iterator[tuple[int, str]]:
    marks, said = _kube_score(texts)
    if marks is None and len(texts) == 1:
        yield first, said
    elif marks is None:
        middle = len(texts) // 2
        yield from _unread(texts[:middle], first)
        yield from _unread(texts[middle:], first + middle)


def _kube_score(texts: list[str]) -> tuple[list[list[Any]] | None, str]:
    from harness.machine.tools import ask

    stream = "\n---\n".join(texts) + "\n"
    done = ask("kube-score", "score", "--output-format", "json", "-", text=stream)
    try:
        return list(_marks(json.loads(done.stdout) or [])), ""
    except ValueError:
        return None, telling_line(done.stderr or done.stdout).rpartition("err=")[2]


def _as_job(pod: Pod) -> dict[str, Any]:
    """A pod that a program submits later, as a Job, which kube-score knows."""
    name = "-".join(part for part in ("submitted", pod.owner.name, pod.role) if part)
    template = {"metadata": _plain(pod.metadata), "spec": {"restartPolicy": "Never", **pod.spec}}
    metadata = {"name": name, "namespace": pod.namespace}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


def _marks(answer: Any) -> Iterator[list[Any]]:
    """(kind, namespace, name, check, [(container, comment)]) of each failed check."""
    for item in answer:
        kind, metadata = item["type_meta"]["kind"], item["object_meta"]
        for check in item["checks"] or []:
            if check["check"]["id"] not in KUBE_SCORE or check["skipped"] or check["grade"] > _BAD_GRADE:
                continue
            comments = [[comment["path"], comment["summary"]] for comment in check["comments"] or []]
            yield [kind, metadata.get("namespace", ""), metadata.get("name", ""), check["check"]["id"], comments]


def _container(resource: BuiltResource, container: str) -> tuple[str | int, ...]:
    for pod in pods_of(resource):
        for path, candidate, _ in pod.containers():
            if candidate.get("name") == container:
                return path
    return ()


def pod_security(pods: Sequence[Pod]) -> list[Violation]:
    """Violations of the restricted Pod Security Standard, as API server admission judges them.

    Raises:
        HarnessError: The evaluator is unavailable.
    """
    from harness.machine.tools import ask, tool_folder

    if not pods:
        return []
    templates = json.dumps(
        [{"id": str(index), "metadata": _plain(pod.metadata), "spec": pod.spec} for index, pod in enumerate(pods)]
    )
    cache, key = Cache("pod-security"), content_key(tool_folder("apiserver").name, templates)
    answer = cache.get(key)
    if answer is None:
        done = ask("apiserver", "security", text=templates)
        if done.returncode != 0:
            # One malformed pod must not hide the others.
            if len(pods) == 1:
                message = f"{pods[0].owner} cannot be read: {telling_line(done.stderr)}."
                return [Violation(LH201, message, pods[0].owner, pods[0].path)]
            half = len(pods) // 2
            return pod_security(pods[:half]) + pod_security(pods[half:])
        answer = json.loads(done.stdout)
        cache.put(key, answer)
    violations = []
    for violation in answer:
        pod = pods[int(violation["id"])]
        role = f" {pod.role}" if pod.role else ""
        message = f"{pod.owner}{role}: {violation['reason']} ({violation['detail']})."
        violations.append(Violation(LH511, message, pod.owner, pod.spec_path))
    return violations


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: metadata[key] for key in ("annotations", "labels") if key in metadata}


def credentials(root: Path, files: Sequence[str]) -> list[Finding]:
    """The credentials that gitleaks detects in files, which are named relative to the root.

    Raises:
        HarnessError: gitleaks is unavailable.
    """
    from harness.machine.tools import ask, tool_folder

    cache = Cache("credentials")
    state = tool_folder("gitleaks").name
    known: dict[str, list[list[Any]]] = cache.get(state) or {}
    keys, unread = _keys(root, files)
    new = {key: path for path, key in keys.items() if key not in known}
    if new:
        with scratch("leaks-") as folder:
            # The name counts: gitleaks knows that lock files hold checksums, and some rules are for some files.
            copies: dict[tuple[str, str], str] = {}
            alike: Counter[str] = Counter()
            for key, path in list(new.items()):
                try:
                    content = (root / path).read_bytes()
                except OSError as error:  # it was there a moment ago
                    unread.append(_unsearched(path, root, f"cannot be read ({error.strerror})"))
                    del new[key], keys[path]
                    continue
                name = posixpath.basename(path)
                # A folder for each takes time; a report may not have another name as it is.
                is_plain = name.isascii() and name.isprintable()
                place = folder / (str(alike[name]) if is_plain else key)
                place.mkdir(exist_ok=True)
                (place / name).write_bytes(content)
                copies[place.name, name] = key
                alike[name] += 1
            report = folder / "report"
            options = ["--no-banner", "--log-level", "error", "--redact", "--exit-code", "0"]
            options += ["--report-format", "json", "--report-path", str(report)]
            done = ask("gitleaks", "dir", str(folder), *options)
            if done.returncode != 0 or not report.is_file():
                raise HarnessError(f"gitleaks failed ({telling_line(done.stderr)}): run 'harness doctor'.")
            known |= {key: [] for key in new}
            for leak in json.loads(report.read_text(encoding="utf-8")):
                file = Path(leak["File"])
                key = copies.get((file.parent.name, file.name), file.parent.name)
                known[key].append([leak["StartLine"], leak["Description"]])
        current = set(keys.values())
        older = [key for key in known if key not in current][-_KEPT_FILES:]
        cache.put(state, {key: known[key] for key in (*older, *current)})
    return unread + [
        Finding(LH505.id, f"{path}: {description}", file=root / path, line=line)
        for path, key in keys.items()
        for line, description in known[key]
    ]


def _keys(root: Path, files: Sequence[str]) -> tuple[dict[str, str], list[Finding]]:
    """The content keys of files, and findings on those that are not searched.

    A file that the system says nobody has touched since its key was made keeps it.
    """
    cache, place = Cache("file-keys"), content_key(str(root))
    known: dict[str, list[str]] = cache.get(place) or {}
    untouched: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    unread: list[Finding] = []
    settled = time.time_ns() - _SETTLED_NANOSECONDS
    for path in files:
        try:
            status = os.stat(f"{root}/{path}")  # noqa: PTH116 - a Path for each of many files is slow
            changed = max(status.st_ctime_ns, status.st_mtime_ns)
            mark = f"{status.st_ino} {status.st_size} {changed}"
            if (key := known.get(path)) is not None and key[0] == mark:
                untouched[path] = key
                keys[path] = key[1]
                continue
            why = f"has {status.st_size:,} bytes" if status.st_size > MAX_BYTES else ""
            if not why:
                with open(f"{root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - likewise
                    keys[path] = content_key(file.read(MAX_BYTES + 1), posixpath.basename(path))
                if changed < settled:
                    untouched[path] = [mark, keys[path]]
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
        if why:
            unread.append(_unsearched(path, root, why))
    if untouched != known:
        cache.put(place, untouched)
    return keys, unread


def _unsearched(path: str, root: Path, why: str) -> Finding:
    return Finding(LH505.id, f"{path} {why}{NOT_SEARCHED}", file=root / path, line=1)
