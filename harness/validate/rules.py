"""Every rule, by its id."""

from typing import Final

from harness.validate import (
    access,
    airflow,
    amounts,
    apiserver,
    argocd,
    aws,
    building,
    custom_references,
    dashboards,
    engines,
    exemptions,
    external_secrets,
    files,
    flags,
    kustomizations,
    lua,
    majors,
    metrics,
    monitoring,
    parity,
    placeholders,
    policy,
    projects,
    provisioning,
    reach,
    references,
    schemas,
    scraping,
    spark,
    texts,
    unread,
    watching,
    waves,
    workloads,
)
from harness.validate.rule import ValidationRule

_MODULES: Final = (
    building,
    kustomizations,
    amounts,
    workloads,
    reach,
    scraping,
    access,
    watching,
    custom_references,
    external_secrets,
    majors,
    placeholders,
    aws,
    schemas,
    apiserver,
    argocd,
    airflow,
    spark,
    unread,
    references,
    metrics,
    monitoring,
    lua,
    texts,
    dashboards,
    provisioning,
    files,
    flags,
    waves,
    policy,
    projects,
    engines,
    parity,
    exemptions,
)
_NAMES: Final = {name: rule for module in _MODULES for name, rule in vars(module).items()}
_DECLARED: Final = [rule for rule in _NAMES.values() if isinstance(rule, ValidationRule)]

RULES: Final = {
    rule.id: rule for rule in sorted([*_DECLARED, *engines.KUBE_SCORE.values()], key=lambda rule: rule.id)
}
