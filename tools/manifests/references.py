"""Every name in a manifest means something: maps, secrets and their keys, volumes, accounts, ports, labels."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

from manifests.resources import Manifest, Resources, Workload, name_of

_ROW: Final = re.compile(r"^ *\| `([a-z0-9-]+)` \| ((?:`[^`|]+`(?:, )?)+) \|", re.MULTILINE)
_REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
MAX_CONFIG_MAP_BYTES: Final = 1_000_000
Secrets = Mapping[str, AbstractSet[str]]


def documented_secrets(page: Path) -> dict[str, set[str]]:
    """The secrets users make, with their keys, from the table of a page: rows of name and keys in backticks."""
    return {
        name: {key.strip("`") for key in keys.split(", ")} for name, keys in _ROW.findall(page.read_text())
    }


def faults_of_references(resources: Resources, secrets: Secrets) -> list[str]:
    """Names that lead nowhere."""
    return [
        *_twice(resources),
        *(fault for each in resources.workloads() for fault in _of_workload(resources, each, secrets)),
        *(fault for each in resources.of("Service") for fault in _of_service(resources, each)),
        *(fault for each in resources.of("PodDisruptionBudget") for fault in _of_budget(resources, each)),
        *(fault for each in resources.of("ScaledObject") for fault in _of_scaled(resources, each)),
        *_of_maps(resources),
    ]


def _twice(resources: Resources) -> Iterator[str]:
    seen: set[str] = set()
    for each in resources.manifests:
        name = name_of(each)
        if name in seen:
            yield f"{name}: there are two of it"
        seen.add(name)
        if each["kind"] == "Secret":
            yield f"{name}: a secret does not belong into a manifest"


def _of_workload(resources: Resources, workload: Workload, secrets: Secrets) -> Iterator[str]:
    spec, where = workload.manifest["spec"], workload.where
    selector = spec.get("selector")
    if selector is not None and workload not in resources.selected(selector):
        yield f"{where}: its selector does not mean its own pods"
    if selector is not None and len(resources.selected(selector)) > 1:
        yield f"{where}: its selector means pods of others"
    account = workload.pod.get("serviceAccountName")
    if account is not None and resources.get("ServiceAccount", account) is None:
        yield f"{where}: there is no ServiceAccount {account}"
    for spread in workload.pod.get("topologySpreadConstraints", ()):
        if workload not in resources.selected(spread.get("labelSelector")):
            yield f"{where}: is spread by labels its pods do not have"
    if workload.manifest["kind"] == "StatefulSet":
        yield from _of_governing(resources, workload)
    yield from _of_volumes(resources, workload, secrets)
    for container in workload.containers:
        yield from _of_container(resources, workload, container, secrets)


def _of_governing(resources: Resources, workload: Workload) -> Iterator[str]:
    name = workload.manifest["spec"]["serviceName"]
    service = resources.get("Service", name)
    if service is None or workload not in resources.behind(service):
        yield f"{workload.where}: no Service {name} leads to its pods"
    elif workload.name != "prometheus" and service["spec"].get("clusterIP") != "None":
        yield f"{workload.where}: Service {name} gives its pods no names (clusterIP: None)"


def _of_volumes(resources: Resources, workload: Workload, secrets: Secrets) -> Iterator[str]:
    volumes = {each["name"]: each for each in workload.pod.get("volumes", ())}
    mounted: set[str] = set()
    for container in workload.containers:
        paths = [each["mountPath"] for each in container.get("volumeMounts", ())]
        if len(paths) != len(set(paths)):
            yield f"{workload.where}: two volumes at one place"
        for mount in container.get("volumeMounts", ()):
            mounted.add(mount["name"])
            if mount["name"] not in volumes.keys() | workload.claims:
                yield f"{workload.where}: there is no volume {mount['name']}"
    for name in sorted((volumes.keys() | workload.claims) - mounted):
        yield f"{workload.where}: volume {name} is mounted nowhere"
    for volume in volumes.values():
        for kind, name, keys in sources_of(volume):
            yield from _missing(resources, workload.where, kind, name, keys, secrets)


def sources_of(volume: Manifest) -> Iterator[tuple[str, str, list[str]]]:
    """What a volume is filled from: kind, name and the keys it names."""
    for source in (volume, *volume.get("projected", {}).get("sources", ())):
        for kind, name_key in (("configMap", "name"), ("secret", "secretName")):
            if kind in source:
                it = source[kind]
                yield kind, it.get(name_key, it.get("name")), [each["key"] for each in it.get("items", ())]


def _missing(
    resources: Resources, where: str, kind: str, name: str, keys: list[str], secrets: Secrets
) -> Iterator[str]:
    if kind == "secret":
        there: AbstractSet[str] | None = secrets.get(name)
    else:
        found = resources.get("ConfigMap", name)
        there = None if found is None else found.get("data", {}).keys()
    if there is None:
        yield f"{where}: there is no {kind} {name}"
        return
    for key in keys:
        if key not in there:
            yield f"{where}: {kind} {name} has no {key}"


def _of_container(
    resources: Resources, workload: Workload, container: Manifest, secrets: Secrets
) -> Iterator[str]:
    where = f"{workload.where}, {container['name']}"
    for source in container.get("envFrom", ()):
        if "secretRef" in source:
            yield f"{where}: a secret is a file, not a variable"
        if "configMapRef" in source:
            yield from _missing(resources, where, "configMap", source["configMapRef"]["name"], [], secrets)
    yield from (f"{where}: {fault}" for fault in _of_variables(container))
    names = [each["name"] for each in container.get("ports", ())]
    if len(names) != len(set(names)):
        yield f"{where}: two ports have one name"


def _of_variables(container: Manifest) -> Iterator[str]:
    known: set[str] = set()
    for variable in container.get("env", ()):
        if variable["name"] in known:
            yield f"{variable['name']} is there twice"
        for name in _REFERENCE.findall(variable.get("value", "")):
            if name not in known:
                yield f"{variable['name']} needs {name}, which does not stand before it"
        if "secretKeyRef" in variable.get("valueFrom", {}):
            yield "a secret is a file, not a variable"
        known.add(variable["name"])
    for argument in (*container.get("command", ()), *container.get("args", ())):
        for name in _REFERENCE.findall(argument):
            if name not in known:
                yield f"an argument needs {name}, which is not set"


def _of_service(resources: Resources, service: Manifest) -> Iterator[str]:
    where, behind = name_of(service), resources.behind(service)
    if not behind:
        yield f"{where}: leads to no pods"
    for port in service["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        for workload in behind:
            if workload.port(target, port.get("protocol", "TCP")) is None:
                yield f"{where}: {workload.where} has no port {target}"


def _of_budget(resources: Resources, budget: Manifest) -> Iterator[str]:
    meant = resources.selected(budget["spec"]["selector"])
    if len(meant) != 1:
        yield f"{name_of(budget)}: is for {len(meant)} workloads, not one"


def _of_scaled(resources: Resources, scaled: Manifest) -> Iterator[str]:
    target = scaled["spec"]["scaleTargetRef"]
    found = resources.get(target["kind"], target["name"])
    if found is None:
        yield f"{name_of(scaled)}: there is no {target['kind']} {target['name']}"
    elif "replicas" in found["spec"]:
        yield f"{name_of(scaled)}: {target['name']} says itself how many there are"


def _of_maps(resources: Resources) -> Iterator[str]:
    used: set[str] = set()
    for workload in resources.workloads():
        volumes = workload.pod.get("volumes", ())
        used |= {name for each in volumes for kind, name, _ in sources_of(each) if kind == "configMap"}
        for container in workload.containers:
            used |= {each["configMapRef"]["name"] for each in container.get("envFrom", ())}
    for each in resources.of("ConfigMap"):
        data: dict[str, Any] = each.get("data") or {}
        if each["metadata"]["name"] not in used:
            yield f"{name_of(each)}: nobody uses it"
        if sum(len(value.encode()) for value in data.values()) > MAX_CONFIG_MAP_BYTES:
            yield f"{name_of(each)}: larger than Kubernetes takes, 1 MiB"
