"""What the README tells to type, typed: against the whole suite, each command a process."""

import asyncio
import contextlib
import os
import re
import shlex
import signal
from pathlib import Path

import av
import pytest
import pytest_asyncio
from recordings import Recordings, pictures_of
from suite import PASSWORD, USER, recorder_device, running_suite, until
from webhook import WebhookReceiver

from cambus.schemas.errors import ErrorCode
from cambus.schemas.events import alarm as alarm_events

pytestmark = pytest.mark.asyncio(loop_scope="module")

README = (Path(__file__).parents[2] / "README.md").read_text()
GATE = "gate"
"""The device of the README."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate():
    async with recorder_device() as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, gate):
    async with running_suite(folder) as running:
        (folder / "gate.secret").write_text(PASSWORD + "\n")
        (folder / "devices.yaml").write_text(
            f"devices:\n  - id: {GATE}\n    protocol: dvrip\n    address: 127.0.0.1:{gate.port}\n"
            "    name: North gate\n    tags: [gate, outdoor]\n"
            f"    credentials:\n      username: {USER}\n      password_file: gate.secret\n"
        )
        applied = await running.cambusctl("apply", "-f", "devices.yaml")
        assert (applied.code, applied.err) == (0, "")
        assert GATE in applied.out
        await running.online(GATE)
        await Recordings(running.client, GATE, 0).record()
        yield running


def typed_in_readme(start: str) -> list[str]:
    """The arguments of the README's command that begins like that."""
    line = re.search(rf"^    cambusctl ({re.escape(start)}.*)$", README, re.MULTILINE)
    assert line is not None, f"the README has no cambusctl {start}"
    return shlex.split(line[1], comments=True)


async def done(suite, *arguments: str, within_s: float = 60.0):
    """Run a command that has to succeed without a complaint."""
    ran = await suite.cambusctl(*arguments, within_s=within_s)
    assert ran.code == 0, (arguments, ran)
    assert "Traceback" not in ran.err
    return ran


async def test_devices(suite, gate):
    shown = (await done(suite, *typed_in_readme("devices"))).out
    assert all(word in shown for word in (GATE, "online", "dvrip", gate.device.identity.hardware))
    (found,) = (await done(suite, "devices", "--json")).json
    assert (found["device"], found["online"]) == (GATE, True)
    shown = (await done(suite, "device", "get", GATE)).out
    assert gate.device.identity.serial in shown


async def test_moving_a_camera(suite, gate):
    before = len(gate.head(0).history)
    await done(suite, *typed_in_readme("ptz move"))
    assert len(gate.head(0).history) > before
    await gate.wait_for(lambda: gate.ptz(0).pan > 0)
    await done(suite, "ptz", "stop", GATE, "0")
    assert not gate.head(0).moving
    await done(suite, "ptz", "preset", "set", GATE, "0", "3")
    assert 3 in gate.head(0).presets


async def test_any_client_may_ask(suite, gate):
    line = re.search(r"nats req (\S+) '(.*)'", README)
    assert line is not None
    reply = await suite.bus.request(line[1], line[2].encode(), timeout_s=10.0)
    assert reply.data == b"{}"
    assert gate.head(0).moving
    await done(suite, "call", GATE, "ptz.stop", '{"channel": 0}')
    assert not gate.head(0).moving


async def test_live_pictures(suite):
    shown = (await done(suite, *typed_in_readme("live open"))).out
    urls = (await done(suite, "live", "open", GATE, "0", "--json")).json
    for output in ("page", "rtsp", "flv", "fmp4", "ws_fmp4"):
        assert urls[output] in shown

    def first_picture() -> int:
        with av.open(urls["flv"], timeout=20.0) as opened:
            return next(opened.decode(video=0)).width

    assert await asyncio.to_thread(first_picture) == 320


async def test_a_snapshot(suite, folder):
    await done(suite, "snapshot", GATE, "1", "-o", "gate.jpg")
    with av.open(str(folder / "gate.jpg")) as opened:
        assert next(opened.decode(video=0)).width == 320


async def test_finding_and_exporting_recordings(suite, folder):
    recordings = Recordings(suite.client, GATE, 0)

    async def enough() -> bool:
        return await recordings.seconds() >= 3

    await until(enough, what="3 s recorded")
    shown = (await done(suite, *typed_in_readme("recordings find"))).out
    assert "main" in shown
    export = typed_in_readme("recordings export")
    await done(suite, *export)
    times = await asyncio.to_thread(pictures_of, folder / export[export.index("-o") + 1])
    assert len(times) >= 50
    policies = (await done(suite, "recordings", "policy", "list", "--json")).json
    assert GATE in str(policies)


async def test_events(suite, gate):
    following = await suite.begin_cambusctl(*typed_in_readme("events --follow"))
    assert following.stdout is not None
    try:
        seen = []
        async with asyncio.timeout(30):
            while not any("motion" in line for line in seen):
                gate.raise_alarm("motion", channel=0)
                gate.raise_alarm("motion", channel=0, status="Stop")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        seen.append((await following.stdout.readline()).decode())
                        assert seen[-1], (await following.stderr.read()).decode()
        following.send_signal(signal.SIGINT)
        _, err = await following.communicate()
    finally:
        if following.returncode is None:
            following.kill()
            await following.wait()
    assert following.returncode == 130
    assert "Traceback" not in err.decode()
    assert "device.online" in (await done(suite, "events", "--type", "device")).out


async def test_alarms_and_their_rules(suite, gate, folder):
    async with WebhookReceiver() as receiver:
        (folder / "rules.yaml").write_text(
            f"- {{id: typed, match: {{devices: [{GATE}]}}, sinks: [{{kind: webhook, url: '{receiver.url}'}}]}}\n"
        )
        await done(suite, "alarms", "rules", "apply", "-f", "rules.yaml")
        gate.raise_alarm("tamper", channel=1)
        await receiver.until(lambda receiver: receiver.bodies)
        shown = (await done(suite, "alarms")).out
        assert GATE in shown
        assert "tamper" in shown
        gate.raise_alarm("tamper", channel=1, status="Stop")
        await suite.events.find(alarm_events.CLEARED, GATE, lambda event: event.key == "tamper:1")
        await done(suite, "alarms", "rules", "delete", "typed", "--yes")


async def test_an_upgrade(suite, gate, folder):
    image = os.urandom(300_000)
    (folder / "next.bin").write_bytes(image)
    await done(suite, "upgrade", "images", "add", "next.bin")
    assert "next.bin" in (await done(suite, "upgrade", "images", "list")).out
    before = gate.firmware
    shown = (await done(suite, "upgrade", "start", "--firmware", "next.bin", GATE, "--yes", "--watch")).out
    assert "succeeded" in shown
    assert gate.firmware != before
    assert [each.size_bytes for each in gate.images] == [len(image)]
    assert gate.firmware in (await done(suite, "devices", "--json")).out
    assert "finished" in (await done(suite, "upgrade", "list")).out


async def test_services_and_doctor(suite):
    await suite.online(GATE)
    shown = (await done(suite, "services")).out
    assert all(service in shown for service in suite.stack.options.services)
    doctor = await suite.cambusctl("doctor", "--monitor", suite.stack.nats.monitor_url)
    assert doctor.code == 0, doctor.out


async def test_what_fails_says_so_by_its_exit_code(suite):
    offline = await suite.cambusctl("ptz", "move", "nobody", "0", "--pan", "1")
    assert offline.code == 4
    wrong = await suite.cambusctl("ptz", "move", GATE, "0", "--pan", "7")
    assert wrong.code == 2
    refused = await suite.cambusctl("snapshot", GATE, "77", "--json")
    assert refused.code == 3
    assert refused.json["error"]["code"] == ErrorCode.NOT_FOUND
    away = await suite.cambusctl("devices", "--nats", "nats://127.0.0.1:1")
    assert away.code == 6
    for ran in (offline, wrong, away):
        assert ran.err.startswith("Error: ")
