"""Still pictures: from the recorder, or out of its video where it gives none."""

from io import BytesIO

import av
import pytest

from cambus.client.objects import ObjectStore
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.commands import snapshot
from cambus.schemas.errors import NotFound, Unsupported


@pytest.fixture
async def take(bench, device):
    async def send(**fields):
        request = snapshot.SnapshotTakeRequest(**{"channel": 0, **fields})
        return await bench.client.call(snapshot.TAKE, request, device=device)

    return send


async def size_of(bench, reference):
    """Fetch a picture and read it with FFmpeg."""
    data = await ObjectStore(bench.bus, OBJECTS_PICTURES).get_bytes(reference.object, 1 << 22)
    assert len(data) == reference.bytes
    with av.open(BytesIO(data), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


@pytest.mark.parametrize("how", ["one", "many", "frame"])
async def test_a_picture_of_the_device_is_stored_and_told_of(bench, simulator, device, take, how):
    simulator.quirks.snapshot = how
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    reference = await take()
    assert reference.content_type == "image/jpeg"
    assert await size_of(bench, reference) == (reference.width, reference.height)
    stored = await heard.until("picture.stored")
    assert (stored.picture, stored.cause, stored.channel) == (reference, "command", 0)


@pytest.mark.parametrize(("channel", "how"), [(0, "json_error"), (1, "json_error"), (0, "silence")])
async def test_without_pictures_of_the_device_its_video_gives_one_and_the_lack_is_remembered(
    bench, simulator, device, take, channel, how, eventually
):
    simulator.quirks.snapshot = how
    await bench.online(device, simulator)
    bench.session(device).client.timeouts = bench.session(device).client.timeouts.__class__(snapshot=0.3)
    reference = await take(channel=channel)
    assert await size_of(bench, reference) == (640, 480)
    simulator.quirks.snapshot = "one"
    assert bench.session(device).device.snapshot_supported is False
    await take(channel=channel)
    assert bench.session(device).device.snapshot_supported is False
    await eventually(lambda: not simulator.streams)  # the stream it was taken from is closed again


async def test_a_picture_out_of_a_stream_that_runs_costs_no_second_one(bench, simulator, device, take):
    await bench.online(device, simulator, options={"snapshots": "stream"})
    await bench.view(device)
    await take()
    assert len(simulator.streams) == 1


@pytest.mark.parametrize("snapshots", ["device", "stream"])
async def test_a_picture_is_scaled_down_to_the_width_wanted(bench, simulator, device, take, snapshots):
    await bench.online(device, simulator, options={"snapshots": snapshots})
    full = await take()
    small = await take(width=160)
    assert small.width == 160
    assert abs(small.height / small.width - full.height / full.width) < 0.02
    assert await size_of(bench, small) == (small.width, small.height)
    large = await take(width=8000)
    assert large.width == full.width


async def test_a_device_told_to_give_its_own_pictures_or_none(bench, simulator, device, take):
    simulator.quirks.snapshot = "json_error"
    await bench.online(device, simulator, options={"snapshots": "device"})
    with pytest.raises(Unsupported):
        await take()


async def test_a_camera_that_is_not_there_has_no_picture(bench, simulator, device, take):
    await bench.online(device, simulator)
    with pytest.raises(NotFound):
        await take(channel=5)
