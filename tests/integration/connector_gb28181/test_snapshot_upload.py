"""Pictures that devices of 2022 take themselves and upload to us."""

import asyncio
import logging

import aiohttp
import pytest

from cambus.client.objects import ObjectStore
from cambus.connector_gb28181 import snapshot_upload
from cambus.gb28181.manscdp.notices import SnapshotFiles, SnapshotsFinished
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.commands import snapshot
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, DeviceProtocolError, Unsupported
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.transfers import upload_pictures

UPLOADED = (640, 480)
"""What the simulated device uploads; its stream is smaller."""


@pytest.fixture
def gate(unique):
    return f"gate-{unique}"


async def device_of(bench, gate, *, options=None, **quirks):
    return await bench.online(
        gate, profile="std_2022", quirks=Quirks(**quirks), record={"options": options or {}}
    )


async def upload_only(acting, code, order):
    """A device that forgets to say that it is done."""
    camera = acting._sim.device.camera(code)
    await upload_pictures(order, camera.code, camera.number, acting._sim.quirks)


async def take(bench, gate, **fields):
    return await bench.client.call(
        snapshot.TAKE, snapshot.SnapshotTakeRequest(channel=0, **fields), device=gate
    )


def orders(simulator):
    """The orders of pictures that the device got."""
    bodies = (each.message.body for each in simulator.messages if each.direction == "in")
    return [body for body in bodies if b"<SnapShotConfig>" in body]


def between(body, tag):
    return body.partition(f"<{tag}>".encode())[2].partition(f"</{tag}>".encode())[0].decode()


@pytest.mark.parametrize("form", ["put", "post", "multipart"])
async def test_a_picture_the_device_uploads_is_kept_and_told(bench, gate, form):
    simulator = await device_of(bench, gate, options={"snapshots": "upload"}, snapshot_form=form)
    heard = await bench.heard(gate)
    picture = await take(bench, gate)
    assert (picture.width, picture.height) == UPLOADED
    assert picture.object.startswith(f"{gate}/0/")  # nothing of the device's own names
    data = await ObjectStore(bench.bus, OBJECTS_PICTURES).get_bytes(picture.object, 1 << 20)
    assert data.startswith(b"\xff\xd8\xff")
    event = await heard.until("picture.stored")
    assert (event.picture, event.cause) == (picture, "command")
    (order,) = orders(simulator)
    assert (between(order, "SnapNum"), between(order, "DeviceID")) == ("1", simulator.channels[0])
    assert len(between(order, "SessionID")) == 32


async def test_a_picture_is_scaled_down_as_wanted(bench, gate):
    await device_of(bench, gate, options={"snapshots": "upload"})
    picture = await take(bench, gate, width=320)
    assert (picture.width, picture.height) == (320, 240)


async def test_a_device_that_uploads_none_gives_one_out_of_its_stream_and_is_not_asked_again(bench, gate):
    simulator = await device_of(bench, gate, snapshot_lost=1)
    for _ in range(2):
        picture = await take(bench, gate)
        assert (picture.width, picture.height) != UPLOADED
    assert len(orders(simulator)) == 1


async def test_where_there_is_to_be_no_other_way_a_device_that_uploads_none_is_told(bench, gate):
    await device_of(bench, gate, options={"snapshots": "upload"}, snapshot_lost=1)
    with pytest.raises(DeviceProtocolError) as failed:
        await take(bench, gate)
    assert failed.value.reason == "no-picture"


async def test_a_device_is_not_asked_where_its_stream_is_wanted(bench, gate):
    simulator = await device_of(bench, gate, options={"snapshots": "stream"})
    await take(bench, gate)
    assert orders(simulator) == []


async def test_a_device_of_2016_is_not_asked(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr")
    await take(bench, gate)
    assert orders(simulator) == []


async def test_no_picture_in_time_is_told(bench, gate, monkeypatch):
    monkeypatch.setattr(snapshot_upload, "SPARE_S", -0.8)  # one second an interval, and a minute less
    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting.take_pictures", lambda *args: None)
    simulator = await device_of(bench, gate, options={"snapshots": "upload"})
    with pytest.raises(DeadlineExceeded) as failed:
        await take(bench, gate)
    assert failed.value.reason == "no-upload"
    async with (
        aiohttp.ClientSession() as http,
        http.put(between(orders(simulator)[0], "UploadURL"), data=b"") as late,
    ):
        assert late.status == 404


async def test_an_end_that_is_told_again_changes_nothing(bench, gate):
    simulator = await device_of(bench, gate)  # left to itself, it is asked for pictures
    await take(bench, gate)
    session = between(orders(simulator)[0], "SessionID")
    for name in (session, "0" * 32, None):
        notice = SnapshotsFinished(name, SnapshotFiles(("a", "../b")))
        await simulator.agent.send(simulator.body(notice, simulator.channels[0]))
    picture = await take(bench, gate)
    assert (picture.width, picture.height) == UPLOADED
    assert len(orders(simulator)) == 2


async def series(bench, gate, **fields):
    request = snapshot.SnapshotSeriesRequest(channel=0, **fields)
    return await bench.client.call(snapshot.SERIES, request, device=gate)


@pytest.mark.parametrize(("form", "lost"), [("put", 0), ("multipart", 1)])
async def test_a_series_is_kept_as_far_as_it_came_and_what_is_missing_is_told(bench, gate, form, lost):
    simulator = await device_of(bench, gate, snapshot_form=form, snapshot_lost=lost)
    heard = await bench.heard(gate)
    reply = await series(bench, gate, count=3, interval_s=1)
    assert (len(reply.pictures), reply.missing) == (3 - lost, lost)
    assert len({picture.object for picture in reply.pictures}) == 3 - lost
    for picture in reply.pictures:
        assert (await heard.until("picture.stored")).picture == picture
    (order,) = orders(simulator)
    assert (between(order, "SnapNum"), between(order, "Interval")) == ("3", "1")


async def test_a_series_that_is_not_finished_in_time_is_kept_as_far_as_it_came(bench, gate, monkeypatch):
    monkeypatch.setattr(snapshot_upload, "SPARE_S", 3.0)
    monkeypatch.setattr("cambus.simulators.gb28181.acting.Acting._take_pictures", upload_only)
    await device_of(bench, gate, snapshot_lost=1)
    reply = await series(bench, gate, count=2, interval_s=1)
    assert (len(reply.pictures), reply.missing) == (1, 1)


async def test_one_series_at_a_time_and_none_of_a_device_of_2016(bench, gate, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("cambus.simulators.gb28181.acting.Acting.take_pictures", lambda *args: None)
        simulator = await device_of(bench, gate)
        first = asyncio.ensure_future(series(bench, gate, count=2))
        await simulator.wait_for(lambda: orders(simulator))
        with pytest.raises(Conflict):
            await series(bench, gate, count=2)
        session = between(orders(simulator)[0], "SessionID")
        await simulator.agent.send(simulator.body(SnapshotsFinished(session), simulator.channels[0]))
        with pytest.raises(DeviceProtocolError):
            await first
    old = f"{gate}-old"
    await bench.online(old, "34020000001320000077", profile="hik_nvr")
    with pytest.raises(Unsupported):
        await series(bench, old)


async def test_where_to_upload_is_told_to_the_device_alone(bench, gate, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    simulator = await device_of(bench, gate, options={"snapshots": "upload"})
    heard = await bench.heard(gate)
    picture = await take(bench, gate)
    simulator.quirks.snapshot_lost = 1
    with pytest.raises(CambusError) as failed:
        await take(bench, gate)
    shown = [picture.model_dump_json(), (await heard.until("picture.stored")).model_dump_json()]
    shown += [str(failed.value), failed.value.text]
    shown.append(bench.connectors["replica-1"].runtime.metrics.render().decode())
    shown += [
        f"{each.getMessage()} {vars(each)}"
        for each in caplog.records
        if each.name.startswith(("cambus.connector", "cambus.bus", "cambus.gb28181", "cambus.sip", "aiohttp"))
    ]
    shown += capfd.readouterr()
    tokens = [between(order, "UploadURL").rpartition("/")[2] for order in orders(simulator)]
    assert [len(token) for token in tokens] == [32, 32]
    assert not any(token in text for token in tokens for text in shown)
