"""Talking through a recorder: what is said arrives bit for bit, and nothing keeps the loudspeaker taken."""

import asyncio

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.profile import Credentials
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media.g711 import decode_ulaw, encode_alaw
from cambus.schemas.commands import talk
from cambus.schemas.errors import Conflict, NotFound, Unsupported
from cambus.simulators.dvrip import answers_info
from cambus.simulators.dvrip.abilities import abilities
from cambus.simulators.tone import channel_tone

PIECE = 320
WORDS = bytes((position * 7 + position // 256) % 256 for position in range(PIECE * 20))


def spoken(sound, *, codec=Codec.PCMA, first=0, kind=Kind.AUDIO, flags=Flag.NONE):
    """The frames of one who says this, 40 ms each."""
    return [
        Frame(
            kind, codec, flags, first + number, number * 3600, number * 3600, number, sound[at : at + PIECE]
        )
        for number, at in enumerate(range(0, len(sound) or 1, PIECE))
    ]


class Talker:
    """Somebody with a microphone of his own."""

    def __init__(self, bench, device, reply):
        self.bench = bench
        self.device = device
        self.reply = reply

    async def say(self, *frames):
        for frame in frames:
            for message in encode_frame(frame, self.bench.bus.max_payload):
                await self.bench.bus.publish(self.reply.subject, message)

    async def stop(self):
        await self.bench.client.call(
            talk.STOP, talk.TalkStopRequest(session=self.reply.session), device=self.device
        )


@pytest.fixture
async def begin(bench, simulator, device):
    await bench.online(device, simulator)

    async def begin(**fields):
        reply = await bench.client.call(talk.START, talk.TalkStartRequest(**fields), device=device)
        return Talker(bench, device, reply)

    return begin


def packets(simulator):
    """What came out of the network at the device's loudspeaker, packet by packet."""
    recent = bytes(simulator.device.talk.recent)
    return [recent[at : at + PIECE + 8] for at in range(0, len(recent), PIECE + 8)]


def heard(simulator):
    return b"".join(packet[8:] for packet in packets(simulator))


async def silent(simulator):
    """The device knows of no talk any more."""
    await simulator.wait_for(lambda: simulator.role.media.talker is None, 30, "the talk is over")


async def test_a_device_that_says_nobody_can_talk_through_it_is_not_asked_to(
    bench, simulator, device, monkeypatch
):
    def mute(channels):
        table = abilities(channels)
        table["SystemFunction"]["OtherFunction"]["NotSupportTalk"] = True
        return table

    monkeypatch.setattr(answers_info, "abilities", mute)
    await bench.online(device, simulator)
    with pytest.raises(Unsupported, match="nobody can talk"):
        await bench.client.call(talk.START, talk.TalkStartRequest(), device=device)
    assert simulator.connection_count == 1


async def test_every_word_arrives_bit_for_bit_in_packets_of_40_ms(begin, simulator):
    talker = await begin()
    assert (talker.reply.codec, talker.reply.sample_rate_hz) == ("pcma", 8000)
    await talker.say(*spoken(WORDS))
    await talker.stop()
    assert heard(simulator) == WORDS
    assert all(packet.startswith(bytes.fromhex("000001fa0e024001")) for packet in packets(simulator))
    assert simulator.role.media.talker is None


async def test_what_is_no_whole_packet_is_filled_up_with_silence(begin, simulator):
    talker = await begin(listen=False)
    assert talker.reply.listen_subject is None
    await talker.say(*spoken(WORDS[:500]))
    await talker.stop()
    assert heard(simulator) == WORDS[:500] + b"\xd5" * 140


async def test_mu_law_is_made_into_what_the_device_takes(begin, simulator):
    talker = await begin(codec="pcmu")
    assert talker.reply.codec == "pcmu"
    await talker.say(*spoken(WORDS, codec=Codec.PCMU))
    await talker.stop()
    assert heard(simulator) == encode_alaw(decode_ulaw(WORDS))


async def test_the_end_mark_ends_it_as_well(begin, simulator):
    talker = await begin()
    await talker.say(
        *spoken(WORDS), *spoken(b"", kind=Kind.DATA, codec=Codec.OPAQUE, flags=Flag.END, first=20)
    )
    await silent(simulator)
    assert heard(simulator) == WORDS


async def test_the_microphone_is_published_with_what_it_is(bench, begin, simulator, device):
    talker = await begin()
    watched = await bench.watch(talker.reply.listen_subject)
    frames = await watched.until(
        lambda frames: (
            any(frame.kind is Kind.AUDIO_CONFIG for frame in frames)
            and sum(frame.kind is Kind.AUDIO for frame in frames) > 5
        )
    )
    config = next(frame for frame in frames if frame.kind is Kind.AUDIO_CONFIG)
    assert AudioConfig.parse(config.payload) == AudioConfig(Codec.PCMA, 8000, 1)
    tone = b"".join(channel_tone(0))
    said = b"".join(frame.payload for frame in frames if frame.kind is Kind.AUDIO)
    assert said in tone * 20
    await talker.stop()
    await watched.until(lambda frames: frames[-1].end)


async def test_somebody_else_is_told_that_it_is_taken_and_not_when_it_is_free(begin, simulator):
    talker = await begin()
    with pytest.raises(Conflict) as caught:
        await begin()
    assert caught.value.reason == "talk-busy"
    await talker.stop()
    await (await begin()).stop()


async def test_two_at_once_do_not_both_get_it(bench, begin, simulator, device):
    outcomes = await asyncio.gather(begin(), begin(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Talker"]


async def test_a_device_that_others_talk_through_is_busy(begin, simulator):
    other = DvripClient("127.0.0.1", simulator.port, credentials=Credentials("admin", "c4nary-passw0rd"))
    await other.connect()
    try:
        await other.open_talk()
        with pytest.raises(Conflict) as caught:
            await begin()
    finally:
        await other.close()
    assert (caught.value.reason, caught.value.device_code) == ("talk-busy", "503")
    await silent(simulator)
    await (await begin()).stop()


async def test_who_vanishes_gives_it_back(bench, begin, simulator, device, monkeypatch):
    actions = []
    control = simulator.role.media.control

    def noted(kind, request):
        actions.append((int(request.message_id), request.section(kind.body_name)["Action"]))
        control(kind, request)

    monkeypatch.setattr(simulator.role.media, "control", noted)
    bench.session(device).talks.idle_s = 1.0
    talker = await begin()
    assert talker.reply.idle_s == 1.0
    await talker.say(*spoken(WORDS[: PIECE * 3]))
    await silent(simulator)
    assert heard(simulator) == WORDS[: PIECE * 3]
    assert actions == [(1430, "Start"), (1430, "Stop")]
    await talker.stop()  # of what is over
    await (await begin()).stop()


async def test_the_device_hears_of_a_vanished_talker_within_five_seconds(begin):
    talker = await begin()
    assert talker.reply.idle_s < 5
    await talker.stop()


async def test_only_the_subject_of_the_talk_is_heard(begin, simulator):
    talker = await begin()
    own = talker.reply.subject
    for foreign in (own[:-1] + "_", own.replace(".t-", ".s-"), own.rpartition(".")[0] + ".t-tk-01"):
        talker.reply = talker.reply.model_copy(update={"subject": foreign})
        await talker.say(*spoken(b"\x11" * PIECE))
    talker.reply = talker.reply.model_copy(update={"subject": own})
    await talker.say(*spoken(WORDS))
    await talker.stop()
    assert heard(simulator) == WORDS


async def test_what_is_lost_late_or_no_sound_is_counted_and_not_spoken(bench, begin, simulator):
    talker = await begin()
    frames = spoken(WORDS)
    await bench.bus.publish(talker.reply.subject, b"no frame")
    await talker.say(*frames[:5], *frames[7:9], frames[8], *spoken(b"x", kind=Kind.DATA, first=9))
    await talker.stop()
    assert heard(simulator) == WORDS[: PIECE * 5] + WORDS[PIECE * 7 : PIECE * 9]
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    for line in (
        'talk_frames_total{outcome="taken",protocol="dvrip"} 7.0',
        'talk_frames_total{outcome="late",protocol="dvrip"} 1.0',
        'talk_frames_total{outcome="unreadable",protocol="dvrip"} 1.0',
        'talk_frames_total{outcome="foreign",protocol="dvrip"} 1.0',
        'talk_frames_lost_total{protocol="dvrip"} 2.0',
        'talk_ends_total{protocol="dvrip",reason="stopped"} 1.0',
        'cambus_talks{protocol="dvrip"} 0.0',
    ):
        assert line in metrics


async def test_video_is_left_untouched_on_a_session_of_its_own(bench, begin, simulator, device):
    watched = await bench.view(device)
    await watched.until(lambda frames: any(frame.keyframe for frame in frames))
    before = len(simulator.sessions)
    talker = await begin()
    assert len(simulator.sessions) == before + 1
    spoken_from = len(watched.frames)
    await talker.say(*spoken(WORDS))
    await talker.stop()
    frames = await watched.until(lambda frames: len(frames) > spoken_from + 30)
    assert [frame.seq for frame in frames] == list(range(frames[0].seq, frames[0].seq + len(frames)))
    assert not any(frame.discontinuity for frame in frames[spoken_from:])
    assert len(simulator.sessions) == before


async def test_a_talk_ends_with_the_session(bench, begin, simulator, device):
    talker = await begin()
    simulator.reboot()
    await bench.shown(device, lambda presence: not presence.online)
    await bench.shown(device)
    await talker.stop()
    await (await begin()).stop()


async def test_a_talk_ends_with_the_connector(bench, begin, simulator):
    await begin()
    await bench.connectors.pop("replica-1").stop()
    await silent(simulator)
    assert not simulator.sessions


async def test_what_the_device_can_not_is_refused(bench, begin, simulator, device):
    with pytest.raises(Unsupported, match="one loudspeaker"):
        await begin(channel=1)
    with pytest.raises(Unsupported, match="codec"):
        await begin(codec="aac")
    with pytest.raises(NotFound):
        await begin(channel=7)
    assert simulator.role.media.talker is None
    await (await begin(channel=0)).stop()
