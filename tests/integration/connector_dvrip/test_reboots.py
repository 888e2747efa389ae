"""A recorder that restarts in the middle of anything: who asked hears of it, and afterwards everything works again."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from cambus.client.transfer_reader import TransferReader
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.errors import CambusError, Offline
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"
NOW = datetime.now(UTC)
SPAN = {"start": NOW - timedelta(days=2), "end": NOW + timedelta(days=2)}

MIDDLE = {
    "device.info": (1020, {}),
    "device.status": (1020, {}),
    "device.time.get": (1452, {}),
    "device.time.set": (1450, {"confirm": True}),
    "device.storage.list": (1020, {}),
    "device.storage.format": (1460, {"disk": 0, "partition": 0, "confirm": True}),
    "device.config.get": (1042, {"name": "General.General"}),
    "device.config.set": (1040, {"name": "General.General", "value": {"MachineName": "x"}}),
    "device.config.reset": (1450, {"sections": ["Encode"], "confirm": True}),
    "device.config.export": (1542, {}),
    "device.logs.find": (1442, dict(SPAN)),
    "device.logs.export": (1544, {}),
    "device.logs.clear": (1450, {"confirm": True}),
    "device.users.list": (1472, {}),
    "device.users.add": (1482, {"user": {"name": "new", "group": "user"}, "password": "x", "confirm": True}),
    "device.serial.open": (1578, {}),
    "video.get": (1042, {}),
    "alarm.output.set": (1042, {"output": 0, "active": True}),
    "alarm.inputs.set": (1506, {"active": [0]}),
    "alarm.disarm": (1502, {}),
    "ptz.move": (1400, {"channel": 0, "pan": 0.5}),
    "ptz.preset.set": (1400, {"channel": 0, "preset": 1}),
    "snapshot.take": (1560, {"channel": 0}),
    "recording.find": (1440, {"channel": 0, **SPAN}),
    "recording.calendar": (1446, {"channel": 0, "year": 2026, "month": 3}),
    "recording.manual": (1042, {"channel": 0, "on": True}),
    "recording.download": (1424, {"channel": 0, **SPAN}),
    "recording.play": (1424, {"channel": 0, **SPAN}),
    "live.start": (1413, {"channel": 0, "claimant": "viewer", "ttl_s": 30.0}),
    "talk.start": (1434, {}),
    "upgrade.info": (1525, {}),
    "native.call": (1360, {"protocol": "dvrip", "message": {"id": 1360, "body": {"Name": "PTZProtocol"}}}),
}


@pytest.fixture
async def recorder():
    """A recorder with recordings that takes 50 ms to restart."""
    plan = ArchivePlan(files=3, file_s=20)
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, archive=plan, seed=3) as made:
        await made.prepare()
        made.quirks.reboot_s = 0.05
        yield made


def reboot_at(recorder, monkeypatch, message_id):
    """Have it restart instead of answering a message, once; returns what is filled when it has."""
    handle, done = recorder.role._handle, []

    def rebooting(request):
        if request.message_id == message_id and not done:
            done.append(request.message_id)
            recorder.reboot()
        else:
            handle(request)

    monkeypatch.setattr(recorder.role, "_handle", rebooting)
    return done


@pytest.mark.parametrize("name", list(MIDDLE))
async def test_whoever_asks_hears_of_it_and_may_ask_again(bench, recorder, device, monkeypatch, name):
    before = await bench.online(device, recorder, options={"snapshots": "device"})
    heard = await bench.heard(device)
    message_id, fields = MIDDLE[name]
    spec = DEVICE_COMMANDS[name]
    request = spec.request.model_validate(fields)
    restarted = reboot_at(recorder, monkeypatch, message_id)
    with pytest.raises(CambusError) as lost:
        await bench.client.call(spec, request, device=device, timeout_s=30)
    assert restarted
    assert lost.value.code in (502, 503, 504)
    offline = await heard.until("device.offline")
    assert offline.reason in ("connection-lost", "rebooting")
    await bench.shown(device, lambda p: p.online and p.since > before.since)
    if name != "live.start":  # whose claim has lived on, and is served by now or soon
        await bench.client.call(spec, request, device=device, timeout_s=30)


async def test_a_live_view_goes_on_after_it(bench, recorder, device):
    await bench.online(device, recorder)
    watched = await bench.view(device)
    await watched.until(lambda frames: len(frames) > 5)
    recorder.reboot()
    await bench.shown(device, lambda presence: not presence.online)
    count = len(watched.frames)
    await watched.until(lambda frames: any(frame.discontinuity for frame in frames[count:]))


async def test_a_download_breaks_off_and_is_resumed_to_the_byte(bench, recorder, device):
    await bench.online(device, recorder)
    spec = DEVICE_COMMANDS["recording.download"]
    wanted = recorder.device.recordings(0, 0, "h264")[0].file_name

    async def begin(**fields):
        request = spec.request.model_validate({"channel": 0, "recording": wanted, **fields})
        reply = await bench.client.call(spec, request, device=device)
        return TransferReader(bench.bus, reply.subject, offset=reply.offset).chunks()

    whole = b"".join([chunk async for chunk in await begin()])
    chunks = await begin()
    have = await anext(chunks)
    recorder.reboot()
    await bench.shown(device, lambda presence: not presence.online)
    try:
        async for chunk in chunks:
            have += chunk
    except Offline:  # what waited in memory is gone with the session
        pass
    assert whole.startswith(have)
    assert len(have) < len(whole)
    await bench.shown(device)
    resume = {"bytes": len(have), "sha256": hashlib.sha256(have).hexdigest()}
    assert have + b"".join([chunk async for chunk in await begin(resume=resume)]) == whole
