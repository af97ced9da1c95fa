"""`[tool.harness]` in a repository's pyproject.toml.

[tool.harness]
reference-environment = "production"        # the environment that the others are compared with
[tool.harness.validate]
rules = ["policy"]                          # groups of rules, or rules, that are judged besides those for all
[tool.harness.diff]
exclude = ["sandbox/**"]                    # kustomizations that are no part of any environment
kustomize-options = ["--load-restrictor=LoadRestrictionsNone"]
accept = ["docs/**", "live/metrics"]        # changed files, and ENV/APPLICATION, that a review need not cover
hosts = ["git.example.com"]                 # hosts that remote bases may be fetched from
repositories = ["https://git.example.com/platform.git"]   # URLs that mean this repository
[tool.harness.diff.environments]
production = ["k8s/live/**"]                # folders, or patterns for folders
[[tool.harness.diff.parity]]
path = "spec.replicas"                      # pattern for a field's path
kind = "Deployment"                         # kind and name are optional patterns
reason = "Production runs more replicas."
[[tool.harness.diff.ignore]]                # changes that a review counts and does not show; the same patterns
path = "spec.replicas"
reason = "An autoscaler sets it."
"""

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError, UsageError
from harness.manifests.resource import Identity
from harness.manifests.tree import Tree, working_copy

FILE: Final = "pyproject.toml"
_FIELDS: Final = frozenset(
    {"exclude", "accept", "kustomize-options", "hosts", "repositories", "environments", "parity", "ignore"}
)


@dataclass(frozen=True)
class Expected:
    """A difference that is meant to be: between environments, or between base and head.

    Attributes:
        path: Pattern for the field's path; `*` for all of it, the whole resource included.
    """

    path: str
    reason: str
    kind: str = "*"
    name: str = "*"
    namespace: str = "*"

    def covers(self, identity: Identity, path: str) -> bool:
        return (
            fnmatchcase(identity.kind, self.kind)
            and fnmatchcase(identity.name, self.name)
            and fnmatchcase(identity.namespace, self.namespace)
            and (self.path == "*" or fnmatchcase(path.replace("[", "("), self.path.replace("[", "(")))
        )


@dataclass(frozen=True)
class Settings:
    """What a repository says about itself.

    Attributes:
        environments: Patterns for the folders of each environment; empty to find them.
        exclude: Patterns for folders that are no part of any.
        accept: Patterns for changed files, and for `ENV/APPLICATION`, that a review need not cover.
        kustomize_options: More options of `kustomize build`.
        hosts: Hosts that remote bases may be fetched from.
        repositories: URLs that mean this repository.
        parity: Differences between environments that are meant to be.
        ignore: Changes that a review need not show.
        reference: The reference environment; empty where none is declared.
    """

    environments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    kustomize_options: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    parity: tuple[Expected, ...] = ()
    ignore: tuple[Expected, ...] = ()
    reference: str = ""
    rules: tuple[str, ...] = ()


def read(tree: Tree) -> Settings:
    """The settings in a tree; the default ones where there are none.

    Raises:
        UsageError: They are not what they should be.
    """
    if tree.is_special(FILE) or tree.is_folder(FILE):
        raise UsageError(f"{FILE} is not a file, so its settings are not known: put a file in its place.")
    if tree.entry(FILE) is None:
        return Settings()
    try:
        content: dict[str, Any] = tomllib.loads(tree.text(tree.resolve(FILE)))
    except KeyError:
        raise UsageError(f"{FILE} is a link to a file that does not exist: correct it.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{FILE} cannot be read ({error}): correct it.") from None
    for name in ("tool", "harness"):
        content = content.get(name, {})
        if not isinstance(content, dict):
            raise UsageError(f"{name!r} in {FILE} is not a table: correct it.")
    options = content.get("diff", {})
    if not isinstance(options, dict):
        raise _wrong("is not a table")
    if strange := sorted(set(options) - _FIELDS):
        raise _wrong(f"has the unknown field {strange[0]!r} (known: {', '.join(sorted(_FIELDS))})")
    validation = content.get("validate", {})
    if not isinstance(validation, dict) or set(validation) - {"rules"}:
        raise UsageError(f"[tool.harness.validate] in {FILE} takes 'rules' only: see docs/validate.md.")
    environments = options.get("environments", {})
    if not isinstance(environments, dict):
        raise _wrong("has 'environments' that is not a table")
    return Settings(
        environments={name: _strings(f"environments.{name}", value) for name, value in environments.items()},
        exclude=_strings("exclude", options.get("exclude", [])),
        accept=_strings("accept", options.get("accept", [])),
        kustomize_options=_strings("kustomize-options", options.get("kustomize-options", [])),
        hosts=_strings("hosts", options.get("hosts", [])),
        repositories=_strings("repositories", options.get("repositories", [])),
        parity=_expected("parity", options),
        ignore=_expected("ignore", options),
        reference=str(content.get("reference-environment") or ""),
        rules=_strings("rules", validation.get("rules", [])),
    )


def of_checkout(root: Path) -> Settings:
    return read(working_copy(root))


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(f"has {name!r} that is not a list of strings")
    return tuple(value)


def _expected(name: str, options: dict[str, Any]) -> tuple[Expected, ...]:
    known = {"path", "reason", "kind", "name", "namespace"}
    items = options.get(name, [])
    for item in items if isinstance(items, list) else [items]:
        if not isinstance(item, dict) or not all(isinstance(value, str) for value in item.values()):
            raise _wrong(f"has a {name!r} entry that is not a table of strings")
        if not item.get("path") or not item.get("reason") or set(item) - known:
            raise _wrong(f"has a {name!r} entry without path and reason, or with an unknown field")
    return tuple(Expected(**item) for item in items)


def _wrong(what: str) -> HarnessError:
    return UsageError(f"[tool.harness.diff] in {FILE} {what}: see docs/diff.md.")
