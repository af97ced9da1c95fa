"""Kubernetes on this machine: a kind cluster, its node image, its logs."""
