"""Talking through a device: what is said arrives bit for bit, and nothing keeps the loudspeaker taken."""

import asyncio

import pytest

from cambus.gb28181.times import Times
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas.commands import talk
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, DeviceRefused, NotFound
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.tone import channel_tone

PIECE = 320
WORDS = bytes((position * 7 + position // 256) % 256 for position in range(PIECE * 20))


def spoken(sound, *, first=0):
    """The frames of one who says this, 40 ms each."""
    return [
        Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, first + n, n * 3600, n * 3600, n, sound[at : at + PIECE])
        for n, at in enumerate(range(0, len(sound), PIECE))
    ]


class Talker:
    """Somebody with a microphone of his own."""

    def __init__(self, bench, device, reply):
        self.bench, self.device, self.reply = bench, device, reply

    async def say(self, *frames):
        for frame in frames:
            for message in encode_frame(frame, self.bench.bus.max_payload):
                await self.bench.bus.publish(self.reply.subject, message)

    async def stop(self):
        request = talk.TalkStopRequest(session=self.reply.session)
        await self.bench.client.call(talk.STOP, request, device=self.device)


@pytest.fixture
def begin(bench, device):
    async def start(**fields):
        request = talk.TalkStartRequest(**{"listen": False, **fields})
        return Talker(bench, device, await bench.client.call(talk.START, request, device=device))

    return start


def hurry(bench, **times):
    """Shorten the times of the one connector."""
    platform = bench.connectors["replica-1"].service.signalling.platform
    object.__setattr__(platform.settings, "times", Times(**times))  # frozen, and there is no setting for it


async def silent(simulator):
    """The device hears nothing any more."""
    await simulator.wait_for(lambda: all(each.over.is_set() for each in simulator.listenings))


def targets(simulator):
    """Who was told to fetch sound."""
    return [message.body.decode() for message in simulator.heard("Broadcast")]


@pytest.mark.parametrize("transport", ["udp", "tcp_active", "tcp_passive"])
async def test_every_word_arrives_bit_for_bit_in_packets_of_20_ms(
    bench, device, begin, transport
):  # GB-190, GB-191
    simulator = await bench.online(device, quirks=Quirks(broadcast_transport=transport))
    talker = await begin()
    assert (talker.reply.codec, talker.reply.sample_rate_hz) == ("pcma", 8000)
    await talker.say(*spoken(WORDS))
    await talker.stop()
    (listening,) = simulator.listenings
    await simulator.wait_for(lambda: len(listening.heard) >= len(WORDS))
    assert bytes(listening.heard) == WORDS
    assert {len(packet.payload) for packet in listening.packets} == {160}
    assert {packet.payload_type for packet in listening.packets} == {8}
    assert {packet.ssrc for packet in listening.packets} == {listening.answer.ssrc}
    steps = {
        b.timestamp - a.timestamp for a, b in zip(listening.packets, listening.packets[1:], strict=False)
    }
    assert steps == {160}
    await silent(simulator)
    assert not bench.connectors["replica-1"].service.signalling.broadcasts.open_speeches


async def test_sound_in_ps_for_those_who_want_it_so(bench, device, begin):  # GB-194
    simulator = await bench.online(device, quirks=Quirks(broadcast_ps=True))
    talker = await begin()
    await talker.say(*spoken(WORDS))
    await talker.stop()
    (listening,) = simulator.listenings
    await simulator.wait_for(lambda: bytes(listening.heard) == WORDS)


async def test_the_loudspeaker_of_the_channel_is_told_else_the_channel_else_the_device(
    bench, device, begin
):  # GB-195
    simulator = await bench.online(device, profile="std_2022")
    await (await begin(channel=0)).stop()
    assert "137" in targets(simulator)[-1].partition("<TargetID>")[2][10:13]
    simulator = await bench.online(f"{device}-2", "34020000001180000002", profile="hik_nvr")
    request = talk.TalkStartRequest(channel=0, listen=False)
    reply = await bench.client.call(talk.START, request, device=f"{device}-2")
    assert f"<TargetID>{simulator.channels[0]}</TargetID>" in targets(simulator)[-1]
    await Talker(bench, f"{device}-2", reply).stop()
    reply = await bench.client.call(talk.START, talk.TalkStartRequest(listen=False), device=f"{device}-2")
    assert f"<TargetID>{simulator.code}</TargetID>" in targets(simulator)[-1]
    await Talker(bench, f"{device}-2", reply).stop()


async def test_the_microphone_is_heard_with_the_live_stream(bench, device, begin):  # GB-196
    simulator = await bench.online(device, profile="hik_nvr")
    talker = await begin(listen=True, channel=0)
    watched = await bench.watch(talker.reply.listen_subject)
    saying = asyncio.create_task(keep_saying(talker))
    try:
        frames = await watched.until(lambda frames: sum(frame.kind is Kind.AUDIO for frame in frames) > 5)
    finally:
        saying.cancel()
    said = b"".join(frame.payload for frame in frames if frame.kind is Kind.AUDIO)
    assert said in b"".join(channel_tone(1)) * 20
    assert {frame.kind for frame in frames} <= {Kind.AUDIO, Kind.AUDIO_CONFIG}
    await talker.stop()
    await silent(simulator)
    await simulator.wait_for(lambda: not simulator.sessions)


async def keep_saying(talker):
    """Say something until told to stop, so that the talk does not end by itself."""
    for number in range(10_000):
        await talker.say(*spoken(WORDS[:PIECE], first=number))
        await asyncio.sleep(0.04)


async def test_one_session_with_sound_both_ways_for_devices_that_want_that(bench, device, begin):  # GB-196
    simulator = await bench.online(device, record={"options": {"talk": "session"}})
    talker = await begin(listen=True, channel=0)
    watched = await bench.watch(talker.reply.listen_subject)
    await talker.say(*spoken(WORDS))
    frames = await watched.until(lambda frames: sum(frame.kind is Kind.AUDIO for frame in frames) > 5)
    configs = {frame.payload for frame in frames if frame.kind is Kind.AUDIO_CONFIG}
    assert configs <= {AudioConfig(Codec.PCMA, 8000, 1).serialize()}
    (conversation,) = simulator.streams.conversations
    await simulator.wait_for(lambda: bytes(conversation.heard) == WORDS)
    await talker.stop()
    (invite,) = (message.body.decode() for message in simulator.heard("INVITE"))
    assert "s=Talk" in invite
    assert "a=sendrecv" in invite
    assert len(simulator.heard("BYE")) == 1


async def test_somebody_else_is_told_that_it_is_taken_and_not_when_it_is_free(bench, device, begin):
    await bench.online(device)
    talker = await begin()
    with pytest.raises(Conflict) as caught:
        await begin()
    assert caught.value.reason == "talk-busy"
    await talker.stop()
    await (await begin()).stop()


@pytest.mark.parametrize(
    ("how", "error"),
    [("error", DeviceRefused), ("silent", DeadlineExceeded), ("no_invite", DeadlineExceeded)],
)
async def test_a_device_that_does_not_fetch_it_is_told_of_in_time(bench, device, begin, how, error):  # GB-192
    simulator = await bench.online(device, quirks=Quirks(broadcast=how))
    hurry(bench, broadcast_answer_s=0.5, broadcast_invite_s=0.5)
    with pytest.raises(error):
        await begin()
    assert not simulator.listenings
    simulator.quirks.broadcast = "accept"
    await (await begin()).stop()


async def test_a_device_that_hangs_up_ends_the_talk(bench, device, begin):
    simulator = await bench.online(device)
    talker = await begin()
    await talker.say(*spoken(WORDS[:PIECE]))
    (listening,) = simulator.listenings
    await listening.hang_up()
    while True:  # nobody tells the talker; who asks again is told whether it is free
        try:
            other = await begin()
        except Conflict:
            await asyncio.sleep(0.05)
        else:
            break
    await other.stop()


async def test_a_device_that_goes_ends_the_talk(bench, device, begin):
    simulator = await bench.online(device)
    await begin()
    await simulator.restart(unregister=True)
    await bench.shown(device, lambda presence: presence.online and presence.channels)
    while True:
        try:
            other = await begin()
        except CambusError:
            await asyncio.sleep(0.05)
        else:
            break
    await other.stop()


async def test_who_vanishes_gives_it_back(bench, device, begin):
    simulator = await bench.online(device)
    bench.session(device).talks.idle_s = 0.5
    await begin()
    await simulator.wait_for(lambda: simulator.listenings)
    await silent(simulator)


async def test_a_camera_that_is_not_there_can_not_speak(bench, device, begin):
    await bench.online(device)
    with pytest.raises(NotFound):
        await begin(channel=9)
