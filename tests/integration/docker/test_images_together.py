"""From the first start to the first picture, by images alone: secrets, NATS, a connector, a device, `cambusctl`.

There need be no Docker engine: `tests/support/image_rig.py`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import first_start
import pytest
from image_rig import Builder, Container, missing
from nats_configuration import SHIPPED, on_ports_of_its_own
from ports import free_port
from span_collector import collecting

from cambus.bus.testing import NatsServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

DEVICES = """\
devices:
  - id: gate
    protocol: dvrip
    address: 127.0.0.1:{port}
    credentials: {{username: demo, password_file: /run/cambus/device-password}}
"""
CAPABILITIES = ("chown", "dac_override", "fowner")
"""What compose.yaml gives the first container."""


@pytest.fixture
def volumes(tmp_path):
    """Volumes after a first and a second start, made with the capabilities the container has."""
    folder = tmp_path / "volumes"
    for name in ("secrets", "nats-data", *first_start.shares()):
        (folder / name).mkdir(parents=True)
    limits = f"--bounding-set=-all,{','.join(f'+{each}' for each in CAPABILITIES)}"
    script = (
        f"import first_start, pathlib; raise SystemExit(first_start.run([], pathlib.Path({str(folder)!r})))"
    )
    for _ in range(2):
        subprocess.run(
            ["setpriv", limits, "--inh-caps=-all", sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(Path(first_start.__file__).parent)},
            check=True,
        )
    return folder


@pytest.fixture
def nats(volumes, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    shutil.copytree(volumes / "secrets-nats", folder / "users")
    (folder / "nats.conf").write_text(on_ports_of_its_own(SHIPPED, tmp_path / "store"))
    with NatsServer(include=folder / "nats.conf") as server:
        yield server


@pytest.fixture
def collector():
    with collecting() as server:
        yield server


async def test_a_picture_comes_from_a_device_through_the_images_to_the_command_line(
    volumes, nats, tmp_path, eventually, collector
):
    builder = Builder()
    at_work = {}
    bus = {
        "CAMBUS_NATS_URL": nats.url,
        "CAMBUS_NATS_MONITOR_URL": nats.monitor_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }

    def container(service, share, **environment):
        scratch, data = tmp_path / service, tmp_path / service / "data"
        data.mkdir(parents=True)
        os.chown(data, 10001, 10001)
        image = builder.build(service, scratch)
        mounts = {"/run/cambus": volumes / f"secrets-{share}", "/data": data}
        return Container(builder, image, scratch, mounts=mounts, environment={**bus, **environment})

    connector = container(
        "connector-dvrip",
        "connector-dvrip",
        CAMBUS_NATS_NKEY_FILE="/run/cambus/nats.nk",
        CAMBUS_CREDENTIALS_KEY_FILE="/run/cambus/credentials.key",
        CAMBUS_CREATE_ASSETS="false",
        CAMBUS_HTTP_HOST="127.0.0.1",
        CAMBUS_HTTP_PORT=str(free_port()),
    )
    people = container(
        "cli",
        "people",
        CAMBUS_NATS_NKEY_FILE="/run/cambus/admin.nk",
        CAMBUS_CREDENTIALS_KEY_FILE="/run/cambus/credentials.key",
    )
    simulator = container("simulators", "simulators")
    words = ["--host", "127.0.0.1", "--port", "0", "--user", "demo", "--channels", "1", "--codec", "h264"]
    with connector, people, simulator:
        set_up = people.run("nats", "setup")
        assert set_up.returncode == 0, set_up.stderr
        people.environment = {**people.environment, "CAMBUS_NATS_NKEY_FILE": "/run/cambus/operator.nk"}
        with (
            connector.start(log=tmp_path / "connector.log") as at_work["connector"],
            simulator.start(
                "dvrip", *words, "--password-file", "/run/cambus/device-password", log=tmp_path / "sim.log"
            ) as at_work["simulator"],
        ):
            pattern = re.compile(r"dvrip device 0 on \S+:(\d+)")
            await eventually(lambda: pattern.search(at_work["simulator"].log), within_s=120.0)
            port = pattern.search(at_work["simulator"].log)[1]
            applied = people.run("apply", "-f", "-", given=DEVICES.format(port=port).encode())
            assert applied.returncode == 0, applied.stderr
            pictures = []

            def taken():
                answer = people.run("snapshot", "gate", "0", "-o", "-")
                pictures.append(answer)
                return answer.returncode == 0

            try:
                await eventually(taken, within_s=180.0)
            except TimeoutError:
                pytest.fail(f"{pictures[-1].stderr}\n{at_work['connector'].log}\n{at_work['simulator'].log}")
            assert pictures[-1].output.startswith(b"\xff\xd8"), "a JPEG"
            told = people.run("doctor")
            assert "does not sync" not in told.stdout + told.stderr
            assert [each.terminate() for each in at_work.values()] == [0, 0]
    assert "not installed" not in at_work["connector"].log
    taken = {(service, span.name): span.trace_id for service, span in collector.spans()}
    assert taken["connector-dvrip", "snapshot.take"] == taken["cambusctl", "snapshot.take"], "one trace"
    assert "Violation" not in nats.log_text
