"""What services are told, against their settings: names, values, files, ports."""

import inspect
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Final
from unittest import mock

from pydantic import ValidationError

from cambus.bus.settings import BusSettings
from manifests.pods import is_service
from manifests.references import Secrets, sources_of
from manifests.resources import Manifest, Resources, Workload

PREFIX: Final = "CAMBUS_"
_TOOL: Final = "cambus/cli"
_SAMPLES: Final = {
    "metadata.name": "replica-0",
    "metadata.namespace": "cambus",
    "status.podIP": "10.1.2.3",
    "status.hostIP": "192.0.2.7",
}


def settings_class(service: str) -> type[BusSettings]:
    """The settings of a service, by its name."""
    module = import_module(f"cambus.{service.replace('-', '_')}.settings")
    (found,) = (
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, BusSettings) and each.__module__ == module.__name__
    )
    return found


def environment_of(resources: Resources, container: Manifest) -> dict[str, str]:
    """The variables of a container; what only a running pod knows is a sample."""
    values: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found = resources.get("ConfigMap", source.get("configMapRef", {}).get("name", ""))
        values |= (found or {}).get("data") or {}
    for variable in container.get("env", ()):
        value = variable.get("value", "")
        if "valueFrom" in variable:
            value = _SAMPLES.get(variable["valueFrom"].get("fieldRef", {}).get("fieldPath"), "")
        for name, known in values.items():
            value = value.replace(f"$({name})", known)
        values[variable["name"]] = value
    return values


def read_settings(service: str, environment: Mapping[str, str]) -> BusSettings:
    """The settings a service would have. Raises ValidationError."""
    with mock.patch.dict(os.environ, environment, clear=True):
        return settings_class(service)()


def drain_times(resources: Resources) -> dict[str, float]:
    """How long each service takes to stop at most, by its name, in seconds."""
    times = {}
    for workload, container, service in _services(resources):
        try:
            settings = read_settings(service, environment_of(resources, container))
        except ValidationError:
            continue  # said elsewhere
        times[workload.name] = settings.drain_timeout_s
    return times


def faults_of_settings(resources: Resources, secrets: Secrets) -> list[str]:
    """Variables nobody reads, values nobody takes, files that are not there, ports nobody listens on."""
    faults: list[str] = []
    for workload, container, service in _services(resources):
        environment = environment_of(resources, container)
        faults += (f"{workload.where}: {fault}" for fault in _unknown(settings_class(service), environment))
        try:
            settings = read_settings(service, environment)
        except ValidationError as error:
            faults += (f"{workload.where}: {_where(each)}{each['msg']}" for each in error.errors())
            continue
        faults += (
            f"{workload.where}: {fault}"
            for fault in _files(resources, workload, container, settings, secrets)
        )
        faults += (f"{workload.where}: {fault}" for fault in _ports(workload, container, settings))
    for workload in resources.workloads():
        for container in workload.containers:
            if container["image"].startswith(f"{_TOOL}:"):
                environment = environment_of(resources, container)
                faults += (f"{workload.where}: {fault}" for fault in _unknown(BusSettings, environment))
    return faults


def _where(error: Any) -> str:
    name = "_".join(str(part) for part in error["loc"]).upper()
    return f"{PREFIX}{name}: " if name else ""


def _services(resources: Resources) -> Iterator[tuple[Workload, Manifest, str]]:
    for workload in resources.workloads():
        for container in workload.containers:
            service = container["image"].partition(":")[0].rpartition("/")[2]
            if is_service(container) and find_spec(f"cambus.{service.replace('-', '_')}") is not None:
                yield workload, container, service


def _unknown(settings: type[BusSettings], environment: Mapping[str, str]) -> Iterator[str]:
    for name in environment:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in settings.model_fields:
            yield f"there is no setting {name}"


def _files(
    resources: Resources, workload: Workload, container: Manifest, settings: BusSettings, secrets: Secrets
) -> Iterator[str]:
    volumes = {each["name"]: each for each in workload.pod.get("volumes", ())}
    mounts = {PurePosixPath(each["mountPath"]): each["name"] for each in container.get("volumeMounts", ())}
    for name in type(settings).model_fields:
        path = getattr(settings, name)
        if not isinstance(path, Path):
            continue
        place = PurePosixPath(path)
        if name.endswith("_file"):
            volume = volumes.get(mounts.get(place.parent, ""), {"name": ""})
            if place.name not in _keys(resources, volume, secrets):
                yield f"{PREFIX}{name.upper()}: nothing is mounted at {place}"
        elif name in settings.model_fields_set and workload.claims:
            held = [volume for parent, volume in mounts.items() if place.is_relative_to(parent)]
            if not workload.claims.intersection(held):
                yield f"{PREFIX}{name.upper()}: {place} is on no disk that stays"


def _keys(resources: Resources, volume: Manifest, secrets: Secrets) -> set[str]:
    keys: set[str] = set()
    for kind, name, named in sources_of(volume):
        found = resources.get("ConfigMap", name) or {} if kind == "configMap" else {}
        keys |= set(named or (secrets.get(name, set()) if kind == "secret" else found.get("data", {})))
    return keys


def _ports(workload: Workload, container: Manifest, settings: BusSettings) -> Iterator[str]:
    """Ports are named after what listens: each has to be one the service was told."""
    told = {getattr(settings, name) for name in type(settings).model_fields if name.endswith("_port")}
    rtp = getattr(settings, "relay_rtp_port", 0)
    told |= {rtp + 1} if rtp else set()
    for port in container.get("ports", ()):
        if port["containerPort"] not in told:
            yield f"nothing listens on its port {port['name']}, {port['containerPort']}"
    if workload.port("http") != settings.http_port:
        yield f"its HTTP port is {settings.http_port}, not {workload.port('http')}"
    told_prometheus = workload.manifest["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"]
    if told_prometheus != str(settings.http_port):
        yield f"Prometheus is told port {told_prometheus}"
