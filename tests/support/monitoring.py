"""What monitors Cambus as it is shipped: dashboards and rules."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from documented import ROOT

FOLDER: Final = ROOT / "k8s" / "components" / "monitoring"
RULES: Final = sorted((FOLDER / "rules").glob("*.yaml"))
DASHBOARDS: Final = sorted((FOLDER / "dashboards").glob("*.json"))
TARGET_LABELS: Final = frozenset({"job", "service", "instance"})
"""What the configuration of Prometheus says of each target."""

_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    groups = (group for path in RULES for group in yaml.safe_load(path.read_text())["groups"])
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of dashboards and alerts, each with the place it is at."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}", target["expr"]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                match = _LABEL_VALUES.fullmatch(variable["query"]["query"])
                assert match is not None, variable
                yield f"{name}: {variable['name']}", f"sum by ({match[2]}) ({match[1]})"
    for alert in alerts():
        yield alert["alert"], alert["expr"]
