"""The names, tags and digests that an environment's overlay gives to images: read, and written in place."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from harness.errors import HarnessError
from harness.manifests.images import ImageReference

FILE: Final = Path("images/kustomization.yaml")
"""Where an overlay has them."""
_FORM: Final = "see overlays/minikube/images/kustomization.yaml for its form"

Edit = tuple[int, int, str]
"""What replaces the text between two positions."""


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise HarnessError(f"{file} cannot be read ({why}): {_FORM}.") from error


def images(file: Path, text: str) -> dict[str, ImageReference]:
    """What each image of the bases becomes, by the name that it has there."""
    return {name: _becomes(name, entry) for name, entry in _entries(file, text)}


def with_images(file: Path, text: str, wanted: Mapping[str, ImageReference]) -> str:
    """The text of a file with other names, tags and digests; everything else stays as it is."""
    edits = [
        edit
        for name, entry in _entries(file, text)
        if name in wanted
        for edit in _edits(text, entry, name, wanted[name])
    ]
    after = text
    for start, end, replacement in sorted(edits, reverse=True):
        after = after[:start] + replacement + after[end:]
    for name, image in images(file, after).items():
        # An anchor, for example, whose alias would now mean another value.
        if name in wanted and image != wanted[name]:
            raise HarnessError(
                f"{file} writes {name} in a form that cannot be edited: write its values as plain text."
            )
    return after


def _entries(file: Path, text: str) -> Iterator[tuple[str, yaml.MappingNode]]:
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise HarnessError(f"{file} is not YAML ({str(error).splitlines()[0]}): correct it.") from error
    listed = _value(document, "images") if isinstance(document, yaml.MappingNode) else None
    if not isinstance(listed, yaml.SequenceNode):
        raise HarnessError(f"{file} has no list of images: {_FORM}.")
    for entry in listed.value:
        name = _value(entry, "name") if isinstance(entry, yaml.MappingNode) else None
        if not isinstance(name, yaml.ScalarNode):
            raise HarnessError(f"{file}:{entry.start_mark.line + 1} has no name: {_FORM}.")
        yield name.value, entry


def _value(mapping: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for name, value in mapping.value if name.value == key), None)


def _becomes(name: str, entry: yaml.MappingNode) -> ImageReference:
    values = {key.value: value.value for key, value in entry.value}
    return ImageReference(values.get("newName", name), values.get("newTag", ""), values.get("digest", ""))


def _edits(text: str, entry: yaml.MappingNode, name: str, image: ImageReference) -> Iterator[Edit]:
    wanted = {
        "newName": "" if image.repository == name else image.repository,
        "newTag": image.tag,
        "digest": image.digest,
    }
    added = ""
    for key, value in wanted.items():
        at = next((place for place, pair in enumerate(entry.value) if pair[0].value == key), None)
        if at is None:
            added += _addition(entry, key, value) if value else ""
        elif not value:
            yield _removal(text, entry, at)
        elif entry.value[at][1].value != value:
            node = entry.value[at][1]
            yield node.start_mark.index, node.end_mark.index, value
    if added:
        end = entry.value[-1][1].end_mark.index
        yield (place := end if entry.flow_style else _line_end(text, end)), place, added


def _addition(entry: yaml.MappingNode, key: str, value: str) -> str:
    return (
        f", {key}: {value}" if entry.flow_style else f"\n{' ' * entry.value[0][0].start_mark.column}{key}: {value}"
    )


def _removal(text: str, entry: yaml.MappingNode, at: int) -> Edit:
    key, value = entry.value[at]
    if at == 0:
        return key.start_mark.index, entry.value[1][0].start_mark.index, ""
    if entry.flow_style:
        return entry.value[at - 1][1].end_mark.index, value.end_mark.index, ""
    return _line_end(text, entry.value[at - 1][1].end_mark.index), _line_end(text, value.end_mark.index), ""


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end
