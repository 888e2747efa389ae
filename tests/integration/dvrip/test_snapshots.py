"""A picture comes in any form of packets, and is remembered when there is none."""

import pytest

from cambus.dvrip.errors import MalformedPayload, Unsupported

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4 + b"\xff\xd9"


def one_packet(message):
    message.reply(JPEG)


def one_packet_with_end_flag(message):
    message.reply(JPEG, end=True)


def several_packets(message):
    for start in range(0, len(JPEG), 100):
        message.reply(JPEG[start : start + 100], end=start + 100 >= len(JPEG))


def until_zero_length(message):
    message.reply(JPEG[:500])
    message.reply(JPEG[500:-1])
    message.reply(JPEG[-1:])
    message.reply(b"")


def picture_frame(message):
    from cambus.dvrip.frames import PictureFrame

    data = PictureFrame(JPEG, 704, 576).serialize()
    message.reply(data[:10])
    message.reply(data[10:])


@pytest.mark.parametrize(
    "form", [one_packet, one_packet_with_end_flag, several_packets, until_zero_length, picture_frame]
)
async def test_a_snapshot_comes_in_any_form_on_a_connection_of_its_own(scripted, client, form):
    scripted.on[1560] = form
    assert await client.snapshot(2) == JPEG
    request = await scripted.hears(1560)
    assert request.body["OPSNAP"] == {"Channel": 2}
    assert request.peer is not scripted.peers[0]
    assert client.snapshot_supported is True
    assert client.budget.used == 1


@pytest.mark.parametrize(
    "answer", [lambda m: m.reply(b'{"Name":"","Ret":102}'), lambda m: m.reply(b'{"Ret":103}'), lambda m: None]
)
async def test_a_device_without_snapshots_is_remembered(scripted, make_client, answer):
    scripted.on[1560] = answer
    client = make_client(snapshot=0.1)
    await client.connect()
    for _ in range(2):
        with pytest.raises(Unsupported):
            await client.snapshot(0)
    assert len(scripted.messages(1560)) == 1
    assert client.snapshot_supported is False
    assert client.is_online


async def test_a_video_frame_is_no_snapshot(scripted, client, frames):
    raw = bytearray(frames.key.serialize())
    raw[3] = 0xFE
    scripted.on[1560] = lambda message: message.reply(bytes(raw))
    with pytest.raises(MalformedPayload):
        await client.snapshot(0)
