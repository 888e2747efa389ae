"""Images are built, hold what their service needs and nothing else, and run as somebody who can do nothing else.

There need be no Docker engine: `tests/support/image_rig.py`. `IMAGES="media-relay cli"` builds others than usual.
"""

import json
import os

import closure
import pytest
from image_rig import Builder, Container, missing
from nats_configuration import SHIPPED, handed_out, on_ports_of_its_own
from packaging.markers import Marker
from ports import free_port

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.cli.stack.options import SERVICES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

IMAGES = os.environ.get("IMAGES", "upgrade-manager recorder").split()
INSTALLED = (
    "import importlib.metadata as m, json; print(json.dumps(sorted(d.name for d in m.distributions())))"
)


@pytest.fixture(scope="module")
def builder():
    return Builder()


@pytest.fixture(scope="module", params=IMAGES)
def built(request, builder, tmp_path_factory):
    image = builder.build(request.param, tmp_path_factory.mktemp("index"))
    print(
        f"{request.param}: {builder.size_mb(image):.0f} MB, {builder.size_mb(builder.base()):.0f} of them the base"
    )
    return request.param, image


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    folder.chmod(0o755)
    return handed_out(folder, lambda path, uid: os.chown(path, uid, uid))


@pytest.fixture(scope="module")
def nats(volumes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("etc")
    (folder / "users").symlink_to(volumes / "secrets-nats")
    (folder / "nats.conf").write_text(on_ports_of_its_own(SHIPPED, tmp_path_factory.mktemp("store")))
    with NatsServer(include=folder / "nats.conf") as server:
        yield server


@pytest.fixture
def contained(builder, built, nats, volumes, tmp_path):
    """The image as compose runs it, with its own secrets, a volume of its own, and ports nobody has."""
    service, image = built
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    secrets = volumes / f"secrets-{service if service in SERVICES else 'people'}"
    environment = {
        "CAMBUS_NATS_URL": nats.url,
        "CAMBUS_NATS_MONITOR_URL": nats.monitor_url,
        "CAMBUS_NATS_NKEY_FILE": f"/run/cambus/{'nats' if service in SERVICES else 'operator'}.nk",
        "CAMBUS_CREATE_ASSETS": "false",
        "CAMBUS_INSTANCE": f"{service}-0",
        "CAMBUS_HTTP_HOST": "127.0.0.1",
        "CAMBUS_HTTP_PORT": str(free_port()),
        "CAMBUS_DISK_RESERVE_MIB": "0",
        **{f"CAMBUS_RELAY_{name}_PORT": "0" for name in ("HTTP", "RTSP", "WEBRTC")},
        "CAMBUS_GB28181_PORT": "0",
    }
    for file, variable in (
        ("credentials.key", "CAMBUS_CREDENTIALS_KEY_FILE"),
        ("viewers-token", "CAMBUS_RELAY_TOKEN_FILE"),
    ):
        if (secrets / file).exists():
            environment[variable] = f"/run/cambus/{file}"
    mounts = {"/run/cambus": secrets, "/data": data}
    with Container(builder, image, tmp_path, mounts=mounts, environment=environment) as container:
        yield container


def test_only_what_the_service_needs_is_installed(built, contained):
    service, _ = built
    ran = contained.ask("/opt/cambus/bin/python", "-c", INSTALLED)
    installed = {closure.normalized(each) for each in json.loads(ran.stdout or "[]")}
    members = closure.member_closure(service, closure.members())
    version = contained.ask(
        "/opt/cambus/bin/python", "-c", "import platform; print(platform.python_version())"
    )
    lock = (closure.ROOT / "requirements.lock").read_text()
    expected = {each.name for each in members}
    for each in closure.locked_for(members, lock):
        marker = each.text.splitlines()[0].partition(" ; ")[2].removesuffix("\\").strip()
        if not marker or Marker(marker).evaluate({"python_full_version": version.stdout.strip()}):
            expected.add(each.name)
    assert installed == expected, ran.stderr
    assert not {"pip", "pytest", "uv-build", "setuptools"} & installed
    others = {each.name for each in closure.members().values() if each.folder.startswith("services/")}
    assert others & installed == ({f"cambus-{service}"} & others)


def test_there_is_no_installer_and_nothing_of_the_build_in_it(contained):
    for module in ("pip", "ensurepip"):
        assert contained.ask("/opt/cambus/bin/python", "-c", f"import {module}").returncode != 0
        assert contained.ask("/usr/bin/env", "python3", "-c", f"import {module}").returncode != 0
    for place in ("/src", "/closure", "/wheels", "/build", "/run/secrets", "/usr/bin/gcc"):
        assert contained.ask("/usr/bin/test", "-e", place).returncode == 1, place
    found = contained.ask("/usr/bin/find", "/opt/cambus/lib", "-name", "*.py", "-newermt", "2100-01-01")
    assert (found.returncode, found.stdout) == (0, "")
    compiled = contained.ask("/usr/bin/find", "/opt/cambus/lib", "-path", "*cambus*", "-name", "*.pyc")
    assert len(compiled.stdout.splitlines()) > 20


def test_nothing_can_be_written_but_data_and_scratch(contained):
    assert contained.ask("/usr/bin/touch", "/data/x", "/tmp/x").returncode == 0
    for place in ("/opt/cambus/x", "/etc/x", "/run/cambus/x", "/x"):
        assert contained.ask("/usr/bin/touch", place).returncode != 0, place


async def test_it_runs_as_nobody_in_particular_tells_its_health_and_ends_when_told(
    built, contained, nats, volumes, tmp_path, eventually
):
    service, _ = built
    if service not in SERVICES:
        pytest.skip(f"{service} is no service")
    admin = BusSettings(nats_url=nats.url, nats_nkey_file=volumes / "secrets-people" / "admin.nk")
    async with await Bus.connect(admin, name="cambusctl") as bus:
        await ensure_assets(bus)
    said_before = len(nats.log_text)
    health = contained.configuration["Healthcheck"]["Test"]
    assert health[0] == "CMD"
    with contained.start(log=tmp_path / "log") as process:
        ready = [*health[1:-1], "readyz"]
        try:
            await eventually(lambda: contained.ask(*ready).returncode == 0, within_s=120.0)
        except TimeoutError:
            pytest.fail(f"not ready: {contained.ask(*ready).stdout}\n{process.log}")
        assert contained.ask(*health[1:]).stdout == "ok\n"
        status = process.status()
        assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
        assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        assert contained.configuration["StopSignal"] == "SIGTERM"
        assert process.terminate() == 0, process.log
        assert '"stopped"' in process.log
    assert contained.ask(*health[1:]).returncode == 1
    assert "Violation" not in nats.log_text[said_before:]
    if service == "recorder":
        assert contained.ask("/usr/bin/test", "-d", "/data/recordings").returncode == 0


def test_programs_answer(built, contained):
    service, _ = built
    ran = contained.run("--help")
    assert (ran.returncode, service in ran.stdout or "Usage" in ran.stdout) == (0, True), ran.stderr
