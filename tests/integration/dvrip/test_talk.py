"""Two-way audio."""

import pytest

from cambus.dvrip.errors import ConnectionLost, DeviceError, Refused
from cambus.dvrip.frames import AudioFrame
from cambus.dvrip.talk import Pacer


class Intercom:
    """Takes a talk on whatever connection claims it."""

    def __init__(self, scripted) -> None:
        self.code = 100
        self.peer = None
        scripted.on[1434] = self.claim
        scripted.on[1430] = self.command

    def claim(self, message):
        self.peer = message.peer
        message.reply({"Ret": 100})

    def command(self, message):
        message.reply({"Ret": self.code if message.action == "Start" else 100})


@pytest.fixture
def intercom(scripted):
    return Intercom(scripted)


async def test_audio_leaves_in_328_byte_packets_from_sequence_1_on_a_session_of_its_own(
    scripted, intercom, client
):
    talk = await client.open_talk()
    audio = bytes(range(256)) * 4
    await talk.send(audio[:100])
    await talk.send(audio[100:])
    await talk.flush()
    last = await scripted.hears(1432, 4)
    sent = scripted.messages(1432)
    assert [message.header.sequence for message in sent] == [1, 2, 3, 4]
    assert all(len(message.payload) == 328 for message in sent)
    assert all(message.payload.startswith(bytes.fromhex("000001fa0e024001")) for message in sent)
    heard = b"".join(message.payload[8:] for message in sent)
    assert heard == audio + b"\xd5" * (4 * 320 - len(audio))
    assert last.peer is not scripted.peers[0]
    assert len(scripted.messages(1000)) == 2
    await talk.flush()  # nothing waits
    assert talk.counters["sent"] == 4
    await talk.stop()


def test_pieces_are_due_every_40_ms():
    pacer = Pacer()
    assert [round(pacer.delay_s(100.0), 3) for _ in range(4)] == [0.0, 0.04, 0.08, 0.12]
    assert round(pacer.delay_s(100.1), 3) == 0.06


def test_a_little_lag_is_made_up_for_and_a_long_pause_is_not():
    pacer = Pacer()
    assert pacer.delay_s(0.0) == 0.0
    assert [round(pacer.delay_s(0.1), 3) for _ in range(3)] == [0.0, 0.0, 0.02]
    assert [round(pacer.delay_s(50.0), 3) for _ in range(3)] == [0.0, 0.04, 0.08]


async def test_what_the_device_hears_is_delivered_in_any_size(scripted, intercom, client, deadline):
    talk = await client.open_talk()
    pieces = [AudioFrame(14, 2, b"\x2a" * size) for size in (160, 320, 7)]
    intercom.peer.media(*pieces, message_id=1433, chunk=50)
    async with deadline():
        assert [await anext(talk) for _ in pieces] == pieces
    await talk.stop()


async def test_a_busy_device_is_503(intercom, client):
    intercom.code = 503
    with pytest.raises(DeviceError) as caught:
        await client.open_talk()
    assert caught.value.code == 503
    assert client.budget.used == 1
    intercom.code = 100
    await (await client.open_talk()).stop()


async def test_one_talk_at_a_time_and_stop_ends_it(scripted, intercom, client):
    talk = await client.open_talk()
    with pytest.raises(Refused):
        await client.open_talk()
    await talk.stop()
    await talk.stop()
    assert [message.action for message in scripted.messages(1430)] == ["Start", "Stop"]
    with pytest.raises(Refused):
        await talk.send(b"\x55" * 320)


async def test_talk_leaves_video_alone(scripted, intercom, client, frames, deadline):
    data = []
    scripted.on[1413] = lambda message: (data.append(message.peer), message.reply())[1]

    def monitor(message):
        message.reply()
        if message.action == "Start":
            data[0].media(frames.key)

    scripted.on[1410] = monitor
    live = await client.open_live(0)
    talk = await client.open_talk()
    data[0].media(frames.delta)
    async with deadline():
        assert [await anext(live), await anext(live)] == [frames.key, frames.delta]
    await talk.stop()
    assert client.is_online
    data[0].media(frames.delta)
    async with deadline():
        assert await anext(live) == frames.delta
    await live.stop()


async def test_a_connection_that_ends_ends_the_talk(intercom, client, deadline):
    talk = await client.open_talk()
    intercom.peer.abort()
    async with deadline():
        with pytest.raises(ConnectionLost):
            await anext(talk)
    await talk.stop()
    assert client.budget.used == 1


async def test_close_stops_a_talk(scripted, intercom, client):
    await client.open_talk()
    await client.close()
    assert [message.action for message in scripted.messages(1430)] == ["Start", "Stop"]
