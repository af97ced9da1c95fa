"""Helm charts: what one is rendered from, found in a tree without rendering it."""
