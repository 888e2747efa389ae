"""Whatever is asked wrongly is refused in a typed way, and nothing of it is done."""

import asyncio
import json

import msgpack
import pytest
import pytest_asyncio
from suite import recorder_device, running_suite

from cambus.client.errors import NoResponders
from cambus.client.kv import KeyValue
from cambus.schemas import headers as header
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.codec import JSON, MSGPACK, decode
from cambus.schemas.commands import config, device, ptz
from cambus.schemas.errors import ErrorCode, ErrorReply, TooLarge
from cambus.schemas.model import Empty
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.devices import DeviceRecord

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "bad-input-nvr"
MOVE = ptz.MOVE.subject(NVR)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device(channels=1) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder) as running:
        await running.add(NVR, nvr.port)
        await running.online(NVR)
        yield running


async def refusal(suite, subject: str, body: bytes, content_type: str | None = None) -> ErrorReply:
    """Send bytes as any NATS client could; the typed error that comes back."""
    headers = {} if content_type is None else {header.CONTENT_TYPE: content_type}
    message = await suite.bus.request(subject, body, headers=headers, timeout_s=20.0)
    answered = message.headers or {}
    assert header.SERVICE_ERROR_CODE in answered, message.data
    error = decode(ErrorReply, message.data, answered[header.CONTENT_TYPE])
    assert answered[header.SERVICE_ERROR_CODE] == str(int(error.code))
    assert error.text
    assert not any(word in error.text for word in ("Traceback", "Error(", "cambus.", "/src/"))
    return error


MALFORMED = {
    "wrong-type": b'{"channel": "zero", "pan": 0.5}',
    "wrong-type-of-speed": b'{"channel": 0, "pan": "fast"}',
    "bool-as-number": b'{"channel": true, "pan": 0.5}',
    "fraction-as-channel": b'{"channel": 0.5}',
    "negative-channel": b'{"channel": -1}',
    "out-of-range": b'{"channel": 0, "pan": 7}',
    "not-a-number": b'{"channel": 0, "pan": NaN}',
    "infinite": b'{"channel": 0, "pan": 1e999}',
    "missing": b'{"pan": 0.5}',
    "a-list": b"[0, 0.5]",
    "null": b"null",
    "cut-off": b'{"channel": 0, "pan"',
    "too-deep": b'{"channel": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "not-utf-8": b'{"channel": 0, "pan": "\xff"}',
    "not-msgpack": b"\xc1\xff\x00\x01",
    "random": bytes(range(128, 256)),
    "msgpack-list": msgpack.packb([0, 0.5]),
    "msgpack-bomb": b"\xdf\xff\xff\xff\xff" + b"\x00" * 100,
    "msgpack-wrong-type": msgpack.packb({"channel": "0", "pan": 0.5}),
    "big-garbage": b"x" * 900_000,
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_body_is_a_bad_request(suite, nvr, name):
    error = await refusal(suite, MOVE, MALFORMED[name])
    assert error.code in {ErrorCode.BAD_REQUEST, ErrorCode.TOO_LARGE}
    assert not error.retryable
    assert list(nvr.head(0).history) == []


async def test_the_refusal_names_the_field(suite):
    assert "pan" in (await refusal(suite, MOVE, MALFORMED["out-of-range"])).text
    assert "channel" in (await refusal(suite, MOVE, MALFORMED["wrong-type"])).text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"channel": 0}', MSGPACK),
        (msgpack.packb({"channel": 0}), JSON),
        (b'{"channel": 0}', "text/xml"),
        (b"<move/>", "application/xml"),
    ],
)
async def test_a_body_that_is_not_what_its_header_says_is_a_bad_request(suite, body, content_type):
    assert (await refusal(suite, MOVE, body, content_type)).code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(
    ("subject", "body", "code"),
    [
        (f"cambus.v1.cmd.{NVR}.ptz.move", {"channel": 99, "pan": 0.5}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.snapshot.take", {"channel": 99}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.live.start", {"channel": 99, "claimant": "me"}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.ptz.fly", {}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.teapot.brew", {}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.x", {}, ErrorCode.NOT_FOUND),
        (f"cambus.v1.cmd.{NVR}.device.reboot", {}, ErrorCode.BAD_REQUEST),
        (f"cambus.v1.cmd.{NVR}.device.reboot", {"confirm": False}, ErrorCode.BAD_REQUEST),
        (
            "cambus.v1.svc.media-relay.live.open",
            {"device": "../../etc", "channel": 0},
            ErrorCode.BAD_REQUEST,
        ),
        ("cambus.v1.svc.media-relay.live.open", {"device": "nobody", "channel": 0}, ErrorCode.NOT_FOUND),
        (
            "cambus.v1.svc.recorder.recording.find",
            {"device": NVR, "start": "2026-02-02T00:00:00Z", "end": "2026-02-01T00:00:00Z"},
            ErrorCode.BAD_REQUEST,
        ),
        (
            "cambus.v1.svc.recorder.recording.export",
            {"device": NVR, "channel": 0, "start": "2001-01-01T00:00:00Z", "end": "2001-01-02T00:00:00Z"},
            ErrorCode.NOT_FOUND,
        ),
        ("cambus.v1.svc.recorder.teapot.brew", {}, ErrorCode.NOT_FOUND),
        ("cambus.v1.svc.alarm-router.rules.put", {"rule": {"id": "a b", "sinks": []}}, ErrorCode.BAD_REQUEST),
        (
            "cambus.v1.svc.upgrade-manager.upgrade.start",
            {"firmware": {"object": "no-such"}, "devices": [NVR], "confirm": True},
            ErrorCode.NOT_FOUND,
        ),
    ],
)
async def test_what_there_is_not_or_may_not_be_is_refused(suite, nvr, subject, body, code):
    boots = nvr.device.boots
    assert (await refusal(suite, subject, json.dumps(body).encode())).code is code
    assert nvr.device.boots == boots


async def test_a_device_or_service_nobody_runs_is_known_at_once(suite):
    for subject in (
        "cambus.v1.cmd.no-such-device.ptz.move",
        "cambus.v1.svc.no-such-service.a.b",
    ):
        with pytest.raises(NoResponders):
            await suite.bus.request(subject, b"{}", timeout_s=20.0)


@pytest.mark.parametrize("name", DEVICE_COMMANDS)
async def test_every_command_to_a_device_refuses_garbage(suite, name):
    error = await refusal(suite, DEVICE_COMMANDS[name].subject(NVR), b"\xc1\xff")
    assert error.code in {ErrorCode.BAD_REQUEST, ErrorCode.UNSUPPORTED}


@pytest.mark.parametrize("name", SERVICE_COMMANDS)
async def test_every_command_to_a_service_refuses_garbage(suite, name):
    spec = SERVICE_COMMANDS[name]
    assert (await refusal(suite, spec.subject(), b"\xc1\xff")).code is ErrorCode.BAD_REQUEST


async def test_ten_megabytes_are_refused_before_they_are_sent_and_by_nats_if_they_are(suite, nvr):
    request = config.ConfigSetRequest(name="AVEnc.VideoWidget", value="x" * 10_000_000)
    with pytest.raises(TooLarge):
        await suite.client.call(config.SET, request, device=NVR)
    host, _, port = suite.nats_url.removeprefix("nats://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b'CONNECT {"verbose":false,"protocol":1}\r\n')
        writer.write(b"PUB %s 10000000\r\n" % MOVE.encode())
        async with asyncio.timeout(20):
            said = await reader.read()  # to the end of the connection
    finally:
        writer.close()
    assert b"Maximum Payload Violation" in said
    info = await suite.client.call(device.INFO, Empty(), device=NVR)
    assert info.serial == nvr.device.identity.serial


BROKEN = """\
devices:
  - id: fine-1
    protocol: dvrip
    address: 192.0.2.1:34567
  - id: "not fine"
    protocol: dvrip
    address: 192.0.2.2:34567
  - id: also-wrong
    protocol: dvrip
    address: 192.0.2.3:99999
    colour: green
  - id: fine-1
    protocol: dvrip
    address: 192.0.2.4:34567
"""


async def test_a_broken_devices_file_is_refused_with_its_lines_and_nothing_is_applied(suite, tmp_path):
    file = tmp_path / "devices.yaml"
    file.write_text(BROKEN)
    before = await everything(suite)
    ran = await suite.cambusctl("apply", "-f", str(file), "--prune", "--yes")
    assert ran.code == 2
    assert ran.out == ""
    for line, what in ((5, "id"), (10, "address"), (11, "colour"), (12, "fine-1")):
        assert any(f"{file}:{line}: " in each and what in each for each in ran.err.splitlines()), ran.err
    assert "Traceback" not in ran.err
    file.write_text("devices: [ {id: a, protocol: dvrip")
    ran = await suite.cambusctl("apply", "-f", str(file), "--json")
    assert ran.code == 2
    assert f"{file}:1: " in ran.json["error"]["text"]
    assert await everything(suite) == before


async def everything(suite):
    """The devices and credentials on the bus, with their revisions."""
    records = await KeyValue(suite.bus, KV_DEVICES, DeviceRecord).items()
    sealed = await KeyValue(suite.bus, KV_CREDENTIALS, SealedCredentials).items()
    return {
        name: entry.revision
        for name, entry in {**records, **{f"sealed {n}": e for n, e in sealed.items()}}.items()
    }
