"""Every rule, by its id."""

from typing import Final

from harness.validate import exemptions
from harness.validate.argocd import ignored, lua, projects, waves
from harness.validate.kubernetes import (
    access,
    admission,
    amounts,
    apiserver,
    custom_references,
    defaults,
    engines,
    majors,
    parity,
    policy,
    reach,
    references,
    reflected,
    schemas,
    scratch_volumes,
    watching,
    workloads,
)
from harness.validate.kustomize import building, kustomizations
from harness.validate.monitoring import configuration, dashboards, metrics, provisioning, scraping
from harness.validate.programs import (
    airflow,
    aws,
    buckets,
    external_secrets,
    flags,
    image_files,
    java,
    pipeline,
    spark,
)
from harness.validate.rule import ValidationRule
from harness.validate.texts import files, formats, placeholders, unread

_MODULES: Final = (
    building,
    kustomizations,
    amounts,
    scratch_volumes,
    workloads,
    reach,
    scraping,
    access,
    admission,
    defaults,
    watching,
    custom_references,
    external_secrets,
    majors,
    placeholders,
    aws,
    buckets,
    schemas,
    apiserver,
    ignored,
    airflow,
    spark,
    java,
    image_files,
    pipeline,
    unread,
    references,
    reflected,
    metrics,
    configuration,
    lua,
    formats,
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
