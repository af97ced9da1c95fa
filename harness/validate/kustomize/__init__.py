"""What kustomize refuses, ignores or changes by mistake."""
