"""A picture on request is a JPEG an independent decoder reads, however it comes."""

import io

import av
import pytest

from cambus.dvrip.errors import MalformedPayload, Unsupported
from cambus.dvrip.frames import FrameHeader, FrameType, PictureFrame
from cambus.dvrip.wire import serialize
from cambus.simulators.jpeg import jpeg_picture


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Decode a JPEG."""
    with av.open(io.BytesIO(jpeg), format="jpeg_pipe") as file:
        (picture,) = file.decode(video=0)
    return picture.width, picture.height


@pytest.mark.parametrize("form", ["one", "many", "frame"])
@pytest.mark.parametrize("channel", [0, 1])
async def test_a_picture_in_one_packet_in_several_or_in_a_frame_is_a_jpeg(recorder, dial, form, channel):
    recorder.quirks.snapshot = form
    client = await dial(recorder)
    jpeg = await client.snapshot(channel)
    assert jpeg == recorder.device.picture(channel)
    assert size_of(jpeg) == (320, 240)


JPEG = jpeg_picture(320, 240, 1, 0, 50)
FRAME = PictureFrame(JPEG, 320, 240).serialize()


@pytest.mark.parametrize("size", [1, 7, 16, 17, 1000, len(FRAME)])
@pytest.mark.parametrize("ending", ["flag", "zero length", "its own"])
@pytest.mark.parametrize("data", [JPEG, FRAME], ids=["jpeg", "frame"])
async def test_any_cut_and_any_end_give_the_same_picture(recorder, dial, monkeypatch, data, size, ending):
    def answer(request):
        def packet(payload, *, end=False):
            sid = request.session.session_id
            return serialize(1561, payload, session_id=sid, version=1, end=end)

        starts = range(0, len(data), size)
        for start in starts:
            is_last = ending == "flag" and start + size >= len(data)
            recorder.role.send(request.connection, packet(data[start : start + size], end=is_last))
        if ending == "zero length":
            recorder.role.send(request.connection, packet(b""))

    monkeypatch.setitem(recorder.device._handlers, 1560, answer)
    client = await dial(recorder)
    jpeg = await client.snapshot(0)
    assert jpeg == JPEG
    assert size_of(jpeg) == (320, 240)


@pytest.mark.parametrize("ending", ["flag", "zero length"])
async def test_a_picture_whose_end_does_not_show_ends_with_its_end_mark(recorder, dial, monkeypatch, ending):
    data = JPEG + b"whose it is"

    def answer(request):
        pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        marked = [piece is pieces[-1] and ending == "flag" for piece in pieces]
        if ending == "zero length":
            pieces, marked = [*pieces, b""], [*marked, False]
        for piece, end in zip(pieces, marked, strict=True):
            packet = serialize(1561, piece, session_id=request.session.session_id, version=1, end=end)
            recorder.role.send(request.connection, packet)

    monkeypatch.setitem(recorder.device._handlers, 1560, answer)
    client = await dial(recorder)
    jpeg = await client.snapshot(0)
    assert jpeg == data
    assert size_of(jpeg) == (320, 240)


async def test_a_frame_that_holds_video_is_no_picture(recorder, dial, monkeypatch):
    unit = b"\x00\x00\x00\x01\x67\x64\x00\x1f"
    frame = FrameHeader(FrameType.PICTURE, len(unit), 2, 25, 320, 240).serialize() + unit

    def answer(request):
        data = serialize(1561, frame, session_id=request.session.session_id, version=1, end=True)
        recorder.role.send(request.connection, data)

    monkeypatch.setitem(recorder.device._handlers, 1560, answer)
    client = await dial(recorder)
    with pytest.raises(MalformedPayload):
        await client.snapshot(0)


@pytest.mark.parametrize("form", ["json_error", "silence"])
async def test_a_device_without_pictures_is_asked_once(recorder, dial, form):
    recorder.quirks.snapshot = form
    client = await dial(recorder, snapshot=0.05)
    for _ in range(3):
        with pytest.raises(Unsupported):
            await client.snapshot(0)
        recorder.quirks.snapshot = "one"  # nobody asks again
    assert client.snapshot_supported is False
