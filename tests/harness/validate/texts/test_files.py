"""Paths below mounted folders: those of files that a ConfigMap or Secret lacks are found."""

import pytest

from harness.manifests.catalogue import Catalogue, Reflector
from harness.validate.kubernetes.secrets import origins
from harness.validate.texts import files
from tests.harness.validate.made import made

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: app}
data:
  web.yaml: "%s"
  script.sh: "true"
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: app}
stringData: {token: ""}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app}
spec:
  containers:
    - name: web
      args: ["%s"]
      volumeMounts:
        - {name: config, mountPath: /etc/web}
        - {name: secret, mountPath: /run/web}
        - {name: data, mountPath: /data}
        - {name: config, mountPath: /etc/one, subPath: web.yaml}
  volumes:
    - {name: config, configMap: {name: web}}
    - {name: secret, projected: {sources: [{secret: {name: web, items: [{key: token, path: user/token}]}}]}}
    - {name: data, emptyDir: {}}
"""


def found(argument: str = "", text: str = "") -> list[tuple[str, int | None]]:
    environment = made(MANIFESTS % (text, argument))
    known = origins(environment, Catalogue(Reflector("", "", ""), ()))
    return [(violation.message, violation.line) for violation in files.check(environment, known)]


@pytest.mark.parametrize(
    "argument",
    [
        *("--config=/etc/web/web.yaml", "sh /etc/web/script.sh", "/etc/web", "/etc/web/", "/etc/web/*.sh"),
        *("/run/web/user/token", "/run/web/user", "/data/any.yaml", "/etc/one/other", "/etc/webs/a.yaml"),
        *("http://a/etc/web/page", "/etc/web/$NAME.yaml", "/etc/web/${NAME}", "/etc/web/..data/web.yaml"),
    ],
)
def test_a_path_that_may_be_there(argument: str) -> None:
    assert found(argument) == []


@pytest.mark.parametrize(
    ("argument", "folder"),
    [
        ("/etc/webs/web.yaml", "/etc/web"),
        ("--config=/etc/wbe/web.yaml", ""),
        ("--files=/etc/we/*.sh", "/etc/web"),
        ("/etc/webs/*.json", ""),
        ("/etc/other/web.yaml", ""),
        ("/run/wep/user/token", ""),
        ("/dato/web.yaml", ""),
    ],
)
def test_a_misspelt_folder(argument: str, folder: str) -> None:
    messages = [message for message, _ in found(argument)]
    assert [message.rpartition(" in ")[2] for message in messages] == ([f"{folder}: use that."] if folder else [])


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--config=/etc/web/webs.yaml", "/etc/web/webs.yaml, which is not in that folder: use web.yaml."),
        ("--config /etc/web/a/b", "/etc/web/a/b, which is not in that folder: it has script.sh, web.yaml."),
        ("/etc/web/*.json", "/etc/web/*.json, which is not in that folder: it has"),
        ("/run/web/token", "/run/web/token, which is not in that folder: use user/token."),
    ],
)
def test_a_path_that_is_not_there(argument: str, said: str) -> None:
    ((message, line),) = found(argument)
    assert said in message
    assert line is None


def test_a_path_in_a_mounted_file_is_found_at_its_line() -> None:
    ((message, line),) = found(text=r"a: 1\n# /etc/web/comment\nscript: /etc/web/other.sh\n")
    assert message.startswith("ConfigMap app/web names the file /etc/web/other.sh")
    assert line == 3


def test_a_text_of_empty_lines_comes_to_an_end() -> None:
    ((_, line),) = found(text="a: 1" + r"\n" * 300_000 + r"# comment\nscript: /etc/web/other.sh\n")
    assert line == 300_002
