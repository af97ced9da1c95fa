"""What Argo CD refuses, ignores or waits for."""
