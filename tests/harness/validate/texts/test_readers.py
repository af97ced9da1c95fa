"""What Prometheus, Alertmanager and Argo CD's Lua refuse is found at its line, and what they accept is not."""

import json
from pathlib import Path
from typing import Any, Final, cast

import pytest

from harness.validate.argocd import ignored, lua
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.monitoring import configuration, dashboards
from harness.validate.programs import external_secrets, image_files
from harness.validate.texts import readers, scripts

pytestmark = pytest.mark.tools

SCRAPES: Final = """\
global: {external_labels: {cluster: north}}
scrape_configs:
  - job_name: pods
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
"""
MAPPINGS: Final = "mappings:\n  - {match: app.runs.*, name: app_runs, labels: {state: $1}}\n"
CRD: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.org"},
    "spec": {
        "group": "example.org",
        "names": {"kind": "Thing"},
        "versions": [
            {
                "schema": {
                    "openAPIV3Schema": {
                        "properties": {
                            "status": {
                                "type": "object",
                                "properties": {
                                    "count": {"type": "integer"},
                                    "conditions": {
                                        "type": "array",
                                        "items": {"type": "object", "properties": {"type": {"type": "string"}}},
                                    },
                                },
                            }
                        }
                    }
                }
            }
        ],
    },
}


def resource(value: dict[str, Any]) -> BuiltResource:
    return BuiltResource.of(value, build=cast(Any, None))


def config(name: str, **data: str) -> BuiltResource:
    metadata = {"name": name, "namespace": "app"}
    return resource({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def violations(*resources: BuiltResource) -> list[Violation]:
    environment = Environment("north", Path(), [], [*resources])
    files = configuration.files_of(environment)
    found = [*configuration.readings(environment, files), *lua.readings(environment)]
    found += [*scripts.readings(environment), *dashboards.readings(environment)]
    return list(readers.judge(found, configuration.knowledge(environment, files), configuration.LH205))


def judged(**data: str) -> list[tuple[str, str]]:
    return [(violation.rule.id, violation.message) for violation in violations(config("a", **data))]


def rule(expression: str, *lines: str, summary: str = "a") -> str:
    body = [f"expr: {expression}", *lines, "annotations:", f"  summary: '{summary}'"]
    indented = "\n".join(f"        {line}" for line in body)
    return f"groups:\n  - name: a\n    rules:\n      - alert: Gone\n{indented}\n"


def board(expression: str, legend: str = "", source: str = "prometheus") -> str:
    target = {"expr": expression, "legendFormat": legend, "datasource": {"type": source}}
    return json.dumps({"panels": [{"title": "Panel", "type": "stat", "targets": [target]}]}, indent=1)


def scrape(*lines: str) -> str:
    return "scrape_configs:\n  - job_name: a\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("name", "text", "said", "line"),
    [
        ("r.yaml", rule("sum(up == 0"), "unclosed left parenthesis", 5),
        ("r.yaml", rule("rate(up) > 0"), "expected type range vector", 5),
        ("r.yaml", rule("up[5m] == 0"), "must contain only scalar and instant vector", 5),
        ("r.yaml", rule("rat(up[5m]) > 0"), 'unknown function with name "rat"', 5),
        ("r.yaml", rule("up{job=~'('} == 0"), "error parsing regexp", 5),
        ("r.yaml", rule("up == 0", "for: 10 minutes"), 'in duration "10 minutes"', 6),
        ("r.yaml", rule("up == 0", "fro: 10m"), "field fro not found", 6),
        ("r.yaml", rule("up == 0", summary="{{ $labels.pod }"), "annotation", 7),
        ("r.yaml", rule("up == 0", summary="{{ humanise $value }}"), "humanise", 7),
        (
            "r.yaml",
            rule("up == 0").replace("alert:", "record:"),
            "invalid field 'annotations' in recording rule",
            4,
        ),
        ("r.yaml", rule("up == 0") + "  - name: a\n    rules: []\n", "is repeated in the same file", 8),
        ("prometheus.yml", "global: {scrape_interval: 1 minute}\n", 'in duration "1 minute"', 1),
        ("prometheus.yml", "global:\n  scrape_intervall: 1m\n", "field scrape_intervall not found", 2),
        ("prometheus.yml", "scrape_config: []\nglobal: {}\n", "field scrape_config not found", 1),
        ("p.yaml", scrape("relabel_configs: [{action: kepp}]"), 'unknown relabel action "kepp"', 3),
        ("p.yaml", scrape("relabel_configs: [{regex: '('}]"), "missing closing )", 3),
        ("p.yaml", scrape("relabel_configs: [{action: replace}]"), "target_label", None),
        ("p.yaml", scrape("kubernetes_sd_configs: [{role: pods}]"), 'unknown Kubernetes SD role "pods"', 3),
        ("p.yaml", scrape("scrape_timeout: 2m"), "timeout greater than scrape interval", 2),
        ("p.yaml", scrape() + "  - job_name: a\n", "multiple scrape configs with job name", 3),
        (
            "alertmanager.yml",
            "route:\n  receiver: a\n  matchers: ['severity=\"critical']\nreceivers: [{name: a}]\n",
            "unescaped double quote",
            3,
        ),
        ("alertmanager.yml", "route: {receiver: a}\nreceivers: [{name: b}]\n", 'undefined receiver "a"', 1),
        (
            "alertmanager.yml",
            "receivers: [{name: a}]\nroute:\n  receiver: a\n  group_interval: 0s\n",
            "group_interval cannot be zero",
            4,
        ),
    ],
)
def test_what_prometheus_refuses(name: str, text: str, said: str, line: int | None) -> None:
    (violation,) = violations(config("a", **{name: text}))
    assert violation.rule is configuration.LH204
    assert said in violation.message
    assert violation.line == line
    assert f"line {line}." in violation.message or line is None


def test_a_template_of_one_rule_of_several_is_found_at_its_line() -> None:
    second = rule("up > 0", summary="{{ $labels.pod }").split("rules:\n")[1].replace("Gone", "Here")
    (violation,) = violations(config("a", **{"r.yaml": rule("up == 0") + second}))
    assert ("annotation" in violation.message, violation.line) == (True, 11)


def test_a_text_that_is_nested_too_deep_is_asked_of_no_parser() -> None:
    expression = f"{'(' * 6_000}up{')' * 6_000}"
    rules = f'groups:\n  - name: a\n    rules:\n      - {{record: "a:b", expr: "{expression}"}}\n'
    (violation,) = violations(config("a", **{"rules.yml": rules}))
    assert "it is nested more than 5,000 levels deep." in violation.message
    assert violations(config("a", **{"rules.yml": rules.replace("(" * 6_000, "(").replace(")" * 6_000, ")")})) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.yaml", rule("sum by (job) (rate(up[5m])) == 0", "for: 1h30m", summary="{{ $labels.job | title }}")),
        ("r.yaml", rule("up == 0").replace("groups:", "apiVersion: 1\ngroups:").replace("expr:", "data:")),
        ("p.yaml", scrape("kubernetes_sd_configs: [{role: endpointslice}]")),
        ("p.yaml", scrape("ec2_sd_configs: [{region: eu-west-1}]", "dns_sd_configs: [{names: [web]}]")),
        ("b.json", board('sum(rate(up{job="$job"}[$__rate_interval])) by (job)', "{{job}}")),
        ("b.json", board("topk($count, up)")),
        # Another rule reports what is not JSON.
        ("b.json", '{"expr": ' + "[" * 100_000),
        ("b.json", board('{app="web"} |= "error"', source="loki")),
        ("alertmanager.yml", "route: {receiver: a}\nreceivers: [{name: a}]\n"),
    ],
)
def test_what_prometheus_accepts(name: str, text: str) -> None:
    assert judged(**{name: text}) == []


def test_a_query_of_a_dashboard_is_named_by_its_panel() -> None:
    (violation,) = violations(config("a", **{"b.json": board("sum(up")}))
    assert (violation.rule, violation.line) == (configuration.LH204, 8)
    assert violation.message.startswith("ConfigMap app/a has a query in b.json (Panel) that Prometheus refuses: ")


def test_rules_of_the_operator_are_judged() -> None:
    spec = {"groups": [{"name": "a", "rules": [{"alert": "Gone", "expr": "up =", "for": "5m"}]}]}
    rules = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "r"}}
    (violation,) = violations(resource({**rules, "spec": spec}))
    assert (violation.rule, violation.path) == (configuration.LH204, ("spec", "groups"))


def test_files_are_known_by_their_use() -> None:
    settings = config("prometheus", settings="rule_files: [/rules/*]\n", unrelated="a: b\n")
    rules = config("rules", first="groups: [{name: a, rulez: []}]\n")
    volumes = [{"name": name, "configMap": {"name": name}} for name in ("prometheus", "rules")]
    container = {
        "name": "main",
        "image": "docker.io/prom/prometheus:v3",
        "args": ["--config.file=/etc/settings"],
        "volumeMounts": [{"name": "prometheus", "mountPath": "/etc"}, {"name": "rules", "mountPath": "/rules"}],
    }
    pod = resource(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "app"},
            "spec": {"volumes": volumes, "containers": [container]},
        }
    )
    (violation,) = violations(settings, rules, pod)
    assert "has a first that Prometheus refuses: field rulez not found" in violation.message


@pytest.mark.parametrize(
    ("expression", "summary", "missing"),
    [
        ("up == 0", "{{ $labels.pod }} {{ .Labels.job }} {{ $labels.exported_pod }}", []),
        ("up == 0", "{{ $labels.pood }}", ["pood"]),
        ("up == 0", "{{ with $labels.node }}{{ . }}{{ end }}", ["node"]),
        ("sum by (job) (up) == 0", "{{ $labels.pod }}", ["pod"]),
        ("sum without (pod) (up) == 0", "{{ $labels.job }} {{ $labels.pod }}", ["pod"]),
        ("topk(3, up) == 0", "{{ $labels.pod }}", []),
        ("sum(up) == 0", "{{ $labels.job }}", ["job"]),
        ("sum by (jbo) (up) == 0", "", ["jbo"]),
        ("up{jbo='a'} == 0", "", ["jbo"]),
        ("up{team!='a'} == 0", "", ["team"]),
        ("up{cluster='north'} == 0", "", []),
        ("up * on (pod) group_left (stage) app_runs > 0", "{{ $labels.stage }}", ["stage"]),
        ("up * on (pod) group_left (state) app_runs > 0", "{{ $labels.state }}", []),
        ("up * on (pod) app_runs > 0", "{{ $labels.job }}", ["job"]),
        ("(up or app_runs) > 0", "{{ $labels.state }}", []),
        ("up and app_runs", "{{ $labels.state }}", ["state"]),
        ("app_runs{state='failed'} > 0", "{{ $labels.state }}", []),
        ("app_runs_total{status='failed'} > 0", "", ["status"]),
        ("label_replace(up, 'zone', '$1', 'pod', '(.*)') > 0", "{{ $labels.zone }}", []),
        ("absent(up{job='pods'})", "{{ $labels.job }} {{ $labels.pod }}", ["pod"]),
        ("rate(up[5m]) > 0", "{{ $labels.nod }}", ["nod"]),
        ("go_goroutines{anything='a'}", "{{ $labels.anything }}", []),
        ("vector(1)", "{{ $labels.job }}", ["job"]),
        ("pods:up > 0", "{{ $labels.job }} {{ $labels.kind }} {{ $labels.pod }}", ["pod"]),
    ],
)
def test_labels_that_no_series_has(expression: str, summary: str, missing: list[str]) -> None:
    recorded = "groups: [{name: r, rules: [{record: 'pods:up', expr: sum by (job) (up), labels: {kind: pods}}]}]\n"
    data = {"prometheus.yml": SCRAPES, "mapping.yaml": MAPPINGS, "recorded.yaml": recorded}
    found = judged(**data, **{"r.yaml": rule(f'"{expression}"', summary=summary)})
    assert {identifier for identifier, _ in found} <= {"LH205"}
    assert [message.partition('the label "')[2].partition('"')[0] for _, message in found] == missing


def test_without_a_configuration_the_labels_are_not_known() -> None:
    assert judged(**{"r.yaml": rule("up == 0", summary="{{ $labels.pood }}")}) == []


def test_the_legend_of_a_panel_names_labels_that_the_result_has() -> None:
    ((identifier, message),) = judged(
        **{"prometheus.yml": SCRAPES, "b.json": board("sum by (job) (up)", "{{job}} {{pod}}")}
    )
    assert (identifier, 'names the label "pod"' in message) == ("LH205", True)


@pytest.mark.parametrize(
    ("key", "script", "said"),
    [
        (
            "example.org_Thing",
            "if obj.status.count == 1 then\n  return {}\nend",
            "index a non-table object(nil) with key 'count', line 1",
        ),
        (
            "example.org_Thing",
            "if obj.status ~= nil then\n  return obj.status.conditions[1].type .. 1\nend",
            "with an empty status: ",
        ),
        (
            "example.org_Thing",
            "if obj.status ~= nil and obj.status.count == 1 then\n  return obj.none.a\nend",
            "every field of its status: ",
        ),
        ("example.org_Thing", "if obj.status == nil the\nend", "syntax error"),
        ("example.org_Thing", "return {status = 'Helthy'}", 'the status "Helthy" for a resource without a status'),
        ("example.org_Thing", "return {message = 'a'}", 'the status "nil" for a resource without a status'),
        ("example.org_Thing", "return 'Healthy'", "it returns a string instead of a table"),
        ("example.org_Thing", "while true do end", "it does not end within a second"),
        ("example.org_Thing", "return {status = string.upper('a')}", "with key 'upper'"),
        ("ConfigMap", "return obj.data.a", "index a non-table object(nil) with key 'a'"),
    ],
)
def test_a_health_check_that_does_not_run(key: str, script: str, said: str) -> None:
    (violation,) = violations(
        config("argocd-cm", **{f"resource.customizations.health.{key}": script}), resource(CRD)
    )
    assert violation.rule is lua.LH206
    assert f"has a health check of {key} that does not run: " in violation.message
    assert said in violation.message


@pytest.mark.parametrize(
    "script",
    [
        "hs = {}\nreturn hs",
        "hs = {}\nif obj.status and obj.status.count then\n  hs.status = 'Healthy'\nend\nreturn hs",
        "return nil",
        "local os = require('os')\nreturn {status = 'Healthy', message = obj.metadata.name}",
    ],
)
def test_a_health_check_that_runs(script: str) -> None:
    checks = config("argocd-cm", **{"resource.customizations.health.example.org_Thing": script})
    assert violations(checks, resource(CRD)) == []


def test_a_health_check_may_have_all_libraries_or_be_in_one_text() -> None:
    script = "return {status = 'Healthy', message = string.upper('a')}"
    name = "resource.customizations"
    opened = {f"{name}.health.Pod": script, f"{name}.useOpenLibs.Pod": "true"}
    assert violations(config("argocd-cm", **opened)) == []
    inside = config("argocd-cm", **{name: f"example.org/Thing:\n  health.lua: |\n    {script}\n"})
    (violation,) = violations(inside)
    assert "of example.org/Thing that does not run" in violation.message


DISCOVERY: Final = "discovery.lua: |\n  actions = {}\n  actions['halt'] = {['disabled'] = true}\n  return actions\n"


def actions(discovery: str, script: str) -> str:
    body = script.replace("\n", "\n      ")
    return f"{discovery}definitions:\n  - name: halt\n    action.lua: |\n      {body}\n"


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        (actions(DISCOVERY.replace("= {}", "= {"), "return obj"), "a discovery.lua of", 3),
        (actions(DISCOVERY.replace("return actions", ""), "return obj"), "returns a nil instead of a table", 2),
        (actions(DISCOVERY.replace("'halt'", "'stop'"), "return obj"), "offers the action stop, which has no", 2),
        (actions(DISCOVERY.replace("{['disabled'] = true}", "true"), "return obj"), "a boolean for the action", 2),
        (actions(DISCOVERY.replace("{}", "{'halt'}"), "return obj"), "returns a list instead of a table", 2),
        (actions(DISCOVERY, "obj.status.count = 1 +\nreturn obj"), "an action halt of example.org_Thing that", 8),
        (actions(DISCOVERY, "obj.spec.none.count = 1\nreturn obj"), "every field of its status: ", 8),
        (actions(DISCOVERY, "return {}"), "returns a table that is no resource", 8),
        (actions(DISCOVERY, "return {{operation = 'delete', resource = obj}}"), "neither create nor patch", 8),
        (actions(DISCOVERY, "return {{operation = 'create'}}"), "item 1 of what it returns has no resource", 8),
    ],
)
def test_an_action_that_does_not_run(text: str, said: str, line: int) -> None:
    name = "resource.customizations.actions.example.org_Thing"
    (violation,) = violations(config("argocd-cm", **{name: text}), resource(CRD))
    assert (violation.rule, violation.line) == (lua.LH206, line)
    assert said in violation.message


@pytest.mark.parametrize(
    "text",
    [
        actions(DISCOVERY, "obj.status.conditions[1].type = 'Halted'\nreturn obj"),
        actions(DISCOVERY, "local os = require('os')\nobj.spec.at = os.date('!%c')\nreturn obj"),
        actions(DISCOVERY, "return {{operation = 'create', resource = obj}}"),
        actions(
            f"mergeBuiltinActions: true\n{DISCOVERY.replace('= {}', chr(61) + ' {restart = {}}')}", "return obj"
        ),
    ],
)
def test_an_action_that_runs(text: str) -> None:
    name = "resource.customizations.actions.example.org_Thing"
    settings = config("argocd-cm", **{name: text})
    assert violations(settings, resource(CRD)) == []
    assert list(lua.check(Environment("north", Path(), [], [settings]))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            actions(DISCOVERY.replace("discovery.lua", "discovery.lau"), ""),
            "discovery.lau in the actions of A, which",
        ),
        (actions(DISCOVERY, "").replace("action.lua", "actions.lua"), "which Argo CD ignores: use action.lua."),
        (actions("discovery.lua: return {}\n", ""), "the action halt of A, which its discovery.lua never offers."),
    ],
)
def test_an_action_that_is_never_offered(text: str, said: str) -> None:
    for settings in (
        config("argocd-cm", **{"resource.customizations.actions.A": text}),
        config("argocd-cm", **{"resource.customizations": json.dumps({"A": {"actions": text}})}),
    ):
        (violation,) = lua.check(Environment("north", Path(), [], [settings]))
        assert said in violation.message


def job(*command: str, image: str = "tools", kind: str = "Job", **container: Any) -> BuiltResource:
    volumes = [{"name": "a", "configMap": {"name": "a"}}]
    mounts = [{"name": "a", "mountPath": "/scripts"}]
    main = {"name": "main", "image": image, "command": [*command], "volumeMounts": mounts, **container}
    spec = {"template": {"spec": {"volumes": volumes, "containers": [main]}}}
    return resource(
        {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "j", "namespace": "app"}, "spec": spec}
    )


ARRAY: Final = "set -e\nhosts=(a b)\n"


@pytest.mark.parametrize(
    ("key", "text", "command", "said", "line"),
    [
        ("run.sh", "if true; then\n  echo a\n", (), "bash cannot read: `if` statement must end with `fi`", 1),
        ("run.sh", "#!/bin/sh\n" + ARRAY, (), "sh cannot read: arrays are no part", 3),
        ("run.bash", "echo 'a\n", (), "without closing quote", 1),
        ("run", "#!/usr/bin/env bash\ncase a in\n", (), "`case` statement must end with `esac`", 2),
        ("run", ARRAY, ("sh", "/scripts/run"), "sh cannot read: arrays are no part of the language of sh", 2),
        ("run.sh", ARRAY, ("/bin/ash", "-e", "/scripts/run.sh"), "arrays are no part", 2),
        ("run.sh", ARRAY, ("sh", "-c", "exec sh -e /scripts/run.sh now"), "arrays are no part", 2),
        ("lib.sh", ARRAY, ("sh", "-c", ". /scripts/lib.sh && start"), "arrays are no part", 2),
        ("run.sh", "cat <<EOF\na\n", ("bash", "/scripts/run.sh"), "unclosed here-document", 1),
        ("run.sh", "cat <<<$a\n", ("sh", "/scripts/run.sh"), "herestrings are no part", 1),
    ],
)
def test_a_script_that_its_shell_cannot_read(
    key: str, text: str, command: tuple[str, ...], said: str, line: int
) -> None:
    (violation,) = violations(config("a", **{key: text}), job(*command))
    assert (violation.rule.id, violation.path, violation.line) == ("LH316", ("data", key), line)
    assert said in violation.message


@pytest.mark.parametrize(
    ("key", "text", "command"),
    [
        ("run.sh", ARRAY, ()),
        ("run.sh", "#!/bin/sh\n" + ARRAY, ("bash", "/scripts/run.sh")),
        ("run.sh", "#!/bin/bash\n" + ARRAY, ("/scripts/run.sh",)),
        ("run", "#!/usr/bin/env python3\nif a:\n    b()\n", ("/scripts/run",)),
        ("run.sh", "echo {{ name }}\n{% if a %}\necho\n{% endif %}\n", ()),
        ("notes.txt", "it's\n", ("sh", "/scripts/run.sh")),
    ],
)
def test_a_script_that_its_shell_reads(key: str, text: str, command: tuple[str, ...]) -> None:
    assert violations(config("a", **{key: text}), job(*command)) == []


@pytest.mark.parametrize(
    ("container", "path", "line"),
    [
        ({"command": ["sh", "-ec", "echo a\nfor b in c; do\n"]}, ("command", 2), 2),
        ({"command": ["/bin/bash"], "args": ["-o", "pipefail", "-c", "echo $(a"]}, ("args", 3), 1),
        ({"args": ["timeout", "5", "sh", "-c", "[ a = b ] ||"]}, ("args", 4), 1),
        ({"livenessProbe": {"exec": {"command": ["sh", "-c", "a && && b"]}}}, None, 1),
        ({"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "function a { b; }"]}}}}, None, 1),
    ],
)
def test_a_script_in_a_command(container: dict[str, Any], path: tuple[Any, ...] | None, line: int) -> None:
    (violation,) = violations(job(**container))
    place = ("spec", "template", "spec", "containers", 0)
    assert (violation.rule.id, violation.path[:5], violation.line) == ("LH316", place, line)
    assert path is None or violation.path[5:] == path
    # Whatever resource has the command.
    (other,) = violations(job(kind="Workflow", **container))
    assert other.path == violation.path


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "echo $$(date) $(NAME)"),
        ("bash", "-c", "a=(b c); [[ $a == b ]] && diff <(a) <(b)"),
        ("sh", "-c"),
        ("web", "--shell", "sh"),
        ("sh", "-s"),
    ],
)
def test_a_command_that_its_shell_reads(command: tuple[str, ...]) -> None:
    assert violations(job(*command)) == []


@pytest.mark.parametrize(
    ("image", "script", "said"),
    [
        ("debian", "if [[ -s a ]]; then b; fi", "[[ is no command of sh: use [."),
        ("debian", "a &&\n  [[ -s b ]]", "[[ is no command of sh: use [, line 2."),
        ("debian", "source ./a", "source is no command of sh: write . FILE"),
        ("debian", "declare -r A=b", "declare is no command of sh."),
        ("debian", '[ "$A" == b ]', "== is no operator of sh: use =."),
        ("debian", "a &>b", "redirects are no part of the language of sh"),
        ("docker.io/library/postgres:17-trixie", "[[ -s a ]]", "[[ is no command of sh: use [."),
        ("docker.io/library/alpine:3", "if [[ -s a ]]; then source b; fi", ""),
        # The sh of Red Hat's images is bash.
        ("docker.elastic.co/elasticsearch/elasticsearch:7.10.2", "if [[ -s a ]]; then source b; fi", ""),
        ("debian", "if [ -s a ]; then . ./b; fi; a >b 2>&1 & wait", ""),
        ("debian", "let() { c; }; let d; echo '[[' == &\n>e", ""),
    ],
)
def test_a_command_of_bash_in_sh(image: str, script: str, said: str) -> None:
    found = [violation.message for violation in violations(job("sh", "-c", script, image=image))]
    assert [message.endswith(said) or said in message for message in found] == ([True] if said else [])


@pytest.mark.parametrize(("base", "count"), [("debian:bookworm-slim", 1), ("registry.access.redhat.com/ubi9", 0)])
def test_a_command_of_bash_in_an_image_of_this_repository(
    base: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images" / "tools"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {base}\n")
    monkeypatch.chdir(tmp_path)
    image_files.dockerfile.cache_clear()
    assert len(violations(job("sh", "-c", "[[ -s a ]]", image="lakehouse/tools:1"))) == count


def shown(**panel: Any) -> str:
    position = {"x": 0, "y": 0, "w": 6, "h": 5}
    whole = {"title": "Panel", "type": "stat", "gridPos": position, "targets": [{"expr": "up"}]} | panel
    return json.dumps({"schemaVersion": 39, "title": "Web", "panels": [whole]}, indent=1)


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ({"gridPos": {"x": 0, "y": 0, "w": 25, "h": 5}}, "panels[0].gridPos.w: must be <= 24, line 11."),
        ({"gridPos": {"x": 0, "y": 0, "w": 6, "h": 0}}, "panels[0].gridPos.h: must be > 0, line 12."),
        ({"gridPos": {"x": 24, "y": 0, "w": 6, "h": 5}}, "panels[0].gridPos.x: must be < 24, line 9."),
        ({"gridPos": {"x": "0", "y": 0, "w": 6, "h": 5}}, "gridPos.x: it is a text instead of a whole number"),
        ({"targets": {"expr": "up"}}, "it is an object instead of a list"),
        ({"transparent": "yes"}, "panels[0].transparent: it is a text instead of true or false, line"),
        ({"id": 1.5}, "panels[0].id: it is a number instead of a whole number"),
        ({"description": ["a"]}, "panels[0].description: it is a list instead of a text"),
        ({"fieldConfig": {"defaults": {"decimals": "two"}, "overrides": []}}, "decimals: it is a text instead"),
    ],
)
def test_a_panel_that_grafana_cannot_show(panel: dict[str, Any], said: str) -> None:
    (violation,) = violations(config("a", **{"web.json": shown(**panel)}))
    assert violation.rule is dashboards.LH320
    assert said in violation.message
    assert violation.line


@pytest.mark.parametrize(
    "text",
    [
        shown(),
        shown(datasource="Prometheus", unknown="field", options={"anything": [1]}),
        shown(transparent="yes").replace("39", "16"),
        shown().replace('"title": "Web"', '"refresh": false, "id": null, "gnetId": 5'),
    ],
)
def test_a_panel_that_grafana_shows(text: str) -> None:
    assert violations(config("a", **{"web.json": text})) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("helth.Pod", "ignores helth: use health."),
        ("ignoreDifference.all", "use ignoreDifferences."),
        ("actions.Pod", ""),
    ],
)
def test_a_customization_that_argo_cd_ignores(name: str, said: str) -> None:
    settings = config("argocd-cm", **{f"resource.customizations.{name}": ""})
    violations_of_name = list(lua.check(Environment("north", Path(), [], [settings])))
    assert [said in violation.message for violation in violations_of_name] == ([True] if said else [])


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        (MAPPINGS, "", None),
        (MAPPINGS.replace("$1", "$2"), 'the label state is $2, and the pattern "app.runs.*" captures 1', 2),
        (MAPPINGS.replace("labels", "lables"), "field lables not found", 2),
        (MAPPINGS.replace("runs.", "runs.."), "invalid match: app.runs..*", 2),
        (f"defaults: {{observer_type: sumary}}\n{MAPPINGS}", "sumary", 1),
    ],
)
def test_mappings_of_the_statsd_exporter(text: str, said: str, line: int | None) -> None:
    found = violations(config("a", **{"mapping.yaml": text}))
    assert [(violation.rule, said in violation.message, violation.line) for violation in found] == (
        [(configuration.LH204, True, line)] if said else []
    )


def about_what_is_there(**data: str) -> list[str]:
    return [
        violation.message for violation in violations(config("a", **data)) if violation.rule is configuration.LH205
    ]


@pytest.mark.parametrize(
    ("matcher", "said"),
    [
        ("alertname = Gone", ""),
        ('alertname =~ "Gone|Away"', ": Away"),
        ('alertname =~ "G.*"', ""),
        ("alertname != Any", ""),
        ("severity = high", ""),
        ("severity = hihg", ": hihg"),
        ("team = web", ""),
    ],
)
def test_a_route_for_alerts_that_no_rule_has(matcher: str, said: str) -> None:
    route = f"route:\n  receiver: a\n  routes:\n    - matchers: ['{matcher}']\nreceivers: [{{name: a}}]\n"
    rules = rule("up == 0", "labels: {severity: high}")
    found = about_what_is_there(**{"r.yaml": rules, "alertmanager.yml": route})
    assert [said in message for message in found] == ([True] if said else [])


def test_an_inhibition_by_a_label_that_no_alert_has() -> None:
    inhibition = "  - {source_matchers: ['alertname=Gone'], target_matchers: ['alertname=Gone'], equal: [jbo]}\n"
    text = f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\ninhibit_rules:\n{inhibition}"
    rules = rule("sum by (job) (up) == 0")
    found = about_what_is_there(**{"p.yaml": SCRAPES, "r.yaml": rules, "alertmanager.yml": text})
    assert ['"jbo", which no alert has' in message for message in found] == [True]


@pytest.mark.parametrize(
    ("relabelling", "said"),
    [
        ("source_labels: [__meta_kubernetes_pod_label_app], target_label: app", ""),
        ("source_labels: [__meta_kubernetes_pod_lable_app], target_label: app", "__meta_kubernetes_pod_lable_app"),
        ("regex: '(a)(?P<b>b)', target_label: '${b}', replacement: $2$1", ""),
        ("regex: '(a)', target_label: a, replacement: $2", "has no group $2"),
    ],
)
def test_relabelling_by_what_is_not_there(relabelling: str, said: str) -> None:
    text = scrape("kubernetes_sd_configs: [{role: pod}]", f"relabel_configs: [{{{relabelling}}}]")
    found = about_what_is_there(**{"p.yaml": text})
    assert [said in message for message in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("up{job='a'} == 0", ""),
        ("up{job=~'a|b'} == 0", ""),
        ("up{job='b'} == 0", 'selects by job "b", which no series of up has'),
        ("other{job='b'} == 0", ""),
    ],
)
def test_a_job_that_nothing_scrapes(expression: str, said: str) -> None:
    found = about_what_is_there(**{"p.yaml": scrape(), "r.yaml": rule(expression)})
    assert [said in message for message in found] == ([True] if said else [])


def test_templates_that_cannot_write_their_values() -> None:
    texts = {"p.yaml": SCRAPES, "r.yaml": rule("up == 0", summary='{{ $value | printf "%d" }}')}
    ((found, message),) = judged(**texts)
    assert (found, "writes %!d(float64=1.5) in its summary" in message) == ("LH204", True)
    texts["r.yaml"] = rule("up == 0", summary="{{ $externalLabels.cluster }} {{ $externalLabels.region }}")
    ((found, message),) = judged(**texts)
    assert (found, 'the external label "region"' in message) == ("LH205", True)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("set -eu\necho $KEEP $HOME ${X:-1}\n", ""),
        ("set -u\nfor name in a; do echo $name; done\nread -r line\necho $line\n", ""),
        ("echo $KEPE\n", ""),
        ("set -eu\n. /lib.sh\necho $KEPE\n", ""),
        ("set -eu\necho $KEPE\n", "nothing sets $KEPE: use KEEP, line 2."),
        ("set -eu\necho $day\n", "nothing sets $day, line 2."),
        ("set -eu\necho $OF_THE_IMAGE\n", ""),
    ],
)
def test_a_variable_at_which_a_script_stops(script: str, said: str) -> None:
    container = {
        "name": "main",
        "env": [{"name": "KEEP", "value": "1"}],
        "command": ["sh", "/scripts/a.sh"],
        "volumeMounts": [{"name": "scripts", "mountPath": "/scripts"}],
    }
    spec = {"volumes": [{"name": "scripts", "configMap": {"name": "a"}}], "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec}
    found = [violation.message for violation in violations(config("a", **{"a.sh": script}), resource(pod))]
    assert [said in message for message in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("local a =\nreturn {}\n", 1),
        ("if obj then\nreturn {}\nend\nend\n", 4),
        ("if obj\nreturn {}\nend\n", 1),
        ("local a = (1\n\nreturn {}\n", 1),
        ("if obj = 1 then\nend\n", 1),
        ("if obj then\nreturn {}\n", 2),
    ],
)
def test_a_syntax_error_of_lua_is_found_where_it_is(script: str, line: int) -> None:
    key = "resource.customizations.health.example.org_Thing"
    (violation,) = violations(config("argocd-cm", **{key: script}))
    assert (violation.rule, violation.line) == (lua.LH206, line)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (".spec.replicas", False),
        (".spec.template.spec.containers[].resources", False),
        (".webhooks[]?.clientConfig.caBundle", False),
        (".spec.replicas[", True),
        (".spec | nosuchthing", True),
    ],
)
def test_a_path_that_argo_cd_cannot_read(path: str, wrong: bool) -> None:
    difference = {"group": "apps", "kind": "Deployment", "jqPathExpressions": [path]}
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "cicd"},
        "spec": {"ignoreDifferences": [difference]},
    }
    environment = Environment("north", Path(), [], [BuiltResource.of(value, build=cast(Any, None))])
    found = list(readers.judge(list(ignored.readings(environment)), {}, configuration.LH205))
    assert [(one.rule.id, one.path[-1]) for one in found] == [("LH207", 0)] * wrong


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('http://{{ .user | upper }}:{{ index . "pass-word" }}@minio', ""),
        ('{{ .certificate | filterPEM "CERTIFICATE" }}{{ . | toYaml }}', ""),
        ("{{ .user | upcase }}", 'function "upcase" not defined'),
        ("http://{{ .user }@minio", 'unexpected "}" in operand'),
        ("{{ if .user }}", "unexpected EOF"),
        ('{{ env "HOME" }}', 'function "env" not defined'),
    ],
)
def test_a_template_that_external_secrets_cannot_read(template: str, said: str) -> None:
    value = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "web", "namespace": "app"},
        "spec": {"target": {"template": {"engineVersion": "v2", "data": {"url": template}}}},
    }
    environment = Environment("north", Path(), [], [BuiltResource.of(value, build=cast(Any, None))])
    found = list(readers.judge(list(external_secrets.readings(environment)), {}, configuration.LH205))
    assert len(found) == bool(said)
    assert all(said in one.message and one.path[-1] == "url" for one in found)


JOBS: Final = """\
global: {scrape_interval: 30s}
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs: [{role: pod}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_label_app], target_label: app}
  - job_name: cadvisor
    metric_relabel_configs: [{source_labels: [__name__], regex: container_cpu.*, action: keep}]
"""
TYPED: Final = """\
defaults:
  observer_type: summary
  summary_options: {quantiles: [{quantile: 0.5, error: 0.05}]}
mappings:
  - {match: app.runs.*, name: app_runs, labels: {state: $1}}
  - {match: app.ended.good, name: app_ended, labels: {how: good}}
  - {match: app.ended.bad, name: app_ended, labels: {how: bad}}
"""


def of_rule(expression: str, *, name: str = "Gone") -> list[str]:
    rules = rule("x").replace("expr: x", f"expr: {json.dumps(expression)}").replace("Gone", name)
    recorded = "groups: [{name: r, rules: [{record: 'app:late', expr: app_runs > bool 1, labels: {days: '7'}}]}]\n"
    data = {"prometheus.yml": JOBS, "mapping.yaml": TYPED, "r.yaml": rules, "recorded.yaml": recorded}
    found = violations(config("a", **data), app())
    assert {violation.line for violation in found} <= {5}
    return [violation.message for violation in found]


def app() -> BuiltResource:
    metadata = {"name": "p", "namespace": "app", "labels": {"app": "web"}}
    return resource({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}})


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("rate(app_runs[10s]) > 0", "asks for rate over 10s, which has no result between two samples, 30s apart"),
        ("rate(app_runs[59s]) > 0", "over 59s"),
        ("rate(app_runs[10s] offset 1d) > 0", "over 10s"),
        ("max_over_time(app_runs[29s]) > 0", "asks for max_over_time over 29s"),
        ("absent_over_time(app_runs[20s])", "asks for absent_over_time over 20s"),
        ('app_runs{job="pod"} > 0', 'selects by job "pod", which no series of app_runs has'),
        ('app_runs{job=~"podd"} > 0', 'selects by job "podd"'),
        ('app_runs{job="cadvisor"} > 0', 'selects by job "cadvisor"'),
        ('app_runs{namespace="ap"} > 0', 'selects by namespace "ap"'),
        ('app_runs{app="wbe"} > 0', 'selects by app "wbe"'),
        ('app_ended{how="god"} > 0', 'selects by how "god"'),
        ('app_ended{how!="god"} > 0', 'leaves out how "god"'),
        ('app_runs{quantile="0.9"} > 0', 'selects by quantile "0.9"'),
        ('kube_pod_status_phase{phase="Runing"} > 0', 'selects by phase "Runing"'),
        ('app:late{days="8"} > 0', 'selects by days "8"'),
        ('ALERTS{alertname="Gon"}', 'selects by alertname "Gon"'),
        ("container_memory_working_set_bytes > 0", 'which the job "cadvisor" drops'),
        ("app_runs", "compares with nothing: it fires as long as there are its series"),
        ("app_runs > bool 0", "compares with nothing"),
        ("sum by (state) (app_runs) / sum by (job) (app_runs) > 1", "which never match: use on or ignoring"),
        ("histogram_quantile(0.9, sum by (job) (rate(app_seconds_bucket[5m]))) > 1", "bucket label"),
        ("quantile(95, app_runs) > 1", "quantile value should be between 0 and 1"),
        ('label_replace(app_runs, "a", "$1", "job", "(.*") > 1', "invalid regular expression in label_replace()"),
    ],
)
def test_an_alert_that_asks_in_vain(expression: str, said: str) -> None:
    (message,) = of_rule(expression)
    assert said in message


@pytest.mark.parametrize(
    "expression",
    [
        "rate(app_runs[1m]) > 0",
        "max_over_time(app_runs[30s]) > 0",
        "absent_over_time(app_runs[1m])",
        "rate(of_another_program[1s]) > 0",
        'app_runs{job=~"po.*",namespace=~"app|of-another-environment",app!="other"} > 0',
        'app_ended{how=~"good|bad",how!="bad"} > 0',
        'app_runs{namespace!="of-another-environment"} > 0',
        'of_another_program{job="else"} > 0',
        "container_cpu_usage_seconds_total > 0",
        'app:late{days="7"} > 0',
        'kube_pod_info{node="a"}',
        "app_runs unless app_ended",
        "vector(1)",
        "absent(app_runs)",
        'ALERTS{alertname="Gone",alertstate="firing"}',
        "sum by (state) (app_runs) / on (job) group_left () sum by (job) (app_runs) > 1",
        "sum by (state) (app_runs) / ignoring (state) group_left () sum(app_runs) > 1",
        "histogram_quantile(0.9, sum by (le) (rate(app_seconds_bucket[5m]))) > 1",
    ],
)
def test_an_alert_that_finds_what_it_asks_for(expression: str) -> None:
    assert of_rule(expression) == []


def test_the_least_interval_of_a_panel_is_that_of_its_data_source() -> None:
    source = "{name: a, type: prometheus, url: 'http://a', jsonData: {timeInterval: 30s}}"
    sources = f"apiVersion: 1\ndatasources: [{source}]\n"
    data = {"prometheus.yml": JOBS, "mapping.yaml": TYPED, "sources.yaml": sources}
    ((identifier, message),) = judged(**data, **{"b.json": board("rate(app_runs[$__interval])")})
    assert (identifier, "over 30s" in message, "use $__rate_interval" in message) == ("LH205", True, True)
    assert judged(**data, **{"b.json": board("rate(app_runs[$__rate_interval])")}) == []
    assert judged(**data, **{"b.json": board('app_runs{job="$job"}')}) == []


def alertmanager(*lines: str, route: str = "", receiver: str = "") -> dict[str, str]:
    text = f"route: {{receiver: a{route}}}\nreceivers:\n  - name: a\n{receiver}" + "".join(
        f"{line}\n" for line in lines
    )
    rules = rule("up == 0", "labels: {severity: critical}")
    return {"prometheus.yml": JOBS, "alertmanager.yml": text, "r.yaml": rules}


def slack(title: str) -> str:
    return (
        f"    slack_configs:\n      - api_url: http://a\n        channel: b\n        title: {json.dumps(title)}\n"
    )


@pytest.mark.parametrize(
    ("data", "said", "line"),
    [
        (alertmanager(receiver=slack("{{ .CommonLabels.job")), 'receiver "a": unclosed action', 7),
        (alertmanager(receiver=slack("{{ .Status | toUper }}")), 'function "toUper" not defined', 7),
        (alertmanager(receiver=slack("{{ .Statsu }}")), "can't evaluate field Statsu", 7),
        (alertmanager(receiver=slack("{{ range .Alerts }}{{ .Lables.job }}{{ end }}")), "Lables", 7),
        (alertmanager(receiver=slack('{{ template "slack.default.titel" . }}')), "slack.default.titel", None),
        (alertmanager(receiver=slack("{{ .CommonLabels.severty }}")), 'names the label "severty"', 7),
        (alertmanager(receiver=slack("{{ .CommonAnnotations.sumary }}")), 'names the annotation "sumary"', 7),
        (alertmanager(route=", group_by: [jbo]"), 'groups by the label "jbo", which no alert has', 1),
        (alertmanager(route=", routes: [{matchers: [severty=critical]}]"), 'has the label "severty" of', 1),
        (alertmanager(route=", routes: [{match: {severity: critcal}}]"), 'matcher "critcal"', 1),
        (alertmanager("  - name: b"), 'no route sends to the receiver "b"', 4),
    ],
)
def test_notifications_that_nobody_gets(data: dict[str, str], said: str, line: int | None) -> None:
    (violation,) = violations(config("a", **data))
    assert said in violation.message
    assert violation.line == line or line is None


@pytest.mark.parametrize(
    "data",
    [
        alertmanager(
            receiver=slack('{{ template "slack.default.title" . }} {{ .CommonLabels.severity | toUpper }}')
        ),
        alertmanager(
            receiver=slack("{{ range .Alerts.Firing }}{{ .Labels.SortedPairs.Values | join `,` }}{{ end }}")
        ),
        alertmanager(route=", group_by: ['...'], routes: [{matchers: [severity=~critical]}]"),
    ],
)
def test_notifications_that_somebody_gets(data: dict[str, str]) -> None:
    assert violations(config("a", **data)) == []


def test_a_severity_that_is_almost_routed_is_found_at_its_rule() -> None:
    data = alertmanager(route=', routes: [{matchers: [severity=~"critical|warning"]}]')
    data["r.yaml"] = (
        rule("up == 0", "labels: {severity: critial}")
        + rule("up > 0", "labels: {severity: critical}").split("rules:\n")[1]
    )
    data["w.yaml"] = rule("up == 0", "labels: {severity: warning}").replace("Gone", "Slow")
    (violation,) = violations(config("a", **data))
    assert 'sets severity to "critial", by which Alertmanager routes nothing: use critical' in violation.message
    assert violation.line == 6


def test_templates_of_notifications_are_read_from_where_the_configuration_says() -> None:
    text = (
        "templates: [texts/*.tmpl]\n" + alertmanager(receiver=slack('{{ template "title" . }}'))["alertmanager.yml"]
    )
    volumes = [{"name": name, "configMap": {"name": name}} for name in ("a", "texts")]
    mounts = [{"name": "a", "mountPath": "/etc/am"}, {"name": "texts", "mountPath": "/etc/am/texts"}]
    container = {
        "name": "alertmanager",
        "image": "prom/alertmanager",
        "args": ["--config.file=/etc/am/alertmanager.yml"],
    }
    spec = {"volumes": volumes, "containers": [{**container, "volumeMounts": mounts}]}
    pod = resource({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec})
    main = config("a", **{"alertmanager.yml": text})
    assert violations(main, pod, config("texts", **{"t.tmpl": '{{ define "title" }}{{ .Status }}{{ end }}'})) == []
    (broken, missing) = violations(main, pod, config("texts", **{"t.tmpl": 'a\n{{ define "title" }}{{ .Status }}'}))
    assert '"title" not defined' in broken.message or '"title" not defined' in missing.message
    assert {"t.tmpl", "alertmanager.yml"} == {broken.path[1], missing.path[1]}


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ("{match: a.b, name: b}\n  - {match: 'a.*', name: a}", ""),
        ("{match: 'a.*.*', name: a}\n  - {match: 'a.b.*', name: b}", "is never used: that of `a.*.*` comes before"),
        ("{match: a.b, name: a}\n  - {match: a.b, name: b}", 'the mapping of "a.b" is there twice'),
        (
            "{match: a.b, name: a, observer_type: histogram}\n  - {match: a.c, name: a, observer_type: summary}",
            'makes "a" a summary, and another a histogram',
        ),
        (
            "{match: a.b, name: a, observer_type: histogram, histogram_options: {buckets: [3, 2]}}",
            "buckets must be in increasing order",
        ),
        (
            "{match: a.b, name: a, observer_type: summary, summary_options: {quantiles: [{quantile: 95}]}}",
            'the quantile "95" is not between 0 and 1',
        ),
        ("{match: 'a.*', name: a, observer_type: summary, labels: {quantile: $1}}", "quantile"),
    ],
)
def test_mappings_that_the_exporter_cannot_use(mappings: str, said: str) -> None:
    found = judged(**{"mapping.yaml": f"mappings:\n  - {mappings}\n"})
    assert [said in message for _, message in found] == ([True] if said else [])


def test_a_default_that_no_mapping_can_use_is_one_finding() -> None:
    (violation,) = violations(config("a", **{"mapping.yaml": TYPED.replace("quantile: 0.5", "quantile: 95")}))
    assert 'the quantile "95" is not between 0 and 1' in violation.message
    assert violation.line == 3


def test_a_column_that_a_table_lacks_is_found_where_it_is_named() -> None:
    names = {"excludeByName": {"jbo": True, "Value": True, "job": True}, "renameByName": {"state": "State"}}
    override = {"matcher": {"id": "byName", "options": "State"}, "properties": []}
    panel = {
        "title": "Panel",
        "type": "table",
        "targets": [{"expr": "app_runs", "format": "table", "refId": "A"}],
        "transformations": [{"id": "organize", "options": names}],
        "fieldConfig": {"overrides": [override, {**override, "matcher": {"id": "byName", "options": "state"}}]},
    }
    data = {"prometheus.yml": JOBS, "mapping.yaml": TYPED, "b.json": json.dumps({"panels": [panel]}, indent=1)}
    (violation,) = violations(config("a", **data))
    assert "has a panel 'Panel' in b.json: its table has no column \"jbo\"." in violation.message
    assert violation.line == next(i for i, line in enumerate(data["b.json"].splitlines(), 1) if '"jbo"' in line)


def test_what_prometheus_no_longer_keeps() -> None:
    def prometheus(*arguments: str) -> BuiltResource:
        container = {"name": "a", "image": "prom/prometheus", "args": list(arguments)}
        return resource(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
        )

    rules = config("a", **{"r.yaml": rule("max_over_time(up[20d]) == 0")})
    (violation,) = violations(rules, prometheus())
    assert "asks for 20d, and Prometheus keeps 15d" in violation.message
    assert violations(rules, prometheus("--storage.tsdb.retention.time=30d")) == []


def test_an_interval_at_which_series_have_gaps() -> None:
    (violation,) = violations(config("a", **{"prometheus.yml": JOBS.replace("30s", "10m")}))
    assert '"pods" scrapes every 10m, and queries see a sample for 5m only' in violation.message
    assert violation.line == 1


def test_a_scheme_by_which_nothing_can_be_scraped() -> None:
    (violation,) = violations(config("a", **{"prometheus.yml": scrape("scheme: htps")}))
    assert ('"a" scrapes by "htps"' in violation.message, violation.line) == (True, 3)
