"""A canary: a password that is used everywhere and may be seen nowhere."""

import asyncio
import json
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from suite import USER, recorder_device, running_suite, until
from webhook import WebhookReceiver

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.cli.stack.options import SERVICES
from cambus.dvrip.password import hash_password
from cambus.schemas.commands import alarm_router, config, device, native, snapshot
from cambus.schemas.errors import CambusError
from cambus.schemas.events import device as device_events
from cambus.schemas.model import Empty
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule
from cambus.schemas.state.alarm_sinks import WebhookSink
from cambus.schemas.state.presence import DeviceState

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.cold_start]

CANARY = "Kanarienvogel-7Q4z"
OTHER = "Zaunkoenig-9x2W"
"""The password the device keeps for something else: mail, dynamic DNS."""

SECRETS = tuple(
    form.encode() for secret in (CANARY, OTHER) for form in (secret, hash_password(secret), secret.upper())
)
NVR, REFUSED = "secrets-nvr", "secrets-refused"
AWAY = ("secrets-camera", "secrets-publisher", "secrets-gb")
"""Devices of the other protocols, with the same password, that are not there."""
CLOSED = 1
"""A port nobody listens on."""


HEARD = (
    "_INBOX.>",
    "$KV.>",
    "$O.>",
    "$SRV.>",
    f"cambus.v1.cmd.{NVR}.>",
    *(f"cambus.v1.{kind}.>" for kind in ("svc", "evt", "xfer", "dead")),
)
"""All that is listened to; not the commands of the other device, which nobody is to answer."""


class Wire:
    """What is said on the bus while the tests run, requests and replies included."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bytes]] = []

    async def take(self, message: Msg) -> None:
        self.messages.append(
            (message.subject, message.data, json.dumps(dict(message.headers or {})).encode())
        )


def leaks(data: bytes) -> list[bytes]:
    """Which secrets stand in some bytes, as they are or as JSON or UTF-16 would write them."""
    return [secret for secret in SECRETS if secret in data or secret.decode().encode("utf-16-le") in data]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device(password=CANARY, channels=1) as simulator:
        simulator.device.config.set("NetWork.NetEmail.MailServer.Password", OTHER)
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire():
    return Wire()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr, wire):
    """A suite that logs all it can, and has seen the password accepted and refused."""
    home = folder.with_name("home")
    home.mkdir()
    (home / "canary.secret").write_text(CANARY + "\n")
    environment = {
        "CAMBUS_LOG_LEVEL": "debug",
        "CAMBUS_COPY_URL": "s3://recordings/here",
        "CAMBUS_COPY_ENDPOINT": f"http://127.0.0.1:{CLOSED}",
        "CAMBUS_COPY_KEY_ID_FILE": str(home / "canary.secret"),
        "CAMBUS_COPY_SECRET_FILE": str(home / "canary.secret"),
        "CAMBUS_RELAY_WEBRTC_TURN_SERVER": f"127.0.0.1:{CLOSED}",
        "CAMBUS_RELAY_WEBRTC_TURN_CREDENTIALS_FILE": str(home / "turn.secret"),
    }
    (home / "turn.secret").write_text(f"viewers:{CANARY}\n")
    async with running_suite(folder, settings=environment) as running:
        settings = BusSettings(nats_url=running.nats_url, instance="wire")
        async with await Bus.connect(settings, name="wire") as tap:
            for subject in HEARD:
                await tap.nc.subscribe(subject, cb=wire.take)
            await tap.flush()
            await apply(running, nvr)
            await running.online(NVR)
            yield running


AWAY_ENTRIES = f"""\
- {{{{id: {{0}}, protocol: rtsp, address: "127.0.0.1:{CLOSED}", credentials: {{{{{{account}}}}}},
    options: {{{{url: /one}}}}}}}}
- {{{{id: {{1}}, protocol: rtsp, credentials: {{{{{{account}}}}}}, options: {{{{publish: true}}}}}}}}
- {{{{id: {{2}}, protocol: gb28181, credentials: {{{{{{account}}}}}}, options: {{{{code: '34020000001320000001'}}}}}}}}
"""


async def apply(suite, nvr) -> None:
    """Put the devices on the bus as a user would: the password in a file beside the devices."""
    home = suite.folder.with_name("home")
    file = home / "devices.yaml"
    entry = "- {{id: {0}, protocol: dvrip, address: '127.0.0.1:{1}', credentials: {{username: {2}, {3}}}}}\n"
    file.write_text(
        "devices:\n"
        + entry.format(NVR, nvr.port, USER, "password_file: canary.secret")
        + entry.format(REFUSED, nvr.port, USER, f"password: not-{CANARY}")
        + AWAY_ENTRIES.format(*AWAY, account=f"username: {USER}, password_file: canary.secret")
    )
    ran = await suite.cambusctl("apply", "-f", str(file), "--json", "--verbose")
    assert ran.code == 0, ran.err
    assert leaks(ran.out.encode() + ran.err.encode()) == []


async def test_the_canary_is_what_logs_in(suite, nvr):
    """Or the rest would prove nothing."""
    assert (await suite.online(NVR)).serial == nvr.device.identity.serial
    refused = await suite.presence_like(
        REFUSED, lambda presence: presence.state is DeviceState.CREDENTIALS_REJECTED
    )
    assert refused.last_error.reason == "wrong-password"
    await suite.events.find(device_events.AUTH_FAILED, REFUSED)


async def test_no_reply_and_no_error_shows_a_secret(suite, wire):
    name = "NetWork.NetEmail"
    calls = [
        (device.INFO, Empty(), NVR),
        (device.STATUS, Empty(), NVR),
        (config.GET, config.ConfigGetRequest(name=name), NVR),
        (config.GET, config.ConfigGetRequest(name="NetWork"), NVR),
        (config.SET, config.ConfigSetRequest(name=name, value={"MailServer": {"UserName": "ops"}}), NVR),
        (snapshot.TAKE, snapshot.SnapshotTakeRequest(channel=0), NVR),
        (device.INFO, Empty(), REFUSED),
    ]
    for message_id, section in ((1042, name), (1042, "NetWork"), (1472, "Users")):
        message = {"id": message_id, "body": {"Name": section}}
        calls.append((native.CALL, native.NativeCallRequest(protocol="dvrip", message=message), NVR))
    answers = []
    for spec, request, target in calls:
        try:
            answers.append((await suite.client.call(spec, request, device=target)).model_dump_json())
        except CambusError as error:
            answers.append(f"{error!r} {error.reply()!r}")
    assert leaks("\n".join(answers).encode()) == []
    assert any("***" in answer for answer in answers)  # secrets were there, and were blanked


async def test_a_secret_that_was_blanked_stays_when_it_is_written_back(suite, nvr):
    name = "NetWork.NetEmail"
    read = (await suite.client.call(config.GET, config.ConfigGetRequest(name=name), device=NVR)).value
    await suite.client.call(config.SET, config.ConfigSetRequest(name=name, value=read), device=NVR)
    assert nvr.device.config.get("NetWork.NetEmail.MailServer.Password") == OTHER


@pytest.mark.parametrize(
    "command",
    [
        "devices",
        f"device get {NVR}",
        f"device get {REFUSED}",
        f'call {NVR} config.get {{"name":"NetWork"}}',
        f"call {REFUSED} device.info",
        f"live open {NVR} 0",
        f"recordings find {NVR}",
        "events --since -1h",
        "alarms",
        f"device get {AWAY[0]}",
        "recordings copies",
        "secret list",
        "services",
        "doctor",
    ],
)
async def test_the_command_line_shows_no_secret(suite, command):
    ran = await suite.cambusctl(*command.split(" "), "--json", "--verbose")
    assert ran.out
    assert leaks(ran.out.encode() + ran.err.encode()) == []


async def test_sinks_with_secrets_show_none(suite, nvr, wire):
    """Those that take an alarm, and those that fail at it: whatever stands in their secrets stays there."""
    file = str(suite.folder.with_name("home") / "canary.secret")
    for name, login in (("canary-token", ()), ("canary-login", ("--user", USER))):
        ran = await suite.cambusctl("secret", "set", name, "--file", file, *login)
        assert (ran.code, leaks(ran.out.encode() + ran.err.encode())) == (0, []), ran.err
    async with WebhookReceiver() as receiver:
        sinks = [
            {"kind": "webhook", "url": receiver.url, "secret": "canary-token"},
            {
                "kind": "http",
                "url": f"http://127.0.0.1:{CLOSED}/{{secret}}",
                "secret": "canary-token",
                "headers": {"Authorization": "Bearer {secret}"},
                "fields": {"token": "{secret}"},
            },
            {
                "kind": "email",
                "host": "127.0.0.1",
                "port": CLOSED,
                "secret": "canary-login",
                "sender": "a@example.org",
                "to": ["b@example.org"],
            },
            {
                "kind": "mqtt",
                "host": "127.0.0.1",
                "port": CLOSED,
                "tls": False,
                "secret": "canary-login",
                "topic": "alarms",
            },
        ]
        rule = AlarmRule(id="sinks", match=AlarmMatch(devices=[NVR], types=["tamper"]), sinks=sinks)
        await suite.client.call(alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
        nvr.raise_alarm("tamper", channel=0)
        await receiver.until(lambda receiver: receiver.bodies)
        assert leaks(json.dumps(receiver.bodies).encode()) == []

        async def failed():
            ran = await suite.cambusctl("alarms", "sinks", "--json")
            assert leaks(ran.out.encode()) == []
            ways = {each["kind"]: each["last_error"] for reply in ran.json for each in reply.get("sinks", [])}
            return all(ways.get(kind) for kind in ("http", "email", "mqtt"))

        await until(failed, what="three sinks have failed")


async def test_webhooks_and_pages_show_no_secret(suite, nvr):
    async with WebhookReceiver() as receiver:
        rule = AlarmRule(id="canary", match=AlarmMatch(devices=[NVR]), sinks=[WebhookSink(url=receiver.url)])
        await suite.client.call(alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
        nvr.raise_alarm("motion", channel=0)
        await receiver.until(lambda receiver: receiver.bodies)
        assert leaks(json.dumps(receiver.bodies).encode()) == []
    viewers = await suite.url("media-relay", "viewers")
    for path in ("/", "/api/devices", f"/api/devices/{NVR}", "/live/none/0/main.flv"):
        async with suite.http.get(viewers + path) as answer:
            assert leaks(await answer.read() + str(answer.headers).encode()) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_no_metric_and_no_process_shows_a_secret(suite, service):
    pid = suite.pid(service)
    seen = (await suite.metrics(service)).encode()
    for file in ("cmdline", "environ"):
        seen += (Path("/proc") / str(pid) / file).read_bytes()
    assert leaks(seen) == []


async def test_nothing_on_the_bus_shows_a_secret(suite, wire):
    assert len(wire.messages) > 100
    assert any(subject.startswith("$KV.cambus-credentials.") for subject, _, _ in wire.messages)
    shown = [subject for subject, data, headers in wire.messages if leaks(subject.encode() + data + headers)]
    assert shown == []


async def test_nothing_the_suite_keeps_or_logs_shows_a_secret(suite, folder):
    """Logs, outboxes, indexes, and the store of NATS: events, presence, pictures, sealed credentials."""
    await until(lambda: "wrong" in suite.log("connector-dvrip"), what="the refusal is logged")
    read = 0
    for path in folder.rglob("*"):
        if path.is_file():
            data = await asyncio.to_thread(path.read_bytes)
            assert leaks(data) == [], path
            read += len(data)
    assert read > 100_000
    assert {f"{service}.log" for service in SERVICES} <= {path.name for path in (folder / "logs").iterdir()}
