"""Devices whose requests are signed in both directions, by the option of their record (GB-277)."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from cambus.schemas.commands import device as commands
from cambus.schemas.commands import ptz, recording
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Empty
from cambus.schemas.state.devices import DeviceRecord
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.sip.digest import Algorithm
from cambus.sip.message import Request

DIGEST = Algorithm.SM3 if Algorithm.SM3.available else Algorithm.SHA256
CAMERA = "34020000001320000001"
EPOCH = 1_714_800_000
SIGNED = {"options": {"signing": DIGEST.value, "subscribe": ["alarms"]}}
UNSIGNED = {"REGISTER", "ACK", "CANCEL"}


def requests(simulator, direction):
    found = [each.message for each in simulator.messages if each.direction == direction]
    return [each for each in found if isinstance(each, Request) and each.method not in UNSIGNED]


def refusals(bench):
    text = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    return dict(re.findall(r'cambus_gb28181_refusals_total\{reason="(signature-[a-z]+)"\} ([1-9])', text))


@pytest.mark.parametrize("tcp", [False, True])
async def test_everything_is_signed_in_both_directions(bench, gate, tcp):
    plan = ArchivePlan(1, 60, EPOCH)
    simulator = await bench.online(gate, record=SIGNED, tcp=tcp, signing=DIGEST, archive=plan)
    await simulator.wait_for(lambda: simulator.watchers.active)
    watched = await bench.view(gate)
    await watched.until(lambda frames: any(frame.keyframe for frame in frames))
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5), device=gate)
    played = await bench.watch(f"cambus.v1.media.{gate}.0.*")
    span = {
        "start": datetime.fromtimestamp(EPOCH - 60, UTC),
        "end": datetime.fromtimestamp(EPOCH - 40, UTC),
    }
    playing = recording.RecordingPlayRequest(channel=0, **span)
    session = (await bench.client.call(recording.PLAY, playing, device=gate)).session
    await played.until(lambda frames: len(frames) > 5)
    request = recording.RecordingSessionRequest(session=session)
    await bench.client.call(recording.PAUSE, request, device=gate)
    await bench.client.call(recording.STOP, request, device=gate)
    events = await bench.heard(gate)
    simulator.raise_alarm(type_=2)
    await events.until("alarm.raised")
    await simulator.wait_for(lambda: simulator.heard("BYE"))
    heard, said = requests(simulator, "in"), requests(simulator, "out")
    assert {each.method for each in heard} == {"MESSAGE", "INVITE", "INFO", "BYE", "SUBSCRIBE"}
    assert {"MESSAGE", "NOTIFY"} <= {each.method for each in said}
    for each in (*heard, *said):
        assert each.headers.get("Note").endswith(f"algorithm={DIGEST.value}")
        assert each.headers.get("Date")
    assert refusals(bench) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"secret": "another"}, "signature-wrong"),
        ({"algorithm": Algorithm.MD5}, "signature-wrong"),
        ({"clock": lambda: datetime.now(UTC) - timedelta(hours=1)}, "signature-old"),
        (None, "signature-missing"),
    ],
)
async def test_what_is_not_proven_is_refused_told_and_counted(bench, gate, eventually, change, reason):
    simulator = await bench.online(gate, record=SIGNED, signing=DIGEST)
    events = await bench.heard(gate)
    proven = simulator.agent.signature
    if change is None:
        simulator.agent.signature = None
    else:
        simulator.agent.signature = type(proven)(
            **{"algorithm": proven.algorithm, "secret": proven.secret, **change}
        )
    simulator.raise_alarm(type_=2)
    await eventually(lambda: reason in refusals(bench))
    await simulator.wait_for(
        lambda: any(
            each.message.status == 403 and each.message.reason == reason.replace("-", " ").title()
            for each in simulator.messages
            if each.direction == "in" and not isinstance(each.message, Request)
        )
    )
    simulator.agent.signature = proven
    simulator.raise_alarm(type_=5)
    raised = await events.until("alarm.raised")
    assert raised.type == "tripwire"  # the first is not there


async def test_a_device_that_signs_nothing_is_registered_and_not_heard(bench, gate, eventually):
    await bench.connector()
    await bench.add(gate, **SIGNED)
    simulator = await bench.simulator()
    await eventually(lambda: "signature-missing" in refusals(bench))
    await simulator.wait_for(lambda: len(simulator.heard("Catalog")) > 0)
    session = bench.session(gate)
    assert not session.channels.channels


async def test_a_device_that_wants_signatures_takes_nothing_without(bench, gate):
    await bench.connector()
    await bench.add(gate)
    simulator = await bench.simulator(signing=DIGEST)
    await bench.shown(gate)
    with pytest.raises(CambusError) as refused:
        await bench.client.call(commands.STATUS, Empty(), device=gate)
    assert refused.value.device_code == "403"
    assert simulator.heard("DeviceStatus")


async def test_a_device_without_a_password_can_not_be_asked_for_signatures(bench, gate):
    await bench.connector()
    options = {"code": CAMERA, "signing": "MD5", "open": True}
    await bench.devices.put(gate, DeviceRecord(id=gate, protocol="gb28181", options=options))
    shown = await bench.shown(gate, lambda presence: presence.last_error is not None)
    assert shown.last_error.reason == "invalid-record"
    assert "options.signing" in shown.last_error.text
