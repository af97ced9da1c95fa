"""Bad input is one sentence in bounded time, and the rest is judged."""

import base64
import contextlib
import errno
import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.manifests.tree import MAX_BYTES
from harness.validate.check import validate

pytestmark = pytest.mark.tools

EXTRA = "overlays/north/app/extra.yaml"
EXEMPTIONS = "overlays/north/exemptions.yaml"
CLUSTER = "overlays/north/cluster.yaml"
KUSTOMIZATION = "overlays/north/app/kustomization.yaml"
SETTINGS = "base/app/settings.yaml"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: app}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]\n" for last, name in zip("abcdefg", "bcdefgh", strict=True)
)

MANY = "a: &a x, " + ", ".join(f"k{number}: *a" for number in range(100_000))
LONG = "&a " + "x" * 1_001


def written(content: str | bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content.encode() if isinstance(content, str) else content)


def linked(target: str) -> Callable[[Path], object]:
    def link(file: Path) -> None:
        file.unlink(missing_ok=True)
        file.symlink_to(target)

    return link


def pipe(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


@pytest.mark.parametrize(
    ("path", "make", "said"),
    [
        (EXTRA, written(f"{CONFIG}data: {'{a: ' * 3_000}1{'}' * 3_000}"), "nested more than 128 levels deep"),
        (EXTRA, written(CONFIG + BOMB), "its aliases stand for more than 1,000,000 values"),
        (EXTRA, written(f"{CONFIG}data: {{{MANY}}}"), "has more than 10,000 keys"),
        (EXTRA, written(f"{CONFIG}data: {{{MANY.replace('*a', 'x')}}}"), "has more than 10,000 keys"),
        (
            EXTRA,
            written(f"{CONFIG}data:\n  {MANY.replace('*a', 'x').replace(', ', chr(10) + '  ')}"),
            "10,000 keys",
        ),
        (EXTRA, written(f"{CONFIG}list: [{', '.join([LONG, *['*a'] * 9_999])}]"), "more than 10,000,000 letters"),
        (EXTRA, written(f"{CONFIG}more: &b [{LONG}]\nlist: [{'*b, ' * 10_000}]"), "more than 10,000,000 letters"),
        (EXTRA, written(CONFIG + "#" * MAX_BYTES), "more than the 10,000,000 of any manifest"),
        (EXTRA, written(CONFIG + "#" * 4_000_000), "more than a cluster stores"),
        (EXTRA, written(f"{CONFIG}---\n" * 10_000), "more than 10,000 documents"),
        (EXTRA, written("---\n" * 1_000_000), "more than 10,000 documents"),
        (EXTRA, written(CONFIG.encode("utf-16")), "is not UTF-8 at byte 0"),
        (EXTRA, written(CONFIG.encode("utf-32")), "is not UTF-8 at byte 0"),
        (EXTRA, written(CONFIG + 'data: {a: "\0"}'), "a character that YAML does not allow"),
        (EXTRA, written(CONFIG.encode() + b"data: {a: \xff}"), "is not UTF-8 at byte"),
        (EXTRA, pipe, "is not a file, so it is not read"),
        (EXTRA, folder, "is a folder without a kustomization.yaml"),
        (EXTRA, linked("/dev/zero"), "is a link that leads outside the repository"),
        (EXTRA, linked("extra.yaml"), "has circular links"),
        (KUSTOMIZATION, written("resources: [a]\n".encode("utf-16")), "is not UTF-8"),
        (KUSTOMIZATION, written("[" * 3_000), "nested more than 128 levels deep"),
        (KUSTOMIZATION, pipe, "overlays/north/app/kustomization.yaml is not a file"),
        (KUSTOMIZATION, written(f"resources: [{'y/' * 5_000}z.yaml]\n"), "z.yaml does not exist"),
        (EXEMPTIONS, written("[" * 3_000), "nested more than 128 levels deep"),
        (EXEMPTIONS, written("- {}".encode("utf-16")), "is not UTF-8"),
        (EXEMPTIONS, pipe, "is not a file"),
        (EXEMPTIONS, linked("/dev/zero"), "is a link that leads outside the repository"),
        (CLUSTER, written("a: b".encode("utf-16")), "is not UTF-8"),
        (CLUSTER, written("["), "is not valid YAML"),
        (CLUSTER, pipe, "is not a file"),
        (CLUSTER, linked("/dev/zero"), "is a link that leads outside the repository"),
        (SETTINGS, written(BOMB), "its aliases stand for more than"),
        (SETTINGS, written("{" * 100_000), "nested more than 128 levels deep"),
        ("base/app/rules.yaml", written("{{" * 100_000), "nested more than 128 levels deep"),
    ],
)
def test_it_is_one_finding_and_the_rest_is_judged(
    sound: Path, path: str, make: Callable[[Path], object], said: str
) -> None:
    policy = sound / "base/misc/namespaces.yaml"
    policy.write_text(policy.read_text().replace("enforce: restricted", "enforce: baseline", 1))
    make(sound / path)
    report = validate(sound)
    messages = [finding.message for finding in report.findings if finding.rule != "LH508"]
    assert len(messages) == len(report.findings) - 1 == 1
    assert said in messages[0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "pyproject.toml is not a file, so its settings are not known: put a file in its place."),
        (folder, "pyproject.toml is not a file, so its settings are not known: put a file in its place."),
        (linked("nothing.toml"), "pyproject.toml is a link to a file that does not exist: correct it."),
        (linked("/dev/zero"), "pyproject.toml is a link that leads outside the repository"),
        (written("[tool.harness\n"), "pyproject.toml cannot be read"),
    ],
)
def test_settings_that_cannot_be_read_are_one_sentence(
    sound: Path, make: Callable[[Path], object], said: str
) -> None:
    make(sound / "pyproject.toml")
    with pytest.raises(UsageError, match=re.escape(said)):
        validate(sound)


@pytest.mark.parametrize("base", ["../../../base/app", "../../../base/appp"])
def test_files_of_a_base_that_cannot_be_read_are_not_called_unused(sound: Path, base: str) -> None:
    """The base has a folder in the place of its kustomization, or is misspelt."""
    if base.endswith("/app"):
        folder(sound / "base/app/kustomization.yaml")
        (sound / "base/app/kustomization.yaml/a.txt").write_text("a")
    for name in ("north", "south"):
        kustomization = sound / f"overlays/{name}/app/kustomization.yaml"
        kustomization.write_text(kustomization.read_text().replace("../../../base/app", base))
    findings = validate(sound).findings
    assert {finding.rule for finding in findings} == {"LH103"}
    assert len(findings) == 2


def test_settings_may_be_a_link(sound: Path) -> None:
    (sound / "pyproject.toml").rename(sound / "settings.toml")
    linked("settings.toml")(sound / "pyproject.toml")
    assert validate(sound).findings == []


def socketed(file: Path) -> None:
    # The path of a socket is short.
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(file.parent):
        listener.bind(file.name)


@pytest.mark.parametrize("make", [pipe, socketed])
@pytest.mark.parametrize(
    "path", ["overlays/north/misc/extra.yaml", "base/app/Kustomization", "components/kustomization.yml"]
)
def test_a_manifest_that_is_no_file_is_found_where_nothing_names_it(
    sound: Path, make: Callable[[Path], object], path: str
) -> None:
    make(sound / path)
    (finding,) = validate(sound).findings
    assert (finding.rule, finding.file, finding.line) == ("LH104", sound / path, 1)
    assert finding.message == f"{path} is not a file, so it is not read: put a file in its place."


def test_a_folder_with_the_name_of_a_manifest_is_none(sound: Path) -> None:
    (sound / "base/app/folder.yaml").mkdir()
    assert validate(sound).findings == []


def test_a_name_that_is_not_utf_8_keeps_nothing_from_being_judged(sound: Path) -> None:
    (sound / os.fsdecode(b"base/app/\xff.txt")).write_text("x")
    assert validate(sound).findings == []


def test_a_file_that_is_too_large_to_be_searched_for_credentials_is_named(sound: Path) -> None:
    (sound / "base/app/data.bin").write_bytes(b"0" * (MAX_BYTES + 1))
    (finding,) = validate(sound).findings
    assert finding.message == "base/app/data.bin has 10,000,001 bytes, so it is not searched for credentials."


@pytest.mark.parametrize("path", ["base/app/notes.txt", SETTINGS, EXTRA, KUSTOMIZATION])
@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES])
def test_a_file_that_can_no_longer_be_read_is_said(
    sound: Path, path: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound / "base/app/notes.txt").write_text(secrets.token_hex())
    read = Path.read_bytes

    def refuse(file: Path) -> bytes:
        if file == sound / path:
            raise OSError(number, os.strerror(number), str(file))
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    messages = [finding.message for finding in validate(sound).findings if path in finding.message]
    assert messages
    assert all(f"cannot be read ({os.strerror(number)})" in message for message in messages)


def test_what_cannot_be_judged_without_the_file_of_a_cluster_is_said(sound: Path) -> None:
    (sound / CLUSTER).write_text("[")
    report = validate(sound, ("north",))
    assert report.not_judged == [f"{CLUSTER} cannot be read, so LH313 and LH314 in north were not judged."]


def test_a_resource_that_differs_in_everything_is_one_finding(sound: Path) -> None:
    (sound / EXTRA).write_text(f"{CONFIG}data:\n" + "".join(f"  k{number}: x\n" for number in range(50)))
    (finding,) = validate(sound).findings
    assert finding.message.endswith("; 50 more of its fields differ.")


def test_a_chart_that_is_not_rendered_is_said(sound: Path) -> None:
    kustomization = sound / KUSTOMIZATION
    chart = "helmCharts: [{name: x, repo: 'https://charts.example.com/'}]\n"
    kustomization.write_text(kustomization.read_text() + chart)
    report = validate(sound, ("north",))
    (said,) = report.not_built
    assert (report.findings, report.incomplete, "charts.example.com is not allowed" in said) == (
        [],
        ["north"],
        True,
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a=b\nc=caf\xe9\n", 2), ("a=b\nc=caf\u00e9\n".encode(), None), (b"\x00\x01\xff", None)],
)
@pytest.mark.parametrize("key", ["a.properties", "image.png"])
def test_a_text_of_another_encoding_is_found_in_its_file(
    sound: Path, content: bytes, line: int | None, key: str
) -> None:
    app = sound / "overlays/north/app"
    generator = f"configMapGenerator:\n  - {{name: more, namespace: app, files: [{key}]}}\n"
    (app / "kustomization.yaml").write_text((app / "kustomization.yaml").read_text() + generator)
    (app / key).write_bytes(content)
    found = [(finding.rule, finding.file, finding.line) for finding in validate(sound, ("north",)).findings]
    assert found == ([("LH105", app / key, line)] if line and key == "a.properties" else [])


ENCODINGS = {
    "marked": lambda text: text.encode("utf-16"),
    "little": lambda text: text.encode("utf-16-le"),
    "big": lambda text: text.encode("utf-16-be"),
}
GENERATORS = "configMapGenerator:\n  - {name: more, namespace: app, envs: [a.env], files: [a.properties]}\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env", "KEY=value\nOTHER=value\n"),
        ("a.properties", "key = value\nother = value\n"),
        ("extra.yaml", CONFIG),
        ("kustomization.yaml", "resources: [extra.yaml]\n"),
    ],
)
def test_utf_16_is_found_in_its_file(sound: Path, encoding: str, name: str, text: str) -> None:
    app = sound / "overlays/north/app"
    (app / "kustomization.yaml").write_text((app / "kustomization.yaml").read_text() + GENERATORS)
    for sound_name, content in (("a.env", "KEY=value\n"), ("a.properties", "key = value\n")):
        (app / sound_name).write_text(content)
    assert validate(sound, ("north",)).findings == []
    (app / name).write_bytes(ENCODINGS[encoding](text))
    (finding,) = validate(sound, ("north",)).findings
    assert (finding.file, finding.line) == (app / name, 1)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_utf_16_in_base64_is_found_at_its_key(sound: Path, encoding: str, kind: str) -> None:
    field = "data" if kind == "Secret" else "binaryData"
    value = base64.b64encode(ENCODINGS[encoding]("key = value\n")).decode()
    metadata = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: more, namespace: app}}\n"
    manifest = f"{metadata}{field}:\n  other: AAECAwQF\n  text: {value}\n"
    (sound / EXTRA).write_text((sound / EXTRA).read_text() + f"---\n{manifest}")
    findings = [finding for finding in validate(sound, ("north",)).findings if finding.rule == "LH105"]
    assert [(finding.file, finding.line) for finding in findings] == [(sound / EXTRA, 14)]
