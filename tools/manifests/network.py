"""Who may talk to whom by the network policies, against who has to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from manifests.resources import PROTOCOL, Manifest, Resources, Workload, name_of, selects
from manifests.settings import environment_of

_URL: Final = re.compile(r"(?:nats|tls|https?)://[a-z0-9.-]+:\d+")
_SRV: Final = re.compile(r"_([a-z0-9-]+)\._tcp\.([a-z0-9-]+)")
_DNS: Final = 53
_NAMESPACE: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Flow:
    """Somebody who has to reach a port of somebody else; `service` is the name it is asked for by."""

    source: Workload
    target: Workload
    port: int
    service: str
    protocol: str = PROTOCOL

    def __str__(self) -> str:
        return f"{self.source.name} to {self.target.name}, port {self.port} ({self.service})"


def faults_of_network(resources: Resources, *, complete: bool = True) -> list[str]:
    """Names that are asked for and are no Service, and what the policies keep apart that belongs together.

    Args:
        resources: of one rendering.
        complete: whether NATS is in it.
    """
    faults: list[str] = []
    flows: list[Flow] = []
    for where, source, host, port in _asked(resources):
        if (namespace := _elsewhere(resources, host)) and source is not None:
            if not _lets_out(resources, source, namespace, port):
                faults.append(f"no policy lets {source.name} to {host}, port {port}")
            continue
        found = _targets(resources, host, port)
        flows += [] if source is None else [Flow(source, target, number, host) for target, number in found]
        if not found and complete:
            faults.append(f"{where}: asks {host}, port {port}, which is no Service here")
    faults += (f"no policy lets {each}" for each in flows if not _egress(resources, each))
    faults += (f"no policy lets in {each}" for each in flows if not _ingress(resources, each))
    faults += _unreachable(resources)
    faults += (
        f"{each.where}: may not ask for names"
        for each in resources.workloads()
        if not _names(resources, each)
    )
    return faults


def unused_policies(resources: Resources) -> list[str]:
    """Policies that are for no pod: of use only where everything is installed."""
    return [
        f"{name_of(each)}: is for no pods"
        for each in resources.of("NetworkPolicy")
        if not resources.selected(each["spec"]["podSelector"])
    ]


def _asked(resources: Resources) -> Iterator[tuple[str, Workload | None, str, int | str]]:
    """Who names whom in their settings: the host, and its port by number or name; KEDA, for one, is not ours."""
    maps = {each["metadata"]["name"]: each.get("data") or {} for each in resources.of("ConfigMap")}
    for workload in resources.workloads():
        where = workload.where
        for container in workload.containers:
            environment = environment_of(resources, container)
            own = environment.get("CAMBUS_EXPORT_URL")
            for value in environment.values():
                for url in _URL.findall(value) if value != own else ():
                    yield where, workload, *_address(url)
        for volume in workload.pod.get("volumes", ()):
            data = maps.get(volume.get("configMap", {}).get("name"), {})
            yield from ((where, workload, host, port) for host, port in _in_files(data))
    for scaled in resources.of("ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            yield name_of(scaled), None, *_address(trigger["metadata"]["serverAddress"])


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def _in_files(data: Mapping[str, str]) -> Iterator[tuple[str, int | str]]:
    """What the files of Prometheus and Grafana name."""
    if "prometheus.yml" in data:
        for job in yaml.safe_load(data["prometheus.yml"])["scrape_configs"]:
            for names in job.get("dns_sd_configs", ()):
                for each in names["names"]:
                    found = _SRV.fullmatch(each)
                    yield (found[2], found[1]) if found else (each, 0)
    if "datasources.yaml" in data:
        for source in yaml.safe_load(data["datasources.yaml"])["datasources"]:
            yield _address(source["url"])


def _elsewhere(resources: Resources, host: str) -> str:
    """The namespace of a name that is a Service of another namespace than ours; empty for all others."""
    _, namespace, kind, *_ = *host.split("."), "", "", ""
    ours = {each["metadata"].get("namespace") for each in resources.of("Service")}
    return namespace if kind == "svc" and namespace not in ours else ""


def _lets_out(resources: Resources, source: Workload, namespace: str, port: int | str) -> bool:
    """Whether somebody may talk to a port in another namespace."""
    return source.on_node or any(
        ("to" not in rule or any(_is_namespace(peer, namespace) for peer in rule["to"]))
        and ("ports" not in rule or any(each.get("port") == port for each in rule["ports"]))
        for rule in _rules(resources, "egress", source)
    )


def _is_namespace(peer: Mapping[str, Any], namespace: str) -> bool:
    selector = peer.get("namespaceSelector")
    return selector is not None and selector.get("matchLabels", {}).get(_NAMESPACE, namespace) == namespace


def _targets(resources: Resources, host: str, port: int | str) -> list[tuple[Workload, int]]:
    """What a port of a Service leads to: pods, and the port they have for it."""
    service = resources.get("Service", host.partition(".")[0])
    if service is None:
        return []
    return [
        (target, number)
        for each in service["spec"]["ports"]
        if port in (each["port"], each["name"])
        for target in resources.behind(service)
        if (number := target.port(each.get("targetPort", each["port"]))) is not None
    ]


def _rules(resources: Resources, kind: str, workload: Workload) -> list[Manifest]:
    """The rules of all policies for a workload's pods; one that lets everything through where no policy is for them."""
    policies = [
        policy["spec"]
        for policy in resources.of("NetworkPolicy")
        if kind.capitalize() in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], workload.labels)
    ]
    return [rule for each in policies for rule in each.get(kind, ())] if policies else [{}]


def _egress(resources: Resources, flow: Flow) -> bool:
    return flow.source.on_node or any(
        _peer(rule.get("to"), flow.target) and _port(rule, flow.target, flow.port, flow.protocol)
        for rule in _rules(resources, "egress", flow.source)
    )


def _ingress(resources: Resources, flow: Flow) -> bool:
    return flow.target.on_node or any(
        _peer(rule.get("from"), flow.source) and _port(rule, flow.target, flow.port, flow.protocol)
        for rule in _rules(resources, "ingress", flow.target)
    )


def _peer(peers: list[dict[str, Any]] | None, workload: Workload) -> bool:
    """Whether one of the peers of a rule is this; what is on a node has an address only."""
    if peers is None:
        return True
    for each in peers:
        if "ipBlock" in each:
            if workload.on_node or each["ipBlock"]["cidr"] == "0.0.0.0/0":
                return True
        elif "namespaceSelector" in each or workload.on_node:
            continue
        elif selects(each["podSelector"], workload.labels):
            return True
    return False


def _port(rule: Mapping[str, Any], target: Workload, number: int, protocol: str) -> bool:
    if "ports" not in rule:
        return True
    for each in rule["ports"]:
        if each.get("protocol", PROTOCOL) != protocol:
            continue
        first = each["port"] if isinstance(each["port"], int) else target.port(each["port"], protocol)
        if first is not None and first <= number <= each.get("endPort", first):
            return True
    return False


def _unreachable(resources: Resources) -> Iterator[str]:
    """Ports that Services lead to and that no policy opens to anybody."""
    for service in resources.of("Service"):
        for port in service["spec"]["ports"]:
            protocol = port.get("protocol", PROTOCOL)
            for target in resources.behind(service):
                number = target.port(port.get("targetPort", port["port"]), protocol)
                if number is None or target.on_node:
                    continue
                if not any(
                    _port(rule, target, number, protocol) for rule in _rules(resources, "ingress", target)
                ):
                    yield f"{name_of(service)}: no policy opens port {port['name']} of {target.name} to anybody"


def _names(resources: Resources, workload: Workload) -> bool:
    return workload.on_node or any(
        "ports" not in rule or any(port.get("port") == _DNS for port in rule["ports"])
        for rule in _rules(resources, "egress", workload)
    )
