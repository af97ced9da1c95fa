"""What Argo CD ignores is found, and what it knows is not."""

from pathlib import Path
from typing import Any, Final, cast

import pytest

from harness.validate.argocd import ignored
from harness.validate.model import BuiltResource, Environment

PREFIX: Final = "argocd.argoproj.io/"


def messages(value: dict[str, Any]) -> list[str]:
    environment = Environment("north", Path(), [], [BuiltResource.of(value, build=cast(Any, None))])
    return [violation.message for violation in ignored.check(environment)]


def config(**annotations: str) -> dict[str, Any]:
    named = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    metadata = {"name": "a", "namespace": "b", "annotations": named}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def application(*options: str, **annotations: str) -> dict[str, Any]:
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
    return {**config(**annotations), **kind, "spec": {"syncPolicy": {"syncOptions": [*options]}}}


def application_set(*options: str, **annotations: str) -> dict[str, Any]:
    template = {key: application(*options, **annotations)[key] for key in ("metadata", "spec")}
    return {**application(), "kind": "ApplicationSet", "spec": {"template": template}}


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (config(hook="Synch"), "hook Synch, which Argo CD ignores: use Sync"),
        (config(hook="presync"), "hook presync, which Argo CD ignores: use PreSync"),
        (config(hook="PreSync,Postsync"), "hook Postsync, which Argo CD ignores: use PostSync"),
        (config(hook="Sync,Skip"), "hook Skip, which Argo CD ignores: it knows PostSync, PreSync, Sync, SyncFail"),
        (config(hook=""), "an empty argocd.argoproj.io/hook: remove it, or give it a value"),
        (
            config(hooks="Sync"),
            "annotation argocd.argoproj.io/hooks, which Argo CD does not know: use argocd.argoproj.io/hook",
        ),
        (config(sync_waves="1"), "sync-waves, which Argo CD does not know: use argocd.argoproj.io/sync-wave"),
        (
            config(hook="Sync", hook_delete_policy="HookSuceeded"),
            "HookSuceeded, which Argo CD ignores: use HookSucceeded",
        ),
        (config(hook_delete_policy="HookFailed"), "ignores without argocd.argoproj.io/hook"),
        (config(sync_wave="one"), "sync-wave 'one', which Argo CD takes for 0: write a whole number"),
        (config(sync_wave="1.5"), "sync-wave '1.5', which"),
        (config(sync_wave=" 1"), "sync-wave ' 1', which"),
        (config(sync_wave="1_0"), "sync-wave '1_0', which"),
        (
            config(sync_options="Prune=no"),
            "sync-options Prune=no, which Argo CD ignores: Prune may be true or false or confirm",
        ),
        (
            config(sync_options="ServerSideApply"),
            "ServerSideApply, which Argo CD ignores: ServerSideApply may be true or false",
        ),
        (config(sync_options="Prune=false, Replce=true"), "Replce=true, which Argo CD ignores: use Replace"),
        (
            config(compare_options="IgnoreExtraneous=true"),
            "IgnoreExtraneous=true, which Argo CD ignores: use IgnoreExtraneous",
        ),
        (
            config(compare_options="ServerSideDiff=true"),
            "ServerSideDiff=true, which Argo CD ignores: it knows IgnoreExtraneous",
        ),
        (config(ignore_healthcheck="yes"), "ignore-healthcheck yes, which Argo CD ignores: it knows false, true"),
        (
            application(compare_options="ServerSideDif=true"),
            "ServerSideDif=true, which Argo CD ignores: use ServerSideDiff",
        ),
        (application("ServerSideApply=ture"), "sync option ServerSideApply=ture, which Argo CD ignores"),
        (application("CreateNamespaces=true"), "CreateNamespaces=true, which Argo CD ignores: use CreateNamespace"),
        (application("PrunePropagationPolicy=forground"), "may be background or foreground or orphan"),
        (application_set("Replace=yes"), "sync option Replace=yes, which"),
        (application_set(sync_wave="first"), "sync-wave 'first', which"),
    ],
)
def test_what_argo_cd_ignores_is_a_finding(resource: dict[str, Any], said: str) -> None:
    (message,) = messages(resource)
    assert message.startswith(f"{resource['kind']} b/a has ")
    assert said in message


@pytest.mark.parametrize(
    "resource",
    [
        config(hook="PreSync,PostSync", hook_delete_policy="BeforeHookCreation, HookFailed", sync_wave="-1"),
        config(hook="Skip"),
        config(hook="PreDelete", sync_wave="+2"),
        config(sync_options="Prune=false,Delete=confirm , Validate=false"),
        config(compare_options="IgnoreExtraneous", tracking_id="anything"),
        application("PrunePropagationPolicy=orphan", "Validate=false", compare_options="ServerSideDiff=true"),
        application_set("Replace={{replace}}", sync_wave="{{ .wave }}"),
    ],
)
def test_what_argo_cd_knows_is_no_finding(resource: dict[str, Any]) -> None:
    assert messages(resource) == []


def test_a_delete_policy_of_a_helm_hook_counts() -> None:
    value = config(hook_delete_policy="HookFailed")
    value["metadata"]["annotations"]["helm.sh/hook"] = "pre-install"
    assert messages(value) == []


def test_an_annotation_that_is_a_label_is_a_finding() -> None:
    value = config()
    value["metadata"]["labels"] = {f"{PREFIX}sync-wave": "1", f"{PREFIX}secret-type": "cluster"}
    assert messages(value) == [
        "ConfigMap b/a has the label argocd.argoproj.io/sync-wave, which Argo CD only reads as an annotation."
    ]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("timeout.reconciliation", "180s", ""),
        ("timeout.reconciliation", "3 minutes", "sets timeout.reconciliation, which has to be a duration"),
        ("resource.respectRBAC", "usual", "sets resource.respectRBAC, which has to be normal or strict."),
        ("policy.csv", "# ops\np, role:ops, applications, sync, */*, allow\ng, ops, role:ops\n", ""),
        (
            "policy.csv",
            "\np, role:ops, applications, synch, */*, allow",
            "the action synch, which Argo CD does not",
        ),
        ("policy.csv", "p, role:ops, application, sync, */*, allow", "know: use applications, line 1."),
        ("policy.csv", "p, role:ops, applications, sync, allow", "a rule of 5 fields instead of p, subject"),
        (
            "policy.csv",
            "p, role:ops, applications, sync, */*, permit",
            "the effect permit instead of allow or deny",
        ),
        ("policy.csv", "p, role:ops, logs, get, web, allow", "the object web, which is no project/name"),
        ("policy.csv", "p, role:ops, clusters, get, web, allow", ""),
        ("policy.matchMode", "globs", "which has to be glob or regex"),
        ("scopes", "groups, email", "which has to be a list"),
        ("scopes", "[groups, email]", ""),
        ("exec.enabeld", "true", "sets exec.enabeld, which Argo CD does not read: use exec.enabled."),
        ("resource.exclusion", "[]", "use resource.exclusions."),
        ("kustomize.path.v5.0.0", "/opt/kustomize", ""),
        ("dashboard.of.another.program", "true", ""),
        ("accounts.ci", "apiKeys", "may be login, apiKey or both"),
        ("accounts.ci", "apiKey, login", ""),
        ("accounts.ci.enabled", "true", ""),
        ("resource.customizations.health.batch_Jobs", "return {}", "the kind Jobs, which batch does not have"),
        ("resource.customizations.health.cert-manager.io_Certificate", "return {}", ""),
        (
            "resource.customizations.actions.app_Deployment",
            "{}",
            "the API group app, which does not exist: use apps",
        ),
        ("resource.customizations.ignoreDifferences.all", "{}", ""),
        ("policy.csv", "g, ops", "a group of 2 fields instead of g, subject, role"),
    ],
)
def test_settings(key: str, value: str, said: str) -> None:
    resource = config() | {"metadata": {"name": "argocd-cm", "namespace": "cicd"}, "data": {key: value}}
    found = messages(resource)
    assert [said in message for message in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("p, proj:web:ci, applications, sync, web/*, allow", ""),
        ("p, proj:web:ci, applications, sync, other/*, allow", "a rule for other/*, which is not of the project"),
        ("p, proj:web:other, applications, sync, web/*, allow", "instead of proj:web:ci"),
        ("p, proj:web:ci, applications, snyc, web/*, allow", "the action snyc"),
    ],
)
def test_policies_of_a_project(policy: str, said: str) -> None:
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "web", "namespace": "cicd"},
        "spec": {"roles": [{"name": "ci", "policies": [policy]}]},
    }
    assert [said in message for message in messages(project)] == ([True] if said else [])


def test_a_finalizer_that_argo_cd_does_not_know() -> None:
    known, unknown = "resources-finalizer.argocd.argoproj.io", "resource-finalizer.argocd.argoproj.io"
    resource = application()
    resource["metadata"]["finalizers"] = [known, "example.org/other", unknown]
    (message,) = messages(resource)
    assert message.endswith(f"has the finalizer {unknown}, which Argo CD does not know: use {known}.")


def test_a_difference_that_is_ignored_by_no_pointer() -> None:
    resource = application()
    resource["spec"]["ignoreDifferences"] = [
        {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/a", "spec/b"]}
    ]
    (message,) = messages(resource)
    assert message.endswith("ignores differences at spec/b, which is no JSON pointer: write /spec/b.")


@pytest.mark.parametrize(
    ("first", "longest", "wrong"),
    [("5s", "3s", True), ("2m", "90s", True), ("5s", "3m", False), ("5s", "5s", False), ("5", "0", False)],
)
def test_the_longest_wait_is_no_shorter_than_the_first(first: str, longest: str, wrong: bool) -> None:
    backoff = {"duration": first, "maxDuration": longest}
    found = messages(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"syncPolicy": {"retry": {"backoff": backoff}}},
        }
    )
    said = f"Application b/a waits {first} before the first retry, and {longest} at most: raise maxDuration."
    assert found == [said] * wrong


@pytest.mark.parametrize(
    ("backoff", "said"),
    [
        ({"duration": "5s", "maxDuration": "3min"}, "waits 3min between retries, which has to be a duration"),
        ({"duration": "1d"}, "waits 1d between retries, which has to be a duration such as 5s or 3m."),
        ({"duration": "5 s"}, "waits 5 s between retries"),
        ({"factor": 0}, "waits 0 times as long before each retry: set the factor to 1 or more."),
        ({"duration": 5, "factor": 2, "maxDuration": "1h30m"}, ""),
    ],
)
def test_the_waits_between_retries(backoff: dict[str, Any], said: str) -> None:
    resource = application()
    resource["spec"] = {"syncPolicy": {"retry": {"backoff": backoff}}}
    found = messages(resource)
    assert [said in message for message in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("finalizer", "known"),
    [
        ("resources-finalizer.argocd.argoprj.io", False),
        ("resources-finaliser.argocd.argoproj.io", False),
        ("resources-finalizer.argocd.argoproj.io/background", True),
        ("foregroundDeletion", True),
    ],
)
def test_a_finalizer(finalizer: str, known: bool) -> None:
    resource = application()
    resource["metadata"]["finalizers"] = [finalizer]
    assert (messages(resource) == []) is known


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("controller.status.processors", "four", "a whole number"),
        ("reposerver.parallelism.limit", "0", ""),
        ("server.insecure", "yes", "true or false"),
        ("server.insecure", "true", ""),
        ("repo.server", "any", ""),
    ],
)
def test_a_parameter_of_a_command(key: str, value: str, said: str) -> None:
    metadata = {"name": "argocd-cmd-params-cm", "namespace": "b"}
    found = messages({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: value}})
    assert len(found) == bool(said)
    assert all(message.endswith(f"sets {key}, which has to be {said}.") for message in found)


@pytest.mark.parametrize(
    ("kind", "schedule", "wrong"),
    [
        ("deny", "* * * * *", True),
        ("deny", "*/1 * * * *", True),
        ("deny", "0 2 * * *", False),
        ("allow", "* * * * *", False),
    ],
)
def test_a_window_leaves_a_time_for_syncs(kind: str, schedule: str, wrong: bool) -> None:
    window = {"kind": kind, "schedule": schedule, "duration": "1h", "applications": ["*"]}
    metadata = {"name": "a", "namespace": "b"}
    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata}
    found = messages(project | {"spec": {"syncWindows": [window]}})
    assert ["denies syncs at every minute" in message for message in found] == [True] * wrong


@pytest.mark.parametrize(
    ("group", "kind", "said"),
    [
        ("apps", "Deployment", ""),
        ("*", "*", ""),
        ("", "PersistentVolumeClaim", ""),
        ("example.org", "Widgte", ""),
        ("apps", "Deploymnt", "the kind Deploymnt, which apps does not have: its resources are deployments."),
        ("apps", "CronJob", "the kind CronJob, which apps does not have: it is of batch."),
        ("network.k8s.io", "Ingress", "the API group network.k8s.io, which does not exist: use networking.k8s.io."),
    ],
)
def test_ignored_differences_are_of_a_kind_that_there_is(group: str, kind: str, said: str) -> None:
    value = application()
    value["spec"]["ignoreDifferences"] = [{"group": group, "kind": kind, "jsonPointers": ["/spec/replicas"]}]
    found = messages(value)
    assert [message.endswith(said) for message in found] == ([True] if said else [])
