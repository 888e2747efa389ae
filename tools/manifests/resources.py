"""What was rendered, and how Kubernetes finds one thing from another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Manifest = dict[str, Any]
WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job")
PROTOCOL: Final = "TCP"


@dataclass(frozen=True, slots=True)
class Workload:
    """What makes pods."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """As in its metadata."""
        return str(self.manifest["metadata"]["name"])

    @property
    def where(self) -> str:
        """For people: `StatefulSet recorder`."""
        return f"{self.manifest['kind']} {self.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of its pods."""
        labels: dict[str, str] = self.manifest["spec"]["template"]["metadata"].get("labels", {})
        return labels

    @property
    def pod(self) -> Manifest:
        """The specification of its pods."""
        pod: Manifest = self.manifest["spec"]["template"]["spec"]
        return pod

    @property
    def containers(self) -> list[Manifest]:
        """All of a pod's, those that run first among them."""
        return [*self.pod.get("initContainers", ()), *self.pod["containers"]]

    @property
    def claims(self) -> set[str]:
        """Names of the volumes each replica gets of its own."""
        return {each["metadata"]["name"] for each in self.manifest["spec"].get("volumeClaimTemplates", ())}

    @property
    def on_node(self) -> bool:
        """Whether its pods are in the network of their nodes."""
        return bool(self.pod.get("hostNetwork"))

    def port(self, wanted: int | str, protocol: str = PROTOCOL) -> int | None:
        """The number of a port a container has, by its name or number; None if none has it."""
        for container in self.containers:
            for port in container.get("ports", ()):
                if port.get("protocol", PROTOCOL) == protocol and wanted in (
                    port.get("name"),
                    port["containerPort"],
                ):
                    return int(port["containerPort"])
        return None


@dataclass(frozen=True, slots=True)
class Resources:
    """All of one rendering."""

    manifests: Sequence[Manifest]

    def of(self, kind: str) -> list[Manifest]:
        """Those of a kind."""
        return [each for each in self.manifests if each["kind"] == kind]

    def get(self, kind: str, name: str) -> Manifest | None:
        """One by its name."""
        return next((each for each in self.of(kind) if each["metadata"]["name"] == name), None)

    def workloads(self) -> Iterator[Workload]:
        """Whatever makes pods."""
        return (Workload(each) for each in self.manifests if each["kind"] in WORKLOADS)

    def selected(self, selector: Mapping[str, Any] | None) -> list[Workload]:
        """Those whose pods a label selector means."""
        return [each for each in self.workloads() if selects(selector, each.labels)]

    def behind(self, service: Manifest) -> list[Workload]:
        """Those whose pods a Service leads to."""
        return self.selected({"matchLabels": service["spec"]["selector"]})


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector means what has these labels; an empty one means everything, none at all nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_fits(each, labels) for each in selector.get("matchExpressions", ()))


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None


def name_of(manifest: Manifest) -> str:
    """For people: `Service nats`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"
