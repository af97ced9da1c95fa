"""Builds the overlays: what Argo CD would apply, and where each resource comes from."""
