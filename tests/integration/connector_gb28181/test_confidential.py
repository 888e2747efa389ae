"""What devices send goes to the bus as values and never as names, and what is secret goes nowhere (GB-273, GB-274)."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from gb28181_by_hand import compose, hand_device
from gb28181_rig import DEVICE as CAMERA
from gb28181_rig import NVR
from overhearing import everything_logged, everything_said

from cambus.gb28181.manscdp.envelope import Root
from cambus.schemas.commands import device as commands
from cambus.schemas.commands import recording
from cambus.schemas.model import Empty
from cambus.simulators.gb28181.archive import ArchivePlan

PASSWORD = "c4nary-passw0rd"  # of all simulated devices here
DEVICE_PASSWORD = "zz-canary-of-a-device"
SDP_PASSWORD = "zzgd1234"  # what the simulated recorder puts into its answers
PLAN = ArchivePlan(2, 20, 1_714_800_000)
_PROOF = re.compile(r'(?:response|cnonce)="([^"]+)"')
_SUBJECT = re.compile(r"cambus\.v1(\.[A-Za-z0-9_-]+)+\Z")
EVIL = ["gate.>", "*", ">", "a b", "x\r\ny", "cambus.v1.cmd.gate.device.reboot", "\u202etxt\x1b[2J"]


@pytest.fixture
def logged():
    with everything_logged() as texts:
        yield texts


@pytest.fixture
async def overheard(bench):
    async with everything_said(bench.bus) as messages:
        yield messages


def on_wire(code, **fields):
    """An alarm, with texts as they come."""
    body = compose(Root.NOTIFY, "Alarm", 1, code).decode("gb18030")
    more = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return body.replace("</Notify>", f"{more}</Notify>").encode("gb18030")


async def test_no_secret_is_logged_counted_or_told(bench, logged, overheard):
    await bench.connector()
    camera = await bench.online("gate", profile="dahua_ipc")
    nvr = await bench.online("recorder", NVR, profile="hik_nvr", channels=2, archive=PLAN)
    await bench.add("stranger", "34020000001320000009")
    heard = await bench.heard("stranger")
    liar = await bench.simulator("34020000001320000009", password="another-canary")
    await heard.until("device.auth-failed")
    for device in ("gate", "recorder"):
        await bench.client.call(commands.INFO, Empty(), device=device)
    platform = bench.connectors["replica-1"].service.signalling.platform
    async with hand_device(SimpleNamespace(gb=platform), CAMERA, password=PASSWORD) as device:
        listed = f"<Item><DeviceID>{CAMERA}</DeviceID><Password>{DEVICE_PASSWORD}</Password></Item>"
        news = compose(Root.NOTIFY, "Catalog", 7, CAMERA).decode()
        news = news.replace("</Notify>", f"<SumNum>1</SumNum><DeviceList>{listed}</DeviceList></Notify>")
        assert await device.tell(news.encode()) == 200
    await bench.client.call(commands.INFO, Empty(), device="recorder")
    span = {"start": PLAN.end - PLAN.file_s, "end": PLAN.end}
    request = recording.RecordingPlayRequest(
        channel=0, ttl_s=60.0, **{name: datetime.fromtimestamp(at, UTC) for name, at in span.items()}
    )
    played = await bench.client.call(recording.PLAY, request, device="recorder")
    stopping = recording.RecordingSessionRequest(session=played.session)
    await bench.client.call(recording.STOP, stopping, device="recorder")
    assert any(SDP_PASSWORD.encode() in answer.body for answer in nvr.said("200 INVITE"))
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    proofs = {
        found
        for sim in (camera, nvr, liar)
        for message in sim.said("REGISTER")
        for found in _PROOF.findall(message.headers.get("Authorization") or "")
    }
    assert len(proofs) >= 3
    assert logged
    assert overheard
    told = [f"{subject} {data!r} {headers}" for subject, data, headers in overheard]
    for secret in {PASSWORD, DEVICE_PASSWORD, SDP_PASSWORD, "another-canary", *proofs}:
        assert not [text[:300] for text in (*logged, *told, metrics) if secret in text]


async def test_no_text_of_a_device_becomes_part_of_a_subject(bench, overheard):
    await bench.connector()
    await bench.online("gate")
    platform = bench.connectors["replica-1"].service.signalling.platform
    heard = await bench.heard("gate")
    async with hand_device(SimpleNamespace(gb=platform), CAMERA, password=PASSWORD) as device:
        for number, text in enumerate(EVIL):
            escaped = text.replace(">", "&gt;")
            fields = {"AlarmPriority": 1, "AlarmMethod": 5, "AlarmTime": f"2026-01-02T03:04:{number:02d}"}
            body = on_wire(text, **fields, AlarmDescription=escaped, AlarmType=escaped)
            assert await device.tell(body) == 200
            await device.asked()
            news = on_wire(CAMERA).replace(b"Alarm", escaped.encode("gb18030"))
            assert await device.tell(news) == 200
        await device.tell(on_wire(CAMERA, AlarmPriority=1, AlarmMethod=5, AlarmType=2))
        await device.asked()
        await heard.until("alarm.raised")
    subjects = {subject for subject, *_ in overheard if subject.startswith("cambus")}
    assert subjects
    assert not [subject for subject in subjects if not _SUBJECT.match(subject)]
    devices = {subject.split(".")[3] for subject in subjects if subject.startswith("cambus.v1.evt.")}
    assert devices == {"gate"}
