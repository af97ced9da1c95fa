"""Values as YAML for people to read."""

from typing import Any

import yaml

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):  # type: ignore[misc]  # the C dumper is chosen at run time
    """PyYAML's safe dumper that writes multi-line texts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def _text(dumper: Any, value: str) -> Any:
    value = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def yaml_text(value: Any) -> str:
    """A value as YAML: keys in their order, texts of several lines as blocks, no line folded."""
    return str(
        yaml.dump(
            value, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, sort_keys=False, width=1_000_000
        )
    )
