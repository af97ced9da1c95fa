"""Deploys an environment through Argo CD, from a git server in the cluster that serves this checkout."""
