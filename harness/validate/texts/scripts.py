"""Scripts of a shell: in ConfigMaps and in commands, each in the dialect of the shell that runs it."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import mappings, string_map
from harness.validate.model import Environment
from harness.validate.programs import image_files
from harness.validate.texts.formats import LH316, PLACEHOLDER, conflict_line
from harness.validate.texts.mounts import mounted_files
from harness.validate.texts.readers import Reading

SHELLS: Final = {
    **{"sh": "sh", "ash": "ash", "dash": "sh", "busybox": "ash", "bash": "bash"},
    **{"ksh": "ksh", "mksh": "ksh", "zsh": "zsh"},
}
"""The dialects, as tools/texts names them, by program."""
_WITH_BUSYBOX: Final = re.compile(r"alpine|busybox")
"""Images whose sh is BusyBox', which understands more."""
_WITH_DASH: Final = re.compile(r"debian|ubuntu|bullseye|bookworm|trixie|jammy|noble|resolute")
"""Images whose sh is dash; that of Red Hat is bash, which understands its own commands as sh, too."""
_IMAGE: Final = re.compile(r'image"?:\s*"?([\w./:@-]+)')
_SHEBANG: Final = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?(\w+)")
_WITH_SCRIPT: Final = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_WITH_VALUE: Final = frozenset({"-o", "+o", "-O", "+O"})
_CALL: Final = r"(?:^|[\s;&|(])(?:\.|source|(?:\S*/)?(\w*sh))\s+(?:-\w+\s+)*%s(?![\w.-])"
_DASH: Final = "dash"
_LINES: Final = re.compile(r"[^\n]")
_NO_PODS: Final = frozenset({"ConfigMap", "Secret", "CustomResourceDefinition"})

Called = tuple[str, str, int | None]
"""A dialect, with the path of a script or the index of the argument that is one."""


def readings(environment: Environment) -> Iterator[Reading]:
    """What shells read."""
    dialects = dict(_mounted(environment))
    given = _given(environment)
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            used = dialects.get((config.namespace, config.name, key), "")
            dialect = used or _by_itself(key, text)
            if dialect and "\r" not in text and not conflict_line(text):
                said = f"a {key} that {_name(dialect, text)} cannot read"
                variables = given.get((config.namespace, config.name, key))
                yield Reading(LH316, config, ("data", key), dialect, _plain(text), said, variables=variables)
    for resource in environment.everything:
        if resource.kind in _NO_PODS or "sh" not in resource.text:
            continue
        for path, argument in commands(resource.value):
            dialect, _, index = called(argument)
            if index is not None:
                dialect = _of_images(dialect, _IMAGE.findall(resource.text), environment.root)
                # Kubernetes replaces this in a command, before the shell reads it.
                text = argument[index].replace("$$", "$")
                at = (*resource.inside, *argument_path(resource.value, path, index))
                yield Reading(
                    LH316, resource, at, dialect, _plain(text), f"a script that {_name(dialect, '')} cannot read"
                )


def _mounted(environment: Environment) -> Iterator[tuple[tuple[str, str, str], str]]:
    """The dialect of each file that a container hands to a shell."""
    for file in mounted_files(environment):
        for _, words in commands(file.container):
            dialect, script, index = called(words)
            if index is not None and (match := re.search(_CALL % re.escape(file.path), words[index])):
                dialect, script = SHELLS.get(match[1], dialect), file.path
            if dialect and script and posixpath.normpath(script) == file.path:
                images = [str(file.container.get("image"))]
                dialect = _of_images(dialect, images, environment.root)
                yield (file.config.namespace, file.config.name, file.key), dialect


def _of_images(dialect: str, images: Sequence[str], root: Path) -> str:
    """The dialect of a script that runs in one of some images."""
    if dialect != "sh" or not images:
        return dialect
    if any(_WITH_BUSYBOX.search(image) for image in images):
        return "ash"
    return _DASH if all(_WITH_DASH.search(image) or _has_dash(root, image) for image in images) else dialect


def _has_dash(root: Path, image: str) -> bool:
    """Whether this repository builds an image on Debian or Ubuntu."""
    dockerfile = image_files.dockerfile(root, posixpath.basename(reference(image).repository))
    return bool(_WITH_DASH.search(dockerfile))


def _given(environment: Environment) -> dict[tuple[str, str, str], list[str] | None]:
    """The variables of the containers that mount each file; None where one has more than the manifests say."""
    given: dict[tuple[str, str, str], list[str] | None] = {}
    for file in mounted_files(environment):
        key = (file.config.namespace, file.config.name, file.key)
        names = [str(variable.get("name")) for variable in mappings(file.container.get("env"))]
        before = given.get(key, [])
        given[key] = None if before is None or file.container.get("envFrom") else sorted({*before, *names})
    return given


def _by_itself(key: str, text: str) -> str:
    """The dialect of a text by its first line, or its name; bash understands what any other does."""
    if text.startswith("#!"):
        match = _SHEBANG.match(text)
        return SHELLS.get(match[1], "") if match else ""
    return "bash" if key.endswith((".sh", ".bash")) else ""


def _name(dialect: str, text: str) -> str:
    match = _SHEBANG.match(text)
    dialect = "sh" if dialect == _DASH else dialect
    return match[1] if match and SHELLS.get(match[1]) == dialect else dialect


def _plain(text: str) -> str:
    """A script with a word in place of what a template's engine replaces."""
    return PLACEHOLDER.sub(lambda match: "0" + _LINES.sub("", match[0]), text)


def commands(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, list[str]]]:
    """The commands in a value, each with its arguments: of containers, probes and hooks, whatever holds them."""
    if isinstance(value, dict):
        if words := [word for field in ("command", "args") for word in _words(value.get(field))]:
            yield path, words
        for key, item in value.items():
            yield from commands(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from commands(item, (*path, index))


def _words(value: Any) -> list[str]:
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else []


def argument_path(value: Any, path: FieldPath, index: int) -> FieldPath:
    """The field of one of a command's words."""
    for step in path:
        value = value[step]
    command = _words(value.get("command"))
    return (*path, "command", index) if index < len(command) else (*path, "args", index - len(command))


def called(words: Sequence[str]) -> Called:
    """The shell that a command runs, and its script.

    >>> called(["/bin/sh", "-ec", "exit 0"]), called(["bash", "/scripts/run.sh"])
    (('sh', '', 2), ('bash', '/scripts/run.sh', None))
    """
    for start, word in enumerate(words):
        dialect = SHELLS.get(posixpath.basename(word), "")
        if not dialect:
            continue
        has_script, at = False, start + 1
        while at < len(words) and (words[at][:1] in ("-", "+") or words[at] in SHELLS):
            has_script |= bool(_WITH_SCRIPT.fullmatch(words[at]))
            at += 2 if words[at] in _WITH_VALUE else 1
        if at < len(words):
            return (dialect, "", at) if has_script else (dialect, words[at], None)
    return "", "", None
