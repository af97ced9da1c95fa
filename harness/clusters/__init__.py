"""What builds images and drives clusters: Docker, kind, Argo CD, Secrets, the end-to-end suite."""
