"""The overlay review: what a change does to each environment, from the rendered manifests, without a cluster."""
