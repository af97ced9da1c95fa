"""A value that kustomize puts somewhere else is wrong where it is written, once, whatever it makes of the text."""

import json
from pathlib import Path

import pytest

from harness.validate.check import validate
from harness.validate.output import place

pytestmark = pytest.mark.tools

APP = "overlays/north/app"
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: later}
spec:
  parallelism: 1
  completions: 1
  suspend: false
  template:
    spec:
      serviceAccountName: web
      terminationGracePeriodSeconds: 5
      restartPolicy: Never
      containers:
        - name: later
          image: example/web
"""
OTHER = "server:\n  port: 80\n  ratio: 0.5\n"
SETTINGS = "# Of a job.\nCOUNT=1\nTIME=5\nSUSPEND=false\nPORT=80\nRATIO=0.5\n"
PATHS = {
    "COUNT": ["job.yaml.spec.parallelism", "job.yaml.spec.completions"],
    "TIME": ["job.yaml.spec.template.spec.terminationGracePeriodSeconds"],
    "SUSPEND": ["job.yaml.spec.suspend"],
    "PORT": ["other.yaml.server.port"],
    "RATIO": ["other.yaml.server.ratio"],
}
"""The fields of texts that each setting replaces."""


def write(root: Path, settings: str) -> None:
    app = root / APP
    (app / "job.yaml").write_text(JOB)
    (app / "other.yaml").write_text(OTHER)
    (app / "settings.env").write_text(settings)
    replacements = [
        {
            "source": {"kind": "ConfigMap", "name": "settings", "fieldPath": f"data.{key}"},
            "targets": [
                {
                    "select": {"kind": "ConfigMap", "name": "later"},
                    "fieldPaths": ["data." + path.replace(".yaml", "\\.yaml") for path in paths],
                }
            ],
        }
        for key, paths in PATHS.items()
    ]
    kustomization = app / "kustomization.yaml"
    kustomization.write_text(
        kustomization.read_text() + "configMapGenerator:\n"
        "  - {name: settings, namespace: app, envs: [settings.env]}\n"
        "  - {name: later, namespace: app, files: [job.yaml, other.yaml]}\n"
        f"replacements: {json.dumps(replacements)}\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("COUNT=1", "COUNT=one", "LH201", 2),
        ("TIME=5", "TIME=5s", "LH201", 3),
        ("SUSPEND=false", "SUSPEND=never", "LH201", 4),
        ("PORT=80", "PORT=http", "LH316", 5),
        ("RATIO=0.5", "RATIO=half", "LH316", 6),
    ],
)
def test_a_value_of_another_type(sound: Path, old: str, new: str, rule: str, line: int) -> None:
    write(sound, SETTINGS)
    before = {finding.rule for finding in validate(sound, ("north",)).findings}
    (sound / APP / "settings.env").write_text(SETTINGS.replace(old, new))
    findings = [finding for finding in validate(sound, ("north",)).findings if finding.rule not in before]
    assert [(place(one, sound), one.rule) for one in findings] == [(f"{APP}/settings.env:{line}", rule)]
