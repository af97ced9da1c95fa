"""Grafana's dashboards and provisioning files: what it would refuse, ignore or show as empty is found."""

import json
from typing import Any, Final

import pytest

from harness.validate.finding import Violation
from harness.validate.monitoring import dashboards, provisioning
from tests.harness.validate.made import made

SOURCES: Final = (
    "apiVersion: 1\ndatasources:\n  - {name: Metrics, uid: metrics, type: prometheus, url: 'http://a'}\n"
)
PANEL: Final[dict[str, Any]] = {
    "title": "Panel",
    "type": "stat",
    "gridPos": {"x": 0, "y": 0, "w": 6, "h": 5},
    "datasource": {"type": "prometheus", "uid": "metrics"},
    "targets": [{"refId": "A", "expr": "up"}],
}


def configs(*files: dict[str, str], extra: str = "") -> Any:
    metadata = [{"name": f"c{number}", "namespace": "app"} for number in range(len(files))]
    listed = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": one, "data": data}
        for one, data in zip(metadata, files, strict=True)
    ]
    return made("\n---\n".join([*map(json.dumps, listed), extra]))


def board(*panels: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"uid": "web", "title": "Web", "panels": [*panels]} | fields, indent=1)


def of_panel(**changes: Any) -> list[Violation]:
    changed = {key: value for key, value in (PANEL | changes).items() if value is not None}
    return list(dashboards.check(configs({"web.json": board(changed), "sources.yaml": SOURCES})))


def test_a_sound_dashboard() -> None:
    assert of_panel() == []


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        ({"type": "timeserie"}, "LH320", "of the unknown type timeserie: use timeseries."),
        ({"type": "volkovlabs-echarts-panel"}, "LH320", "no plugin of that name is installed."),
        ({"type": None}, "LH320", "of the unknown type "),
        ({"transformations": [{"id": "organise"}]}, "LH320", "sets id to organise in panel 'Panel', which Grafana"),
        ({"options": {"reduceOptions": {"calcs": ["lastNotNul"]}}}, "LH320", "sets calcs to lastNotNul in"),
        ({"fieldConfig": {"defaults": {"unit": "percentuni"}}}, "LH320", "not know: use percentunit."),
        ({"fieldConfig": {"overrides": [{"matcher": {"id": "byNam"}}]}}, "LH320", "not know: use byName."),
        (
            {"links": [{"url": "/d/a?var=$where"}]},
            "LH319",
            "uses $where in panel 'Panel', which it does not declare.",
        ),
        ({"targets": []}, "LH320", "has a panel 'Panel' without a query."),
        (
            {"targets": None, "tragets": PANEL["targets"]},
            "LH320",
            "sets tragets in panel 'Panel', which Grafana ignores",
        ),
        ({"targets": [{"exrp": "up"}]}, "LH320", "sets exrp in panel 'Panel', which Grafana ignores: use expr."),
        ({"targets": [{"expr": " "}]}, "LH320", "has a query without an expression in panel 'Panel'."),
        ({"gridPos": {"x": 20, "y": 0, "w": 6, "h": 5}}, "LH320", "that ends at column 26 of 24."),
        (
            {"gridPos": None, "gridpos": {}},
            "LH320",
            "sets gridpos in panel 'Panel', which Grafana ignores: use gridPos.",
        ),
        ({"targets": [{"refId": "A", "expr": "a"}, {"refId": "A", "expr": "b"}]}, "LH318", "has two queries A in"),
        ({"datasource": None}, "LH319", "names no data source in panel 'Panel', and none is the default."),
        ({"datasource": "${DS_METRICS}"}, "LH319", "uses $DS_METRICS in panel 'Panel', which it does not declare."),
        ({"datasource": {"uid": "metric"}}, "LH319", "reads data source metric in panel 'Panel', which nothing"),
        ({"interval": "30 seconds"}, "LH320", "sets interval in panel 'Panel', which has to be a duration"),
        ({"timeFrom": "an hour"}, "LH320", "sets timeFrom in panel 'Panel', which has to be a duration"),
        ({"timeShift": "1 day"}, "LH320", "sets timeShift in panel 'Panel', which has to be a duration"),
        (
            {"targets": [{"expr": "up", "interval": "1minute"}]},
            "LH320",
            "sets interval in panel 'Panel', which has to be a duration",
        ),
        ({"repeat": "node"}, "LH319", "repeats panel 'Panel' by $node, which it does not declare."),
        (
            {"options": {"graphMode": "areas"}},
            "LH320",
            "sets graphMode to areas in panel 'Panel', which Grafana does not",
        ),
        (
            {"options": {"reduceOption": {}}},
            "LH320",
            "sets reduceOption in panel 'Panel', which Grafana ignores: use",
        ),
        (
            {"options": {"reduceOptions": {"calc": []}}},
            "LH320",
            "sets calc in panel 'Panel', which Grafana ignores: use calcs",
        ),
        (
            {"type": "timeseries", "fieldConfig": {"defaults": {"custom": {"lineInterpolation": "smoth"}}}},
            "LH320",
            "does not know: use smooth.",
        ),
        (
            {"type": "timeseries", "fieldConfig": {"defaults": {"custom": {"lineWith": 1}}}},
            "LH320",
            "sets lineWith in panel 'Panel', which Grafana ignores: use lineWidth.",
        ),
        ({"fieldConfig": {"defaults": {"color": {"mode": "fixd"}}}}, "LH320", "sets mode to fixd in panel 'Panel'"),
        ({"fieldConfig": {"defaults": {"color": {"mode": "fixed", "fixedColor": "gren"}}}}, "LH320", "use green."),
        (
            {"fieldConfig": {"defaults": {"thresholds": {"steps": [{"color": "#12345", "value": None}]}}}},
            "LH320",
            "sets color to #12345 in panel 'Panel', which has to be such as #1f60c4.",
        ),
        (
            {"fieldConfig": {"defaults": {"thresholds": {"steps": [{"value": 5}, {"value": 1}]}}}},
            "LH320",
            "sets the threshold 1 in panel 'Panel', which comes after a greater one.",
        ),
        (
            {"fieldConfig": {"overrides": [{"matcher": {"id": "byName"}, "properties": [{"id": "unti"}]}]}},
            "LH320",
            "overrides unti in panel 'Panel', which Grafana does not know: use unit.",
        ),
        (
            {"fieldConfig": {"overrides": [{"properties": [{"id": "unit", "value": "percentuni"}]}]}},
            "LH320",
            "sets value to percentuni in panel 'Panel', which Grafana does not know: use percentunit.",
        ),
        (
            {
                "targets": [{"expr": "up", "legendFormat": "Up"}],
                "fieldConfig": {"overrides": [{"matcher": {"id": "byName", "options": "Upp"}}]},
            },
            "LH320",
            "overrides Upp in panel 'Panel', which none of its queries is called.",
        ),
        ({"datasource": {"type": "loki", "uid": "metrics"}}, "LH319", "as loki, which is prometheus."),
    ],
)
def test_a_panel(changes: dict[str, Any], rule: str, said: str) -> None:
    (violation,) = of_panel(**changes)
    assert violation.rule.id == rule
    assert said in violation.message
    assert violation.line
    assert violation.line > 1


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "text", "targets": None},
        {"type": "row", "targets": None, "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
        {"targets": None, "libraryPanel": {"uid": "shared"}},
        {"datasource": None, "targets": [{"expr": "up", "datasource": {"uid": "metrics"}}]},
        {"description": "a", "links": [], "transparent": True, "interval": "1m", "maxDataPoints": 5},
        {"interval": "$interval", "timeFrom": "7d", "timeShift": "1h30m"},
        {"interval": ">10s", "targets": [{"expr": "up", "interval": ""}]},
        {"targets": [{"expr": "up", "exemplar": True, "instant": True, "range": False, "editorMode": "code"}]},
        {"fieldConfig": {"defaults": {"unit": "suffix:rows", "color": {"mode": "fixed", "fixedColor": "darkred"}}}},
        {"fieldConfig": {"defaults": {"unit": "pods", "thresholds": {"steps": [{"value": None}, {"value": 1}]}}}},
        {"fieldConfig": {"overrides": [{"matcher": {"id": "byName", "options": "{{a}}"}, "properties": []}]}},
    ],
)
def test_a_panel_that_is_shown(changes: dict[str, Any]) -> None:
    assert of_panel(**changes) == []


@pytest.mark.parametrize(
    ("fields", "rule", "said"),
    [
        ({"title": ""}, "LH320", "has no title."),
        ({"refresh": "30 seconds"}, "LH320", "sets refresh, which has to be a duration such as 30s."),
        ({"uid": "web page"}, "LH320", "has a uid that is not of 1 to 40"),
        ({"uid": "a" * 41}, "LH320", "has a uid that is not of 1 to 40"),
        ({"templatin": {"list": []}}, "LH320", "sets templatin, which Grafana ignores: use templating."),
        (
            {"templating": {"list": [{"name": "a", "type": "qery"}]}},
            "LH320",
            "declares $a of an unknown type: use query.",
        ),
        (
            {"templating": {"list": [{"name": "a", "type": "query", "query": "label_values(up{job='$b'}, a)"}]}},
            "LH319",
            "uses $b in variable $a, which it does not declare.",
        ),
        (
            {"templating": {"list": [{"name": "a", "type": "query", "datasource": {"uid": "gone"}}]}},
            "LH319",
            "reads data source gone in variable $a, which nothing provisions.",
        ),
        (
            {"annotations": {"list": [{"name": "a", "datasource": {"uid": "gone"}}]}},
            "LH319",
            "reads data source gone in annotation 'a', which nothing provisions.",
        ),
    ],
)
def test_a_dashboard(fields: dict[str, Any], rule: str, said: str) -> None:
    (violation,) = dashboards.check(configs({"web.json": board(PANEL, **fields), "sources.yaml": SOURCES}))
    assert (violation.rule.id, said in violation.message) == (rule, True), violation.message


def test_two_dashboards_of_one_title_in_a_folder_are_found_at_the_title() -> None:
    first, second = board(PANEL), board(PANEL, uid="other")
    (violation,) = dashboards.check(configs({"a.json": first}, {"b.json": second}))
    assert violation.rule is dashboards.LH318
    assert "b.json that has the title Web, as a.json of ConfigMap app/c0 has." in violation.message
    assert violation.line == 3
    mounts = [{"name": name, "mountPath": f"/dashboards/{name}"} for name in ("c0", "c1")]
    volumes = [{"name": name, "configMap": {"name": name}} for name in ("c0", "c1")]
    spec = {"volumes": volumes, "containers": [{"name": "grafana", "volumeMounts": mounts}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec}
    assert list(dashboards.check(configs({"a.json": first}, {"b.json": second}, extra=json.dumps(pod)))) == []


def test_two_dashboards_of_one_uid_are_one_finding() -> None:
    (violation,) = dashboards.check(configs({"a.json": board(PANEL)}, {"b.json": board(PANEL)}))
    assert "has the uid web, as a.json" in violation.message


def test_a_data_source_that_all_dashboards_read_is_missing_where_data_sources_are() -> None:
    files = {"a.json": board(PANEL), "b.json": board(PANEL, uid="b", title="B")}
    sources = {"sources.yaml": SOURCES.replace("uid: metrics", "uid: metrcs")}
    (violation,) = dashboards.check(configs(files, sources))
    assert violation.message == (
        "ConfigMap app/c1 has a provisioning file sources.yaml that lacks the data source metrics, "
        "which a.json and 1 more read."
    )
    assert (violation.path, violation.line) == (("data", "sources.yaml"), 3)


def test_a_data_source_that_many_panels_read_is_one_finding() -> None:
    panels = [PANEL | {"title": title, "datasource": {"uid": "gone"}, "gridPos": {}} for title in ("A", "B", "C")]
    (violation,) = dashboards.check(configs({"a.json": board(*panels), "sources.yaml": SOURCES}))
    assert "reads data source gone in panel 'A' and 2 more, which nothing provisions." in violation.message


def source(**fields: Any) -> str:
    one = {"name": "Metrics", "type": "prometheus", "url": "http://a"} | fields
    one = {key: value for key, value in one.items() if value is not None}
    return json.dumps({"apiVersion": 1, "datasources": [one]})


def provider(**fields: Any) -> str:
    one = {"name": "files", "type": "file", "options": {"path": "/dashboards"}} | fields
    return json.dumps({"apiVersion": 1, "providers": [one]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (source(isDefaut=True), "sets isDefaut, which Grafana does not know: use isDefault."),
        (source(is_default=True), "sets is_default, which Grafana does not know: use isDefault."),
        (source(editable="never"), "sets editable, which has to be true or false."),
        (source(orgId="main"), "sets orgId, which has to be a whole number."),
        (source(jsonData="timeInterval"), "sets jsonData, which has to be an object."),
        (source(jsonData={"timeInterval": "30 seconds"}), "sets timeInterval, which has to be a duration such as"),
        (source(jsonData={"queryTimeout": "one minute"}), "sets queryTimeout, which has to be a duration"),
        (source(jsonData={"httpMethod": "PUT"}), "sets httpMethod, which has to be GET or POST."),
        (source(jsonData={"tlsSkipVerify": "yes"}), "sets tlsSkipVerify, which has to be true or false."),
        (source(jsonData={"timeIntervall": "30s"}), "which Grafana does not know: use timeInterval."),
        (source(jsonData={"timeInterval": "1m30s", "httpMethod": "GET", "ownSetting": {"a": 1}}), ""),
        (source(jsonData={"timeInterval": "$INTERVAL"}), ""),
        (source(url=["http://a"]), "sets url, which has to be a text."),
        (source(url=None), "declares data source Metrics without a url."),
        (source(name=None), "declares a data source without a name."),
        (source(type=None), "declares a data source without a type."),
        (source(type="promethues"), "of the unknown type promethues: use prometheus."),
        (source(access="proxi"), "with an access that is neither proxy nor direct."),
        (source().replace("apiVersion", "apiVersoin"), ""),
        (source()[:-1] + ', "prun": true}', "sets prun, which Grafana does not know: use prune."),
        (provider(type="git"), "declares provider files of another type than file."),
        (provider(options={}), "declares provider files without options.path."),
        (
            provider(options={"paht": "/dashboards", "path": "/dashboards"}),
            "sets paht, which Grafana does not know",
        ),
        (provider(updateIntervalSeconds="1m"), "sets updateIntervalSeconds, which has to be a whole number."),
        (provider(disableDeletion="on"), "sets disableDeletion, which has to be true or false."),
        (
            provider(folder="Web", options={"path": "/dashboards", "foldersFromFilesStructure": True}),
            "declares provider files with a folder, though folders come from its files.",
        ),
        (source(url="$URL", editable="${EDITABLE}", type="yesoreyeram-infinity-datasource", access=""), ""),
        (provider(folder="Web", allowUiUpdates="false"), ""),
    ],
)
def test_a_provisioning_file(text: str, said: str) -> None:
    violations = list(provisioning.check(configs({"file.yaml": text})))
    assert [said in violation.message for violation in violations] == ([True] if said else [])


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"name": "Other", "isDefault": True}, "makes data source Other the default, as Metrics is"),
        ({"name": "Metrics"}, "declares a second data source of the name Metrics."),
        ({"name": "Other", "uid": "m"}, "declares a second data source of the uid m."),
        ({"name": "Other", "isDefault": True, "orgId": 2}, ""),
    ],
)
def test_two_data_sources(second: dict[str, Any], said: str) -> None:
    files = {"a.yaml": source(isDefault=True, uid="m"), "b.yaml": source(**second)}
    violations = list(provisioning.check(configs(files)))
    assert [said in violation.message for violation in violations] == ([True] if said else [])


@pytest.mark.parametrize(
    ("mounted", "count"), [("/dashboards", 0), ("/dashboards/web", 0), ("/dashboard", 1), ("/", 1)]
)
def test_dashboards_come_from_where_they_are_mounted(mounted: str, count: int) -> None:
    mounts = [
        {"name": "c0", "mountPath": "/etc/grafana/provisioning/dashboards"},
        {"name": "c1", "mountPath": mounted},
    ]
    volumes = [{"name": name, "configMap": {"name": name}} for name in ("c0", "c1")]
    spec = {"volumes": volumes, "containers": [{"name": "grafana", "volumeMounts": mounts}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec}
    files = ({"files.yaml": provider()}, {"web.json": board(PANEL)})
    violations = list(provisioning.check(configs(*files, extra=json.dumps(pod))))
    assert len(violations) == count
    old = provider().replace('"apiVersion": 1, ', "")
    (violation, *_) = provisioning.check(configs({"files.yaml": old}, extra=json.dumps(pod)))
    assert "has no apiVersion" in violation.message


@pytest.mark.parametrize(
    ("fields", "rule", "said"),
    [
        (
            {"time": {"from": "now-24hours", "to": "now"}},
            "LH320",
            "shows the time from now-24hours, which has to be",
        ),
        ({"templating": {"list": [{"name": "a", "type": "custom"}] * 2}}, "LH318", "declares $a twice."),
        ({"links": [{"title": "A", "url": "${gone:raw}/a"}]}, "LH319", "uses $gone in link 'A', which it does not"),
        (
            {"time": {"from": "now-1h", "to": "now-1d"}},
            "LH320",
            "shows the time from now-1h to now-1d, which is none.",
        ),
        ({"links": [{"title": "A", "type": "dashboard"}]}, "LH320", "a type that is neither dashboards nor link."),
        ({"timezone": "Europe/Berlim"}, "LH320", "of the zone Europe/Berlim, which does not exist."),
        (
            {"templating": {"list": [{"name": "a", "type": "query", "regex": "/(a.*/"}]}},
            "LH320",
            "declares $a with a pattern that has missing ), unterminated subpattern.",
        ),
        (
            {"templating": {"list": [{"name": "a", "type": "interval", "query": "1m,1 hour"}]}},
            "LH320",
            "declares $a with 1 hour, which has to be a duration",
        ),
        (
            {"templating": {"list": [{"name": "a", "type": "datasource", "query": "promethues"}]}},
            "LH320",
            "of the type promethues: use prometheus.",
        ),
        (
            {
                "templating": {"list": [{"name": "job", "type": "query", "multi": True}]},
                "annotations": {"list": [{"name": "b", "expr": 'up{job="$job"} == 0'}]},
            },
            "LH320",
            "compares job with $job by =, which may be several values: use =~.",
        ),
    ],
)
def test_a_dashboard_that_does_not_work(fields: dict[str, Any], rule: str, said: str) -> None:
    files = {"web.json": board(PANEL, **fields), "sources.yaml": SOURCES}
    (violation,) = dashboards.check(configs(files))
    assert (violation.rule.id, said in violation.message) == (rule, True)


@pytest.mark.parametrize(
    "text", ["now", "now-7d", "now-1d/d", "now/w", "2024-05-01T00:00:00.000Z", "1714521600000"]
)
def test_what_a_dashboard_may_show(text: str) -> None:
    files = {"web.json": board(PANEL, time={"from": text, "to": "now"}), "sources.yaml": SOURCES}
    assert list(dashboards.check(configs(files))) == []


def test_panels_in_one_place() -> None:
    def at(x: int, y: int) -> dict[str, Any]:
        return PANEL | {"title": f"{x} {y}", "gridPos": {"x": x, "y": y, "w": 6, "h": 5}}

    files = {"web.json": board(at(0, 0), at(6, 0), at(0, 5), at(5, 4)), "sources.yaml": SOURCES}
    (violation,) = dashboards.check(configs(files))
    assert violation.message.endswith("that has a panel '5 4' in the place of panel '0 0'.")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"type": "link", "url": "/d/web/web?orgId=1"}, ""),
        ({"type": "link", "url": "/d/wbe"}, "links to the dashboard wbe, which does not exist: use web."),
        ({"type": "link", "url": "https://example.org/d/a.html"}, ""),
        ({"type": "dashboards", "tags": ["a"]}, ""),
        ({"type": "dashboards", "tags": ["b"]}, "links to the dashboards tagged b, which none is."),
    ],
)
def test_where_links_lead(link: dict[str, Any], said: str) -> None:
    mounts = [{"name": "c0", "mountPath": "/dashboards"}]
    volumes = [{"name": "c0", "configMap": {"name": "c0"}}]
    spec = {"volumes": volumes, "containers": [{"name": "grafana", "volumeMounts": mounts}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec}
    files = {"web.json": board(PANEL, tags=["a"], links=[link])}
    found = list(dashboards.check(configs(files, {"sources.yaml": SOURCES}, extra=json.dumps(pod))))
    assert [said in violation.message for violation in found] == ([True] if said else [])


def test_a_file_among_dashboards_that_is_none() -> None:
    mounts = [
        {"name": "c0", "mountPath": "/etc/grafana/provisioning/dashboards"},
        {"name": "c1", "mountPath": "/dashboards"},
    ]
    volumes = [{"name": name, "configMap": {"name": name}} for name in ("c0", "c1")]
    spec = {"volumes": volumes, "containers": [{"name": "grafana", "volumeMounts": mounts}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "app"}, "spec": spec}
    exported = json.dumps({"meta": {}, "dashboard": json.loads(board(PANEL))})
    files = {"a.json": exported, "b.json": json.dumps({"title": "Empty"})}
    (violation,) = dashboards.check(configs({"files.yaml": provider()}, files, extra=json.dumps(pod)))
    assert violation.message.endswith("a.json that is no dashboard with a title: it is below its field dashboard.")


@pytest.mark.parametrize(("interval", "count"), [("5s", 1), ("30s", 0), ("1m", 0), ("$every", 0)])
def test_rates_need_as_long_an_interval_as_that_of_scrapes(interval: str, count: int) -> None:
    scrapes = "global: {scrape_interval: 30s}\nscrape_configs: []\n"
    files = {"a.yaml": source(jsonData={"timeInterval": interval}), "prometheus.yml": scrapes}
    found = [violation.message for violation in provisioning.check(configs(files))]
    assert ["though Prometheus scrapes every 30s" in message for message in found] == [True] * count
