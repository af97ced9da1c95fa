"""The review: what a change does to each environment, judged from built manifests, without a cluster."""
