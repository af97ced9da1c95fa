"""Sets what an environment has placeholders for: repository, registry, AWS account."""
