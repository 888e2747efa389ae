"""How pods are run: pod security, probes, limits, images, the time they have to stop."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from manifests.resources import Manifest, Resources, Workload

UID: Final = 10001
"""Whom the images run as, by docker/."""
NEEDS_NODE_NETWORK: Final = {"connector-gb28181", "media-relay"}
"""Who may be in the network of a node: devices and viewers are told addresses."""
SPARE_S: Final = 5.0
_VOLUMES: Final = {"name", "configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
_SECRET_NAMES: Final = re.compile(r"(?:PASSWORD|SECRET|TOKEN|SEED|_KEY)$")
_SECRET_VALUES: Final = re.compile(
    r"\bS[UAO][A-Z2-7]{56}\b|PRIVATE KEY-----|--(?:password|secret|token)=|://[^/@\s$]+:[^@\s$]+@"
)
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True, slots=True)
class Images:
    """Which images there are.

    Attributes:
        built: names that docker/ builds, without `cambus/`.
        version: their tag.
        nats: the version of nats-server the suite is tested with.
    """

    built: AbstractSet[str]
    version: str
    nats: str


def faults_of_pods(resources: Resources, images: Images, drain_s: Mapping[str, float]) -> list[str]:
    """What is wrong with pods.

    Args:
        resources: of one rendering.
        images: which there are.
        drain_s: how long each service takes to stop at most, by its name.
    """
    faults = list(_namespace(resources))
    for workload in resources.workloads():
        faults += _security(workload)
        faults += _stop(workload, drain_s.get(workload.name))
        for container in workload.containers:
            where = f"{workload.where}, {container['name']}"
            faults += (f"{where}: {fault}" for fault in _container(workload, container))
            faults += (f"{where}: {fault}" for fault in _image(container["image"], images))
    for each in resources.of("ConfigMap"):
        for key, value in (each.get("data") or {}).items():
            faults += (f"ConfigMap {each['metadata']['name']}: {fault}" for fault in _open(key, value))
    return faults


def _namespace(resources: Resources) -> Iterator[str]:
    on_nodes = {each.name for each in resources.workloads() if each.on_node}
    for name in sorted(on_nodes - NEEDS_NODE_NETWORK):
        yield f"{name}: has no need of the network of its node"
    wanted = "privileged" if on_nodes else "restricted"
    for namespace in resources.of("Namespace"):
        labels = namespace["metadata"].get("labels", {})
        if labels.get(_ENFORCE) != wanted:
            yield f"Namespace: {_ENFORCE} is {labels.get(_ENFORCE)}, wanted {wanted}"
        if any(labels.get(_ENFORCE.replace("enforce", each)) != "restricted" for each in ("warn", "audit")):
            yield "Namespace: does not warn of what is not restricted"


def _security(workload: Workload) -> Iterator[str]:
    pod, where = workload.pod, workload.where
    context = pod.get("securityContext", {})
    wanted = {"runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "fsGroup": UID}
    for key, value in wanted.items():
        if context.get(key) != value:
            yield f"{where}: {key} is {context.get(key)}, wanted {value}"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{where}: has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{where}: gets a token of the cluster it has no use for"
    if pod.get("enableServiceLinks") is not False:
        yield f"{where}: gets variables from Services, which may be taken for settings"
    for each in ("hostPID", "hostIPC"):
        if pod.get(each):
            yield f"{where}: {each}"
    if workload.on_node and pod.get("dnsPolicy") != "ClusterFirstWithHostNet":
        yield f"{where}: does not find names of the cluster from the network of its node"
    for volume in pod.get("volumes", ()):
        if volume.keys() - _VOLUMES:
            yield f"{where}: volume {volume['name']} is of a kind that is not allowed"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"{where}: volume {volume['name']} may fill the node"


def _container(workload: Workload, container: Manifest) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may get more rights"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write to its image"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "has capabilities"
    resources: dict[str, Any] = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield "does not say what it needs"
    if "memory" not in resources.get("limits", {}):
        yield "may take all memory of a node"
    if "cpu" in resources.get("limits", {}):
        yield "is stopped for want of CPU in the middle of a lease; no limit of CPU"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "takes a port of its node"
    for variable in container.get("env", ()):
        yield from _open(variable["name"], variable.get("value", ""))
    for argument in (*container.get("command", ()), *container.get("args", ())):
        if _SECRET_VALUES.search(argument):
            yield "a secret stands in its arguments"
    yield from _probes(workload, container)


def _open(name: str, value: str) -> Iterator[str]:
    """Secrets that everybody can read: files are named, never what is in them."""
    is_file = name.endswith(("FILE", "_file")) or not value
    is_variable = re.fullmatch(r"[A-Z][A-Z0-9_]*", name) is not None
    if (is_variable and not is_file and _SECRET_NAMES.search(name)) or _SECRET_VALUES.search(value):
        yield f"a secret stands in {name}"


def _probes(workload: Workload, container: Manifest) -> Iterator[str]:
    probes = {each: container.get(f"{each}Probe") for each in ("liveness", "readiness", "startup")}
    for kind, probe in probes.items():
        for how in ("httpGet", "tcpSocket"):
            if probe and how in probe and workload.port(probe[how]["port"]) is None:
                yield f"{kind} asks port {probe[how]['port']}, which it has not"
    if not is_service(container):
        return
    wanted = {"liveness": "/livez", "startup": "/livez", "readiness": "/readyz"}
    for kind, path in wanted.items():
        asked = (probes[kind] or {}).get("httpGet", {})
        if (asked.get("path"), asked.get("port")) != (path, "http"):
            yield f"{kind} asks {asked.get('path')} of {asked.get('port')}, wanted {path} of http"


def _stop(workload: Workload, drain_s: float | None) -> Iterator[str]:
    grace_s = workload.pod.get("terminationGracePeriodSeconds", 30)
    for container in workload.containers:
        before_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if drain_s is not None and grace_s < drain_s + before_s + SPARE_S:
            yield (
                f"{workload.where}: is killed after {grace_s} s, and takes {drain_s:g} s to stop "
                f"after {before_s} s"
            )


def _image(image: str, images: Images) -> Iterator[str]:
    name, _, tag = image.partition(":")
    if not tag or tag == "latest":
        yield f"image {image} has no version"
    elif name.startswith("cambus/"):
        if name.removeprefix("cambus/") not in images.built:
            yield f"image {name} is not built by docker/"
        if tag != images.version:
            yield f"image {image} is not of version {images.version}"
    elif name == "nats" and tag.partition("-")[0] != images.nats:
        yield f"image {image} is not of the version that is tested, {images.nats}"


def is_service(container: Manifest) -> bool:
    """Whether a container runs a service of the suite."""
    return bool(container["name"] == "service")
