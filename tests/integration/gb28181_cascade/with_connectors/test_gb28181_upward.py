"""A recorder of GB/T 28181 itself, through its real connector, seen from above: three levels of platforms."""

import asyncio
from types import MappingProxyType

import pytest
from cascade_rig import OURS, UPPER, Packets
from connector_bench import ConnectorBench
from gb28181_rig import EPOCH, SMALL

from cambus.client.kv import KeyValue
from cambus.connector_gb28181.service import Gb28181Connector
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.gb28181 import ptz
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.ptz_state import PresetQuery
from cambus.gb28181.ptz import Move
from cambus.gb28181.sdp import Purpose
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.registrations import Registration
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.simulator import Gb28181Simulator

SERVER, NVR, PASSWORD = "34020000002000000001", "34020000001180000002", "c4nary-passw0rd"


class Bench(ConnectorBench):
    defaults = MappingProxyType(
        {**ConnectorBench.defaults, "gb28181_port": 0, "gb28181_media_allow_loopback": True}
    )


@pytest.fixture
async def recorder(bus, own_nats, tmp_path, unique):
    """A simulated recorder with two cameras, registered with the connector."""
    bench = Bench(bus, own_nats, tmp_path, Gb28181Connector, Gb28181Settings)
    connector = await bench.connector()
    credentials = await bench.credential("c", PASSWORD)
    name = f"nvr-{unique}"
    record = DeviceRecord(id=name, protocol="gb28181", credentials=credentials, options={"code": NVR})
    await bench.devices.put(name, record)
    while connector.service.inbound.record(NVR) is None:  # noqa: ASYNC110 - nobody sets an event
        await asyncio.sleep(0.01)
    made = Gb28181Simulator(
        server=("127.0.0.1", connector.service.signalling.platform.port),
        server_code=SERVER,
        code=NVR,
        password=PASSWORD,
        channels=2,
        media=SMALL,
        archive=ArchivePlan(3, 3, EPOCH + 9),
        seed=1,
    )
    await bench.enter(made)
    await bench.shown(name, lambda presence: presence.online and len(presence.channels) >= 2)
    made.id = name
    yield made
    await bench.close()
    registrations = KeyValue(bus, KV_REGISTRATIONS, Registration)
    for key in await registrations.keys():
        await registrations.delete(key)


async def test_cameras_keep_their_codes_and_are_watched_moved_and_asked_through_three_levels(rig, recorder):
    upper = await rig.upper()
    link = await rig.linked(upper, version="3.0")
    first = recorder.channels[0]
    await rig.until(lambda: rig.held(link).context.shared.node(first) is not None)
    items = {item.code: item for item in await upper.catalog(OURS)}
    assert set(recorder.channels) <= items.keys()
    watching = await upper.play(OURS, first, transport="tcp-passive")
    await watching.wait_for(lambda: watching.pictures > 15, 60.0)
    assert set(watching.decode()) == {(176, 144)}
    looked_at = recorder.head(first).position
    await upper.control(OURS, first, DeviceControl(ptz=ptz.move(Move.RIGHT, pan_speed=200).hex()))
    await recorder.wait_for(lambda: recorder.head(first).position != looked_at)
    answers = await upper.remote(OURS).config(["OSDConfig"], first)
    assert [each.block for each in answers] == ["OSDConfig"]
    assert answers[0].values()["Width"] == "576"


async def test_who_asks_and_the_rest_of_the_way_are_handed_down(rig, recorder):  # GB-251
    upper = await rig.upper()
    link = await rig.linked(upper, version="3.0")
    first, below, who = recorder.channels[0], "34020000002000000099", "34010000004000000007-gate-9"
    await rig.until(lambda: rig.held(link).context.shared.node(first) is not None)
    system = rig.held(link).context.shared.at(recorder.id, None).code
    monitor = ("Monitor-User-Identity", who)
    for body in (DeviceControl(ptz=ptz.move(Move.RIGHT, pan_speed=200).hex()), PresetQuery()):
        request = upper.platform.compose("MESSAGE", OURS, (peer := rig_peer(upper)), sequence=1)
        request.headers.add("Content-Type", "Application/MANSCDP+xml")
        request.headers.add(*monitor)
        request.body = body.serialize(1, first, charset="GB2312")
        assert (await upper.platform.endpoint.request(request, peer, timeout_s=8.0)).status == 200
        await recorder.wait_for(lambda command=body.COMMAND: recorder.heard(command))
        assert recorder.heard(body.COMMAND)[0].headers.get(monitor[0]) == f"{who}-{SERVER}"
    recorder.quirks.route_path = f"{NVR}-{below}"
    async with Packets() as packets:
        preferred = ("X-PreferredPath", f"{UPPER}-{OURS}-{system}-{below}")
        await packets.offer(upper, first, headers=[preferred, monitor])
        await packets.until(5)
        (invite,) = recorder.heard("INVITE")
        assert invite.headers.get("X-PreferredPath") == f"{NVR}-{below}"
        assert invite.headers.get(monitor[0]) == f"{who}-{SERVER}"
        assert packets.response.headers.get("X-RoutePath") == f"{OURS}-{NVR}-{below}"


@pytest.mark.parametrize("purpose", [Purpose.PLAYBACK, Purpose.DOWNLOAD])
async def test_the_way_of_recordings_is_told_upwards(rig, recorder, purpose):  # GB-251
    upper = await rig.upper()
    link = await rig.linked(upper, version="3.0")
    first = recorder.channels[0]
    await rig.until(lambda: rig.held(link).context.shared.node(first) is not None)
    recorder.quirks.route_path = NVR
    async with Packets() as packets:
        span = {"start": EPOCH, "end": EPOCH + 3, "purpose": purpose, "source": f"{first}:0"}
        await packets.offer(upper, first, **span)
        assert packets.response.headers.get("X-RoutePath") == f"{OURS}-{NVR}"
        await packets.until(5)


def rig_peer(upper):
    """Where our link is, as the platform has it."""
    return upper.platform.registrar.binding(OURS).peer


async def test_a_recording_is_played_through_three_levels(rig, recorder):
    upper = await rig.upper()
    link = await rig.linked(upper)
    first = recorder.channels[0]
    await rig.until(lambda: rig.held(link).context.shared.node(first) is not None)
    span = {"start": EPOCH, "end": EPOCH + 3}
    watching = await upper.play(OURS, first, purpose=Purpose.PLAYBACK, transport="udp", **span)
    await watching.wait_for(lambda: watching.ending is not None, 60.0)
    assert watching.ending == "finished"
    assert watching.pictures >= 25
