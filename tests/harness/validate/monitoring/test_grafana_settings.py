"""Grafana's variables: what it does not know, and values that it cannot read."""

import pytest

from harness.validate.monitoring import grafana_settings
from harness.validate.monitoring.grafana_settings import problem_of
from tests.harness.validate.made import made


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GF_ANALYTICS_REPORTING_ENABLE", "false", "use GF_ANALYTICS_REPORTING_ENABLED"),
        ("GF_SERVER_ROOTURL", "http://a", "use GF_SERVER_ROOT_URL"),
        ("GF_AUTH_ANONYMOUS_ENABLE", "true", "use GF_AUTH_ANONYMOUS_ENABLED"),
        ("GF_USERS_ALLOW_SIGN_UP", "flase", "has to be true or false"),
        ("GF_SERVER_HTTP_PORT", "http", "has to be a whole number"),
        ("GF_LOG_FILE_MAX_DAYS", "7d", "has to be a whole number"),
        ("GF_SERVER_ROOT_URL", "grafana.example.org", "has to be a URL such as"),
        ("GF_LOG_LEVEL", "wran", "has to be trace or debug or info or warn or error or critical"),
        ("GF_DASHBOARDS_MIN_REFRESH_INTERVAL", "30 seconds", "has to be a duration such as 30s"),
        ("GF_SECURITY_ADMIN_PASS", "$(A)", "use GF_SECURITY_ADMIN_PASSWORD"),
    ],
)
def test_what_grafana_ignores(name: str, value: str, said: str) -> None:
    assert said in problem_of(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GF_USERS_ALLOW_SIGN_UP", "False"),
        ("GF_USERS_ALLOW_SIGN_UP", "$(SIGN_UP)"),
        ("GF_SERVER_HTTP_PORT", None),
        ("GF_PATHS_DATA", "/data"),
        ("GF_DATABASE_PASSWORD__FILE", "/run/secrets/password"),
        ("GF_FEATURE_TOGGLES_ENABLE", "any"),
        ("GF_PLUGIN_GRAFANA_IMAGE_RENDERER_RENDERING_MODE", "clustered"),
        ("GF_INSTALL_PLUGINS", "a,b"),
        ("GF_SOMETHING_OF_ANOTHER_VERSION", "1"),
        ("GF_AUTH_GITHUB_CLIENT_ID", "a"),
        ("GF_AUTH_GOOGLE_ALLOWED_DOMAINS", "example.org"),
        ("GF_UNIFIED_ALERTING_SCREENSHOTS_CAPTURE", "true"),
        ("GF_UNIFIED_ALERTING_STATE_HISTORY_ENABLED", "true"),
        ("GF_LOG_LEVEL", "debug"),
        ("GF_SERVER_ROOT_URL", "%(protocol)s://%(domain)s/grafana/"),
    ],
)
def test_what_grafana_reads(name: str, value: str | None) -> None:
    assert problem_of(name, value) == ""


def test_variables_of_a_config_map_are_found_there() -> None:
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: app}
data: {GF_USERS_ALLOW_SIGN_UPS: "true"}
---
apiVersion: v1
kind: Pod
metadata: {name: grafana, namespace: app}
spec:
  containers: [{name: a, image: grafana, envFrom: [{configMapRef: {name: settings}}]}]
"""
    (found,) = grafana_settings.check(made(text))
    assert (str(found.resource), found.path) == ("ConfigMap app/settings", ("data", "GF_USERS_ALLOW_SIGN_UPS"))


@pytest.mark.parametrize(("port", "count"), [("3000", 0), ("3001", 1)])
def test_grafana_listens_on_a_port_of_its_container(port: str, count: int) -> None:
    text = f"""
apiVersion: v1
kind: Pod
metadata: {{name: grafana, namespace: app}}
spec:
  containers:
    - name: grafana
      image: grafana
      ports: [{{containerPort: 3000}}]
      env: [{{name: GF_SERVER_HTTP_PORT, value: "{port}"}}]
"""
    assert len(list(grafana_settings.check(made(text)))) == count
