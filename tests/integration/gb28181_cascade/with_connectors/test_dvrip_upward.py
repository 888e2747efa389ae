"""A recorder of another protocol, through its real connector, as a part of a GB/T 28181 platform."""

from datetime import UTC, datetime, timedelta

import pytest
from alarm_rig import AlarmBus
from cascade_rig import OURS

from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.endpoints import Endpoints
from cambus.bus.sealing import KeyRing
from cambus.client.kv import KeyValue
from cambus.connector.testing import RunningConnector
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings
from cambus.gb28181 import ptz
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.records import RecordQuery
from cambus.gb28181.ptz import Move
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.values import read_time, write_time
from cambus.media.nal import iter_nal_units
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator

USER, PASSWORD, KEY = "admin", "c4nary-passw0rd", b"k" * 32


@pytest.fixture
async def recorder(bus, own_nats, tmp_path, unique):
    """A simulated recorder with two cameras, on the bus by its connector."""
    key_file = tmp_path / "key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    plan = ArchivePlan(files=6, file_s=4)
    settings = DvripSettings(
        nats_url=own_nats.url,
        instance="replica-1",
        data_dir=tmp_path,
        credentials_key_file=key_file,
        reconnect_first_s=0.05,
        live_linger_s=0.3,
    )
    async with DvripSimulator(user=USER, password=PASSWORD, channels=2, archive=plan, seed=1) as made:
        await made.prepare()
        sealed = KeyRing(KEY).seal(Credentials(username=USER, password=PASSWORD), "c")
        await KeyValue(bus, KV_CREDENTIALS, SealedCredentials).put("c", sealed)
        connector = RunningConnector(DvripConnector, settings)
        await connector.start()
        record = DeviceRecord(
            id=f"nvr-{unique}",
            protocol="dvrip",
            address=f"127.0.0.1:{made.port}",
            name="Yard",
            credentials=CredentialsRef(name="c"),
        )
        await KeyValue(bus, KV_DEVICES, DeviceRecord).put(record.id, record)
        made.id = record.id
        yield made
        await KeyValue(bus, KV_DEVICES, DeviceRecord).delete(record.id)
        await connector.stop()


async def test_a_recorder_of_another_make_is_seen_watched_moved_and_searched_from_above(rig, recorder):
    upper = await rig.upper()
    link = await rig.linked(upper)
    codes = [await rig.code_of(link, recorder.id, number) for number in (None, 0, 1)]
    assert [item.code for item in await upper.catalog(OURS)] == [OURS, *codes]

    pictures = [await upper.play(OURS, code, transport="tcp-passive") for code in codes[1:]]
    for watching in pictures:
        await watching.wait_for(lambda watching=watching: watching.pictures >= 30, 60.0)
        assert len(set(watching.decode())) == 1

    looked_at = recorder.ptz(0)
    turning = ptz.move(Move.RIGHT, pan_speed=128)
    await upper.control(OURS, codes[1], DeviceControl(ptz=turning.hex()))
    await rig.until(lambda: recorder.ptz(0) != looked_at)

    now = datetime.now(UTC)
    query = RecordQuery(write_time(now - timedelta(days=3)), write_time(now + timedelta(days=2)), type="all")
    found = await upper.records(OURS, codes[1], query)
    assert len(found) == 6


@pytest.fixture
async def upward(rig):
    """The replica of the links, which answers commands about them."""
    endpoints = Endpoints(rig.bus, "links", "0.1.0")
    (await rig.replica()).register(endpoints)
    await endpoints.start()
    yield
    await endpoints.drain(timeout_s=0)


@pytest.fixture
async def router(rig, own_nats, tmp_path):
    """An alarm router, on the same bus."""
    settings = AlarmRouterSettings(
        nats_url=own_nats.url,
        instance="router-1",
        credentials_key_file=tmp_path / "key",
        delivery_first_delay_s=0.05,
        delivery_longest_delay_s=0.5,
    )
    made = AlarmBus(rig.bus, settings, tmp_path)
    async with made.in_process():
        yield made


def told(upper):
    """What came above: of which camera, and what, as method and type."""
    notices = [(each.code, AlarmNotice.parse(each)) for each in upper.alarms]
    return [(code, notice.method, notice.kind) for code, notice in notices]


async def test_its_alarms_are_told_above_by_a_rule_once_there_is_a_link(rig, recorder, router, upward):
    """All the way: recorder, connector, stream, router, command, link, SIP. The link by itself tells none."""
    tampered, lost = (2, 2), (2, 1)
    upper = await rig.upper()
    link = await rig.linked(upper, alarms="never")
    codes = [await rig.code_of(link, recorder.id, number) for number in (0, 1)]
    sink = {"kind": "gb28181", "link": link.id}
    match = {"devices": [recorder.id], "types": ["tamper", "video-loss"]}
    await router.put(f"upward-{rig.unique}", sink, match=match)
    await recorder.wait_for(lambda: any(each.guarded for each in recorder.sessions))
    for event, channel, status in [
        ("motion", 1, "Start"),
        ("tamper", 1, "Start"),
        ("tamper", 1, "Stop"),
        ("video_loss", 0, "Start"),
    ]:
        recorder.raise_alarm(event, channel, status)
    await upper.wait_for(lambda: len(upper.alarms) >= 2)
    assert sorted(told(upper)) == sorted([(codes[1], *tampered), (codes[0], *lost)])

    await rig.forget(link.id)
    await upper.wait_for(lambda: not upper.registered(OURS))
    recorder.raise_alarm("tamper", 0)
    await rig.linked(upper, alarms="never")
    await upper.wait_for(lambda: len(upper.alarms) >= 3)
    assert told(upper)[2] == (codes[0], *tampered)
    await router.delete(f"upward-{rig.unique}")


async def first_recording(upper, code):
    """From when until when it is, UNIX seconds."""
    now = datetime.now(UTC)
    query = RecordQuery(write_time(now - timedelta(days=3)), write_time(now + timedelta(days=2)), type="all")
    first = (await upper.records(OURS, code, query))[0]
    return {name: int(read_time(getattr(first, name)).timestamp()) for name in ("start", "end")}


async def test_its_recordings_are_played_above(rig, recorder):
    upper = await rig.upper()
    link = await rig.linked(upper)
    code = await rig.code_of(link, recorder.id, 0)
    span = await first_recording(upper, code)
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **span)
    await watching.wait_for(lambda: watching.ending is not None, 60.0)
    assert watching.ending == "finished"
    assert watching.pictures >= 50
    assert len(set(watching.decode())) == 1


@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_its_recordings_are_fetched_above_and_nothing_is_lost(rig, recorder, transport):
    upper = await rig.upper()
    link = await rig.linked(upper)
    code = await rig.code_of(link, recorder.id, 0)
    span = await first_recording(upper, code)
    watching = await upper.play(
        OURS, code, purpose=Purpose.DOWNLOAD, transport=transport, download_speed=8, **span
    )
    await watching.wait_for(lambda: watching.ending is not None, 60.0)
    loop = recorder.device.loop_of(recorder.device.recordings(0, 0, "h264")[0])
    sent = [loop.unit(index).data for index in range(4 * 25)]
    assert watching.ending == "finished"
    assert watching.gaps == 0
    assert [slices(unit.payload) for unit in watching.units if not unit.codec.is_audio] == [
        slices(unit) for unit in sent
    ]
    assert len(watching.decode()) == len(sent)
    await watching.close()
    await rig.until(lambda: not rig.held(link).sessions.open)


def slices(access_unit):
    """The NAL units of a picture but its parameter sets, which may be repeated anywhere."""
    return [unit for unit in iter_nal_units(access_unit) if unit[0] & 0x1F in {1, 5}]
