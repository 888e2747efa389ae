"""Each mistake in a manifest that the checks are there for is found, and told in words."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from k8s_validate import PAGE, known_images
from manifests.network import faults_of_network, unused_policies
from manifests.pods import faults_of_pods
from manifests.references import documented_secrets, faults_of_references
from manifests.resources import Manifest, Resources
from manifests.schemas import faults_of_schemas
from manifests.settings import drain_times, faults_of_settings
from rendered import rendered_everything, rendered_overlay

Mistake = Callable[[Resources], object]


def planted(mistake: Mistake, *, overlay: str = "") -> Resources:
    clean = rendered_overlay(overlay) if overlay else rendered_everything()
    resources = Resources(copy.deepcopy(list(clean.manifests)))
    mistake(resources)
    return resources


def one(resources: Resources, kind: str, name: str) -> Manifest:
    """A manifest, by the beginning of its name: those of maps end in a digest."""
    found = resources.get(kind, name) or next(
        each for each in resources.of(kind) if each["metadata"]["name"].startswith(f"{name}-")
    )
    assert found is not None
    return found


def pod(resources: Resources, name: str) -> Manifest:
    workload = next(each for each in resources.workloads() if each.name == name)
    return workload.pod


def container(resources: Resources, name: str) -> Manifest:
    first: Manifest = pod(resources, name)["containers"][0]
    return first


def volume(resources: Resources, name: str, wanted: str) -> Manifest:
    return next(each for each in pod(resources, name)["volumes"] if each["name"] == wanted)


def settings(resources: Resources, name: str) -> dict[str, str]:
    data: dict[str, str] = one(resources, "ConfigMap", f"{name}-settings")["data"]
    return data


def without(things: list[dict[str, Any]], name: str) -> None:
    things[:] = [each for each in things if each.get("name") != name]


def drop(resources: Resources, kind: str, name: str) -> None:
    manifests = resources.manifests
    assert isinstance(manifests, list)
    manifests.remove(one(resources, kind, name))


REFERENCES: dict[str, tuple[Mistake, str]] = {
    "a map that is not there": (
        lambda r: drop(r, "ConfigMap", "recorder-settings"),
        "StatefulSet recorder, service: there is no configMap recorder-settings-",
    ),
    "a file that is in no map": (
        lambda r: one(r, "ConfigMap", "grafana-provisioning")["data"].pop("datasources.yaml"),
        "has no datasources.yaml",
    ),
    "a secret nobody told of": (
        lambda r: volume(r, "recorder", "nats-user")["secret"].update(secretName="other"),
        "StatefulSet recorder: there is no secret other",
    ),
    "a volume that is not there": (
        lambda r: without(pod(r, "recorder")["volumes"], "scratch"),
        "StatefulSet recorder: there is no volume scratch",
    ),
    "a disk that is mounted nowhere": (
        lambda r: without(container(r, "recorder")["volumeMounts"], "data"),
        "StatefulSet recorder: volume data is mounted nowhere",
    ),
    "an account that is not there": (
        lambda r: drop(r, "ServiceAccount", "recorder"),
        "StatefulSet recorder: there is no ServiceAccount recorder",
    ),
    "a selector of other labels": (
        lambda r: one(r, "Deployment", "alarm-router")["spec"]["selector"]["matchLabels"].update(a="b"),
        "Deployment alarm-router: its selector does not mean its own pods",
    ),
    "a selector that means others' pods": (
        lambda r: one(r, "Deployment", "alarm-router")["spec"].update(
            selector={"matchLabels": {"app.kubernetes.io/component": "service"}}
        ),
        "Deployment alarm-router: its selector means pods of others",
    ),
    "names from a Service that gives none": (
        lambda r: one(r, "Service", "recorder")["spec"].pop("clusterIP"),
        "StatefulSet recorder: Service recorder gives its pods no names",
    ),
    "a Service to nowhere": (
        lambda r: one(r, "Service", "recorder")["spec"]["selector"].update(a="b"),
        "Service recorder: leads to no pods",
    ),
    "a Service to a port that is not there": (
        lambda r: one(r, "Service", "media-relay")["spec"]["ports"][0].update(targetPort="views"),
        "Service media-relay: Deployment media-relay has no port views",
    ),
    "a budget for nobody": (
        lambda r: one(r, "PodDisruptionBudget", "recorder")["spec"]["selector"]["matchLabels"].update(a="b"),
        "PodDisruptionBudget recorder: is for 0 workloads",
    ),
    "a spread by labels of others": (
        lambda r: pod(r, "nats")["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(
            a="b"
        ),
        "StatefulSet nats: is spread by labels its pods do not have",
    ),
    "a variable before what it is made of": (
        lambda r: container(r, "recorder")["env"].reverse(),
        "CAMBUS_EXPORT_URL needs CAMBUS_INSTANCE",
    ),
    "an argument made of nothing": (
        lambda r: container(r, "sim-gb28181").pop("env"),
        "an argument needs POD_IP, which is not set",
    ),
    "a secret as a variable": (
        lambda r: container(r, "recorder")["env"].append(
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "nats-tls", "key": "tls.key"}}}
        ),
        "a secret is a file, not a variable",
    ),
    "two ports of one name": (
        lambda r: container(r, "recorder")["ports"].append({"name": "http", "containerPort": 1}),
        "two ports have one name",
    ),
    "a map nobody uses": (
        lambda r: container(r, "upgrade-manager")["envFrom"].pop(),
        "ConfigMap upgrade-manager-settings-",
    ),
    "a map that is too large": (
        lambda r: settings(r, "recorder").update(CAMBUS_X="x" * 1_000_001),
        "larger than Kubernetes takes",
    ),
    "a secret in a manifest": (
        lambda r: (
            list(r.manifests)
            and r.manifests.append(  # type: ignore[attr-defined]  # planted() made it a list
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
            )
        ),
        "Secret s: a secret does not belong into a manifest",
    ),
    "something to be scaled that is not there": (
        lambda r: one(r, "ScaledObject", "media-relay")["spec"]["scaleTargetRef"].update(name="relay"),
        "ScaledObject media-relay: there is no Deployment relay",
    ),
    "replicas said by two": (
        lambda r: one(r, "Deployment", "media-relay")["spec"].update(replicas=2),
        "ScaledObject media-relay: media-relay says itself how many there are",
    ),
}


@pytest.mark.parametrize("mistake", REFERENCES)
def test_a_name_that_leads_nowhere_is_found(mistake: str) -> None:
    plant, fault = REFERENCES[mistake]
    found = faults_of_references(planted(plant), documented_secrets(PAGE))
    assert any(fault in each for each in found), found


SETTINGS: dict[str, tuple[Mistake, str]] = {
    "a setting that is not there": (
        lambda r: settings(r, "recorder").update(CAMBUS_RECORDING_DIR="/data"),
        "StatefulSet recorder: there is no setting CAMBUS_RECORDING_DIR",
    ),
    "a setting of another service": (
        lambda r: settings(r, "cambus").update(CAMBUS_RELAY_HOST="0.0.0.0"),
        "StatefulSet recorder: there is no setting CAMBUS_RELAY_HOST",
    ),
    "a value that is not taken": (
        lambda r: settings(r, "connector-gb28181").update(CAMBUS_GB28181_MEDIA_PORTS="all"),
        "CAMBUS_GB28181_MEDIA_PORTS: Value error, wanted FIRST-LAST",
    ),
    "settings that do not fit each other": (
        lambda r: settings(r, "media-relay").pop("CAMBUS_RELAY_ACCESS"),
        "Deployment media-relay: Value error, relay_host 0.0.0.0 can be reached from elsewhere",
    ),
    "an address nobody can be told": (
        lambda r: without(container(r, "connector-gb28181")["env"], "CAMBUS_GB28181_ADVERTISED"),
        "StatefulSet connector-gb28181: Value error, gb28181_media_advertised",
    ),
    "a file that is not mounted": (
        lambda r: without(container(r, "recorder")["volumeMounts"], "nats-user"),
        "StatefulSet recorder: CAMBUS_NATS_NKEY_FILE: nothing is mounted at /run/secrets/nats/user.nk",
    ),
    "recordings on no disk": (
        lambda r: settings(r, "recorder").update(CAMBUS_RECORDINGS_DIR="/tmp/recordings"),
        "CAMBUS_RECORDINGS_DIR: /tmp/recordings is on no disk that stays",
    ),
    "a port nobody listens on": (
        lambda r: settings(r, "media-relay").update(CAMBUS_RELAY_RTSP_PORT="555"),
        "nothing listens on its port rtsp, 8554",
    ),
    "another HTTP port": (
        lambda r: settings(r, "cambus").update(CAMBUS_HTTP_PORT="8001"),
        "its HTTP port is 8001, not 8000",
    ),
    "a tool that is told what it does not know": (
        lambda r: one(r, "ConfigMap", "nats-setup")["data"].update(CAMBUS_REPLICAS="3"),
        "Job nats-setup: there is no setting CAMBUS_REPLICAS",
    ),
}


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_setting_that_can_not_be_is_found(mistake: str) -> None:
    plant, fault = SETTINGS[mistake]
    found = faults_of_settings(planted(plant), documented_secrets(PAGE))
    assert any(fault in each for each in found), found


PODS: dict[str, tuple[Mistake, str]] = {
    "root": (
        lambda r: pod(r, "recorder")["securityContext"].update(runAsUser=0),
        "runAsUser is 0, wanted 10001",
    ),
    "no seccomp": (
        lambda r: pod(r, "nats")["securityContext"].pop("seccompProfile"),
        "StatefulSet nats: has no seccomp profile",
    ),
    "a token of the cluster": (
        lambda r: pod(r, "grafana").pop("automountServiceAccountToken"),
        "Deployment grafana: gets a token of the cluster",
    ),
    "variables from Services": (
        lambda r: pod(r, "recorder").pop("enableServiceLinks"),
        "gets variables from Services",
    ),
    "a folder of the node": (
        lambda r: pod(r, "recorder")["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
        "volume x is of a kind that is not allowed",
    ),
    "scratch without a bound": (
        lambda r: pod(r, "recorder")["volumes"].append({"name": "x", "emptyDir": {}}),
        "volume x may fill the node",
    ),
    "more rights": (
        lambda r: container(r, "recorder")["securityContext"].update(allowPrivilegeEscalation=True),
        "may get more rights",
    ),
    "an image that is written to": (
        lambda r: container(r, "recorder")["securityContext"].pop("readOnlyRootFilesystem"),
        "may write to its image",
    ),
    "a capability": (
        lambda r: container(r, "recorder")["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "has capabilities",
    ),
    "no requests": (
        lambda r: container(r, "nats")["resources"].pop("requests"),
        "does not say what it needs",
    ),
    "no limit of memory": (
        lambda r: container(r, "nats")["resources"].pop("limits"),
        "may take all memory of a node",
    ),
    "a limit of CPU": (
        lambda r: container(r, "recorder")["resources"]["limits"].update(cpu="1"),
        "is stopped for want of CPU",
    ),
    "a port of the node": (
        lambda r: container(r, "recorder")["ports"][0].update(hostPort=80),
        "takes a port of its node",
    ),
    "the network of the node without need": (
        lambda r: pod(r, "recorder").update(hostNetwork=True),
        "recorder: has no need of the network of its node",
    ),
    "liveness that asks for NATS": (
        lambda r: container(r, "recorder")["livenessProbe"]["httpGet"].update(path="/readyz"),
        "liveness asks /readyz of http, wanted /livez",
    ),
    "no readiness": (lambda r: container(r, "recorder").pop("readinessProbe"), "readiness asks None of None"),
    "no time to start": (lambda r: container(r, "recorder").pop("startupProbe"), "startup asks None of None"),
    "a probe of no port": (
        lambda r: container(r, "nats")["livenessProbe"]["httpGet"].update(port="monitoring"),
        "liveness asks port monitoring, which it has not",
    ),
    "the latest image": (
        lambda r: container(r, "grafana").update(image="grafana/grafana:latest"),
        "image grafana/grafana:latest has no version",
    ),
    "an image nobody builds": (
        lambda r: container(r, "recorder").update(image=f"cambus/recorders:{known_images().version}"),
        "image cambus/recorders is not built by docker/",
    ),
    "an image of another version": (
        lambda r: container(r, "recorder").update(image="cambus/recorder:9.9.9"),
        "image cambus/recorder:9.9.9 is not of version",
    ),
    "a NATS that is not tested": (
        lambda r: container(r, "nats").update(image="nats:2.9.0-alpine"),
        "image nats:2.9.0-alpine is not of the version that is tested",
    ),
    "a password in a variable": (
        lambda r: container(r, "grafana")["env"].append({"name": "GF_SECURITY_ADMIN_PASSWORD", "value": "x"}),
        "a secret stands in GF_SECURITY_ADMIN_PASSWORD",
    ),
    "a password in an argument": (
        lambda r: container(r, "sim-dvrip")["args"].append("--password=x"),
        "a secret stands in its arguments",
    ),
    "a password in a map": (
        lambda r: one(r, "ConfigMap", "nats-config")["data"].update(x="nats://a:b@c:1"),
        "a secret stands in x",
    ),
    "a seed in a map": (
        lambda r: settings(r, "recorder").update(CAMBUS_X="SU" + "A" * 56),
        "a secret stands in CAMBUS_X",
    ),
    "a namespace that warns of nothing": (
        lambda r: one(r, "Namespace", "cambus")["metadata"]["labels"].pop("pod-security.kubernetes.io/warn"),
        "Namespace: does not warn",
    ),
}


STOPS: dict[str, tuple[Mistake, str]] = {
    "killed while it stops": (
        lambda r: pod(r, "recorder").update(terminationGracePeriodSeconds=25),
        "StatefulSet recorder: is killed after 25 s, and takes 25 s to stop",
    ),
    "killed for its wait before the stop": (
        lambda r: container(r, "media-relay")["lifecycle"]["preStop"]["sleep"].update(seconds=30),
        "takes 25 s to stop after 30 s",
    ),
    "a longer stop than the pod has": (
        lambda r: settings(r, "alarm-router").update(CAMBUS_DRAIN_TIMEOUT_S="120"),
        "Deployment alarm-router: is killed after 40 s, and takes 120 s",
    ),
}


@pytest.mark.parametrize("mistake", PODS)
def test_a_pod_that_is_run_badly_is_found(mistake: str) -> None:
    plant, fault = PODS[mistake]
    found = faults_of_pods(planted(plant), known_images(), {})
    assert any(fault in each for each in found), found


@pytest.mark.parametrize("mistake", STOPS)
def test_a_pod_that_is_killed_while_it_stops_is_found(mistake: str) -> None:
    plant, fault = STOPS[mistake]
    resources = planted(plant)
    found = faults_of_pods(resources, known_images(), drain_times(resources))
    assert any(fault in each for each in found), found


def test_a_namespace_is_restricted_where_nothing_is_in_the_network_of_a_node() -> None:
    label = "pod-security.kubernetes.io/enforce"

    def loosened(resources: Resources) -> None:
        one(resources, "Namespace", "cambus")["metadata"]["labels"][label] = "privileged"

    found = faults_of_pods(planted(loosened, overlay="dev"), known_images(), {})
    assert f"Namespace: {label} is privileged, wanted restricted" in found


NETWORK: dict[str, tuple[Mistake, str]] = {
    "NATS under another name": (
        lambda r: settings(r, "cambus").update(CAMBUS_NATS_URL="tls://bus:4222"),
        "StatefulSet recorder: asks bus, port 4222, which is no Service here",
    ),
    "Prometheus under another name": (
        lambda r: one(r, "ScaledObject", "media-relay")["spec"]["triggers"][0]["metadata"].update(
            serverAddress="http://prom.cambus.svc:9090"
        ),
        "ScaledObject media-relay: asks prom.cambus.svc, port 9090",
    ),
    "a service Prometheus does not find": (
        lambda r: drop(r, "Service", "upgrade-manager"),
        "StatefulSet prometheus: asks upgrade-manager, port http",
    ),
    "no way out to NATS": (
        lambda r: drop(r, "NetworkPolicy", "to-nats"),
        "no policy lets recorder to nats, port 4222",
    ),
    "no way in to NATS": (
        lambda r: one(r, "NetworkPolicy", "nats")["spec"]["ingress"].pop(0),
        "no policy lets in recorder to nats, port 4222",
    ),
    "no way in for what is on nodes": (
        lambda r: drop(r, "NetworkPolicy", "nats-from-nodes"),
        "no policy lets in connector-gb28181 to nats, port 4222",
    ),
    "no scraping": (
        lambda r: drop(r, "NetworkPolicy", "services-from-prometheus"),
        "no policy lets in prometheus to alarm-router, port 8000",
    ),
    "a port of the node that Prometheus may not reach": (
        lambda r: one(r, "NetworkPolicy", "prometheus")["spec"]["egress"].pop(),
        "no policy lets prometheus to media-relay, port 18000",
    ),
    "no names": (lambda r: drop(r, "NetworkPolicy", "names"), "StatefulSet recorder: may not ask for names"),
    "a Service that nobody reaches": (
        lambda r: one(r, "NetworkPolicy", "grafana")["spec"].pop("ingress"),
        "Service grafana: no policy opens port web of grafana to anybody",
    ),
}


@pytest.mark.parametrize("mistake", NETWORK)
def test_a_way_that_is_closed_and_should_not_be_is_found(mistake: str) -> None:
    plant, fault = NETWORK[mistake]
    found = faults_of_network(planted(plant))
    assert any(fault in each for each in found), found


def test_a_policy_that_shuts_others_out_by_being_there_is_found() -> None:
    policy = one(rendered_everything(), "NetworkPolicy", "nats-from-nodes")

    def alone(resources: Resources) -> None:
        assert isinstance(resources.manifests, list)
        resources.manifests.append(policy)

    found = faults_of_network(planted(alone, overlay="dev"))
    assert "Service nats-cluster: no policy opens port routes of nats to anybody" in found


def test_viewers_that_are_kept_out_are_found() -> None:
    def closed(resources: Resources) -> None:
        del pod(resources, "media-relay")["hostNetwork"]
        drop(resources, "NetworkPolicy", "relay-from-viewers")

    found = faults_of_network(planted(closed))
    assert "Service media-relay: no policy opens port viewers of media-relay to anybody" in found


def test_a_policy_for_nobody_is_found() -> None:
    def renamed(resources: Resources) -> None:
        one(resources, "NetworkPolicy", "grafana")["spec"]["podSelector"]["matchLabels"].update(a="b")

    assert unused_policies(planted(renamed)) == ["NetworkPolicy grafana: is for no pods"]


SCHEMAS: dict[str, tuple[Mistake, str]] = {
    "a word Kubernetes does not know": (
        lambda r: pod(r, "recorder").update(terminationGracePeriod=3),
        "StatefulSet recorder: Kubernetes 1.30: $.spec.template.spec: Additional properties",
    ),
    "a value of another kind": (
        lambda r: one(r, "StatefulSet", "recorder")["spec"].update(replicas="three"),
        "$.spec.replicas: 'three' is not of type",
    ),
    "a kind that is gone": (
        lambda r: one(r, "PodDisruptionBudget", "nats").update(apiVersion="policy/v1beta1"),
        "knows no PodDisruptionBudget of policy/v1beta1",
    ),
    "a ScaledObject that scales by nothing": (
        lambda r: one(r, "ScaledObject", "media-relay")["spec"]["triggers"].clear(),
        "ScaledObject media-relay: Kubernetes 1.30: $.triggers",
    ),
}


@pytest.mark.parametrize("mistake", SCHEMAS)
def test_what_kubernetes_would_not_take_is_found(mistake: str) -> None:
    plant, fault = SCHEMAS[mistake]
    found = faults_of_schemas(planted(plant), "1.30")
    assert any(fault in each for each in found), found
