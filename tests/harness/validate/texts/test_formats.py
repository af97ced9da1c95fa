"""Texts inside ConfigMaps: their forms, and why they are not valid, without repeating them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.manifests.upstream import module_folder
from harness.validate.check import validate
from harness.validate.texts.formats import S3_FILE, conflict_line, form_of, problem_of

MINIO: Final = ("github.com/minio/pkg/v3", "v3.3.4")


@pytest.mark.parametrize(
    ("config", "names", "text", "form"),
    [
        ("web", ["a.json"], "", "JSON"),
        ("web", ["policy", "/etc/policy.json"], "", "JSON"),
        ("web", ["a.yml"], "", "YAML"),
        ("web", ["core-site.xml"], "", "XML"),
        ("web", ["airflow.cfg"], "# settings\n[core]\na = 1\n", "ini"),
        ("web", ["haproxy.cfg"], "global\n  maxconn 5\n", ""),
        ("web", ["run"], "#!/usr/bin/env python3\n", "Python"),
        ("web", ["run.sh"], "#!/bin/sh\n", ""),
        ("argocd-cm", ["resource.exclusions"], "", "YAML"),
        ("web", ["resource.exclusions"], "", ""),
    ],
)
def test_what_a_text_should_be(config: str, names: list[str], text: str, form: str) -> None:
    assert form_of(config, names, text) == form


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        ("JSON", '{\n"a": 1,,\n}', 2),
        ("JSON", '{"a": 1, "a": 2}', None),
        ("JSON", "[" * 100_000, None),
        ("YAML", "a: 1\nb: [\n", 2),
        ("TOML", "a = 1\nb = \n", 2),
        ("ini", "[a]\nb = 1\nb = 2\n", 3),
        ("ini", "hunter2\n[a]\n", 1),
        ("Python", "a = 1\nif a\n    b\n", 2),
        ("Python", "a = '\0'", None),
        ("XML", "<a>\n<b></a>", 2),
        ("XML", '<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>', 1),
        ("JSON", '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"]}]}', None),
        ("JSON", '{"Version": "2012", "Statement": []}', None),
        *(
            ("JSON", '{"Version": "2012-10-17", "Statement":\n [{"Effect": "Allow",\n' + rest + "}]}", 3)
            for rest in (
                '"Action": "s3:GetObject", "Resource": "arn:aws:s3::a/*"',
                '"Action": "s3:GetObjekt", "Resource": "arn:aws:s3:::a/*"',
                '"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", "Conditions": {}',
                '"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", "Condition": {"StringLikes": {}}',
                '"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::a/*"',
                '"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a"]',
            )
        ),
        *(
            ("JSON", '{"Rules": [\n{"Status": "Enabled", "Expiration": {"Days": 1}},\n' + rule + "}]}", 3)
            for rule in (
                '{"Status": "enabled", "Expiration": {"Days": 30}',
                '{"Status": "Enabled", "Expiration": {"Days": "30"}',
                '{"Status": "Enabled", "Expiration": {"Days": 1}, "Filtr": {"Prefix": "a/"}',
                '{"Status": "Enabled", "Expiration": {"Days": 1}, "prefixes": "a/"',
                '{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": -1}',
            )
        ),
        ("properties", "a = b\nc = \\u00zz\n", 2),
        ("properties", "appender.console.type = Console\nrootLogger.level = wran\n", 2),
    ],
)
def test_a_text_that_is_not_valid(form: str, text: str, line: int | None) -> None:
    problem = problem_of(form, text)
    assert problem is not None
    assert problem.line == line or line is None
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("JSON", '{"legend": "{{instance}}"}'),
        ("JSON", '{"replicas": {{ replicas }}}'),
        ("YAML", "name: {{ name }}\n"),
        ("ini", "[a]\nb = 10%\nskip-networking\n"),
        ("TOML", "[a]\nb = 1\n"),
        ("XML", "<a><b/></a>"),
        ("Python", 'a = "\\d"\n'),
        ("JSON", '{"Rules": [{"Status": "any", "Prefix": "a"}]}'),
        ("properties", "rootLogger.level = info\nlogger.a.level = VERBOSE\nb = \\u00e9 \\\\u\n"),
        ("JSON", '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}'),
        *(
            ("JSON", '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", ' + rest + "}}")
            for rest in (
                '"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::a/*"]',
                '"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a*"',
                '"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::*/a"',
            )
        ),
    ],
)
def test_a_text_that_is_valid(form: str, text: str) -> None:
    assert problem_of(form, text) is None


@pytest.mark.tools
def test_a_mistake_is_found_at_its_line(sound: Path) -> None:
    settings = sound / "base/app/settings.yaml"
    settings.write_text("answer: 42\nquestion: [\n")
    extra = sound / "overlays/north/app/extra.yaml"
    extra.write_text(extra.read_text() + "  a.json: |\n    {\n      ,\n    }\n")
    places = {(finding.file, finding.line) for finding in validate(sound, ("north",)).findings}
    assert places == {(settings, 2), (extra, len(extra.read_text().splitlines()) - 1)}


def test_actions_and_conditions_are_those_of_minio(kept: Callable[[Path, str], None]) -> None:
    folder = module_folder(*MINIO) / "policy"
    code = (folder / "action.go").read_text(encoding="utf-8")
    actions = dict(re.findall(r'^\t(\w+)(?: Action)?\s*= "(s3:\w+)"$', code, re.MULTILINE))
    objects = re.findall(
        r"^\t(\w+):", code.partition("supportedObjectActions = ")[2].partition("\n}")[0], re.MULTILINE
    )
    of_objects = {actions[name] for name in objects if name in actions}
    names = (folder / "condition" / "name.go").read_text(encoding="utf-8")
    current = {
        "buckets": sorted({*actions.values()} - of_objects - {"s3:ListAllMyBuckets"}),
        "conditions": sorted(re.findall(r'^\t\w+\s*= "([A-Z]\w+)"$', names, re.MULTILINE)),
        "objects": sorted(of_objects),
    }
    text = json.dumps(current, indent=0) + "\n"
    kept(S3_FILE, text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n", 2),
        ("<<<<<<< ours\nb\n", None),
        ("=======\n<<<<<<< ours\n>>>>>>> theirs\n", None),
        ("<<<<<<< a\n" * 50_000, None),
    ],
)
def test_the_line_of_a_conflict(text: str, line: int | None) -> None:
    assert conflict_line(text) == line


def test_texts_of_one_line_or_sign_repeated_come_to_an_end() -> None:
    """Each of them would take more than a lifetime where every way to match is tried."""
    assert form_of("a", ["x.conf"], "# " * 200) == ""
    assert form_of("a", ["x.conf"], "# a [b]\n" * 200 + "[section]\n") == "ini"
    assert problem_of("properties", "\n" * 300_000) is None
