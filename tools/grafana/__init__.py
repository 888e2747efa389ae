"""The dashboards of Cambus, declared panel by panel; `tools/dashboards.py` writes them as Grafana reads them."""
