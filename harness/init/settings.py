"""The settings of an environment that somebody has to choose, and where its overlay has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import files
from harness.errors import HarnessError, UsageError
from harness.manifests.images import REGISTRY
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.values import dig, sequence
from harness.validate.texts.placeholders import LH751, PLACEHOLDER

_SWITCHES: Final = (Path("aws/kustomization.yaml"), Path("sign-in/kustomization.yaml"))
"""Where an environment says which components it takes for all of its roots."""

_URL: Final = r"https://[^\s'\"#]+"


@dataclass(frozen=True)
class Setting:
    """A value that every line which matches `line` has between its two groups.

    Attributes:
        component: The end of its path, without which the environment needs no value; empty for none.
    """

    name: str
    question: str
    file: str
    line: str
    allowed: str
    component: str = ""

    def is_needed(self, overlay: Path) -> bool:
        return bool(self.lines(overlay)) and (
            not self.component or any(path.endswith(f"/{self.component}") for path in _switched_on(overlay))
        )

    def lines(self, overlay: Path) -> list[re.Match[str]]:
        """Where the overlay has it; nothing where the environment does without."""
        try:
            return list(re.finditer(self.line, (overlay / self.file).read_text(encoding="utf-8"), re.MULTILINE))
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise HarnessError(f"{overlay / self.file} cannot be read ({error}): correct it.") from error

    def value(self, overlay: Path) -> str:
        return self.lines(overlay)[0][2]

    def is_placeholder(self, overlay: Path) -> bool:
        return any(PLACEHOLDER.search(match[0]) for match in self.lines(overlay))

    def checked(self, value: str, overlay: Path) -> str:
        """The value, if it may stand there."""
        if not re.fullmatch(self.allowed, value):
            raise UsageError(f"--{self.name} {value!r} is not what it should be: {self.question}.")
        if PLACEHOLDER.search(_with(self.lines(overlay)[0], value)):
            raise UsageError(f"--{self.name} {value!r} is a placeholder itself: give your own.")
        return value


SETTINGS: Final = (
    Setting(
        "repository",
        "URL of the git repository that Argo CD follows, such as https://github.com/you/lakehouse-platform.git",
        "source/source.yaml",
        r"^(  url: )(\S+)()$",
        r"[a-z+]+://[^\s'\"#]+|[\w.-]+@[\w.-]+:[\w./~-]+",
    ),
    Setting("revision", "its branch", "source/source.yaml", r"^(  revision: )(\S+)()$", r"[\w][\w./-]*"),
    Setting(
        "registry",
        "registry and owner of the platform's images, such as docker.io/you",
        "images/kustomization.yaml",
        r"^(    newName: )(\S+)(/lakehouse-[\w-]+)$",
        REGISTRY,
    ),
    Setting(
        "account",
        "AWS account, 12 digits",
        "aws/account.yaml",
        # The buckets have its number in their names unless somebody gave them others.
        r'^(  (?:account: "|lakehouse-bucket: lakehouse-|airflow-bucket: airflow-))(\d{12})("?)$',
        r"\d{12}",
    ),
    Setting(
        "region",
        "AWS region, such as eu-west-1",
        "aws/account.yaml",
        r"^(  region: )(\S+)()$",
        r"[a-z]+(-[a-z]+)+-\d",
    ),
    Setting(
        "database",
        "address of the RDS instance, such as airflow.abc123.eu-west-1.rds.amazonaws.com",
        "aws/database/address.yaml",
        r"^(  address: )(\S+)()$",
        r"[a-z0-9-]+(\.[a-z0-9-]+)+",
        component="aws-rds",
    ),
    Setting(
        "domain",
        "domain below which airflow, argocd, grafana and jupyter are, such as lakehouse.acme.io",
        "sign-in/settings.yaml",
        r"^(  (?:airflow|argocd|grafana|jupyter): (?:airflow|argocd|grafana|jupyter)\.)(\S+)()$",
        r"[a-z0-9-]+(\.[a-z0-9-]+)+",
        component="sign-in/on",
    ),
    Setting(
        "issuer",
        "issuer of the OIDC provider, such as https://login.acme.io/realms/people",
        "sign-in/settings.yaml",
        r"^(  issuer: )(\S+)()$",
        _URL,
        component="sign-in/on",
    ),
    *(
        Setting(
            f"{endpoint}-endpoint",
            f"the provider's {endpoint}_endpoint, from its discovery document",
            "sign-in/settings.yaml",
            rf"^(  {endpoint}-endpoint: )(\S+)()$",
            _URL,
            component="sign-in/on",
        )
        for endpoint in ("authorization", "token", "userinfo")
    ),
    Setting(
        "clients",
        "network that may use MinIO's load balancer, such as 10.0.0.0/16",
        "deepstorage/external-access.yaml",
        r"^( +cidr: )(\S+)()$",
        r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}",
    ),
)


def of(overlay: Path) -> list[Setting]:
    """The settings that the environment has."""
    return [setting for setting in SETTINGS if setting.is_needed(overlay)]


def write(overlay: Path, values: Mapping[Setting, str]) -> list[Path]:
    """Writes the values, and removes the exemptions of what is no placeholder any more; returns what it changed."""
    texts: dict[Path, str] = {}
    for setting, value in values.items():
        file = overlay / setting.file
        before = texts.get(file) or file.read_text(encoding="utf-8")
        texts[file] = re.sub(setting.line, lambda match: _with(match, value), before, flags=re.MULTILINE)  # noqa: B023
    changed = [file for file, text in texts.items() if file.read_text(encoding="utf-8") != text]
    for file in changed:
        files.write(file, texts[file])
    for file in texts:
        if not PLACEHOLDER.search(texts[file]):
            changed += _without_exemptions(file.parent / "exemptions.yaml")
    return changed


def _switched_on(overlay: Path) -> set[str]:
    """The components that the environment takes for all of its roots."""
    return {path for file in _SWITCHES for path in _components(overlay / file)}


def _components(file: Path) -> list[str]:
    try:
        documents = load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise HarnessError(f"{file} cannot be read ({error}): correct it.") from error
    return [str(item) for document in documents for item in sequence(dig(document, "components"))]


def _with(match: re.Match[str], value: str) -> str:
    return f"{match[1]}{value}{match[3]}"


def _without_exemptions(file: Path) -> list[Path]:
    if not file.exists():
        return []
    before = file.read_text(encoding="utf-8")
    after = re.sub(rf"^- rule: {LH751.id}\n(?: .*\n?)*", "", before, flags=re.MULTILINE)
    if after.strip():
        files.write(file, after)
    else:
        file.unlink()
    return [file] if after != before else []
