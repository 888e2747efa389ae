"""Still pictures out of a device's video."""

from io import BytesIO

import av
import pytest
from gb28181_rig import SMALL

from cambus.client.objects import ObjectStore
from cambus.media.frame import Codec
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.commands import snapshot
from cambus.schemas.errors import NotFound, Overloaded
from cambus.simulators.gb28181.quirks import Quirks


@pytest.fixture
def take(bench, device):
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


@pytest.mark.parametrize("profile", ["dahua_ipc", "hik_nvr"])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_older_devices_give_a_picture_out_of_their_stream(
    bench, device, take, profile, codec
):  # GB-226
    simulator = await bench.online(device, profile=profile, media=SMALL.coded(codec))
    heard = await bench.heard(device)
    reference = await take()
    assert reference.content_type == "image/jpeg"
    assert await size_of(bench, reference) == (reference.width, reference.height) == (176, 144)
    stored = await heard.until("picture.stored")
    assert (stored.picture, stored.cause, stored.channel) == (reference, "command", 0)
    await simulator.wait_for(lambda: not simulator.sessions)  # the stream it was taken from is closed again


async def test_a_stream_that_runs_is_used_and_asked_for_a_keyframe(bench, device, take):
    simulator = await bench.online(device, profile="hik_nvr")
    await bench.view(device)
    await take()
    assert len({message.call_id for message in simulator.heard("INVITE")}) == 1
    await simulator.wait_for(lambda: simulator.device.keyframes >= 1)


async def test_a_device_of_2022_may_be_told_to_leave_it_to_the_stream(bench, device, take):
    simulator = await bench.online(device, profile="std_2022", record={"options": {"snapshots": "stream"}})
    small = await take(stream="sub")
    assert (small.width, small.height) == (96, 80)
    assert not simulator.heard("DeviceConfig")


async def test_a_picture_is_scaled_down_to_the_width_wanted(bench, device, take):
    await bench.online(device, profile="hik_nvr")
    small = await take(width=88)
    assert await size_of(bench, small) == (small.width, small.height) == (88, 72)
    assert (await take(width=8000)).width == 176


async def test_a_camera_that_is_not_there_or_busy_has_no_picture(bench, device, take):
    await bench.online(device, profile="hik_nvr", quirks=Quirks(invite="busy"))
    with pytest.raises(NotFound):
        await take(channel=5)
    with pytest.raises(Overloaded):
        await take()
