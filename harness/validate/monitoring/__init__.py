"""What Prometheus, Alertmanager and Grafana refuse, or show nothing for."""
