"""Which outputs get transcoded sound, from when to when, and that it stands in its place in the cached group."""

import asyncio

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media_relay.hub import HubLimits, StreamHub
from cambus.media_relay.output import http_output, rtsp_output, websocket_output
from cambus.media_relay.viewer import Closed

FLV = http_output("flv", None, chunked=False)
FLV_AAC = http_output("flv", "aac", chunked=False)
TS = http_output("ts", None, chunked=False)
WS_FLV = websocket_output("flv", None)
AAC = AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")


class ScriptedFeed:
    """Remembers what it was given."""

    def __init__(self, source, codec):
        self.source = source
        self.codec = codec
        self.pushed = []
        self.closed = False
        self.lost = 0
        self.done = asyncio.Event()

    def push(self, frame):
        self.pushed.append(frame.seq)

    def finish(self):
        self.done.set()

    async def settled(self):
        await self.done.wait()

    def close(self):
        self.closed = True


@pytest.fixture
def feeds():
    return []


@pytest.fixture
def formats():
    return {}


@pytest.fixture
def hub(feeds, formats, word_format):
    def make_feed(source, codec):
        feeds.append(ScriptedFeed(source, codec))
        return feeds[-1]

    def make_format(output, video, audio, base_dts):
        formats[output] = word_format(b""), audio
        return formats[output][0]

    return StreamHub(make_format, HubLimits(), make_feed)


def aac(seq):
    return Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, seq, seq * 3600, seq * 3600, seq, b"\x01")


@pytest.fixture
def running(hub, video, audio, audio_config, keyframe):
    """A group of a keyframe, sound, a picture and sound: 2, 3, 4, 5."""
    hub.push(audio_config(1), 0.0)
    hub.push(video(2, key=True, payload=keyframe()), 0.0)
    hub.push(audio(3), 0.0)
    hub.push(video(4), 0.0)
    hub.push(audio(5), 0.0)
    assert hub.ready
    return hub


def join(hub, output, make_viewer, wire):
    viewer = make_viewer(wire())
    hub.join(output, viewer)
    return viewer


def test_an_output_that_carries_the_sound_needs_no_transcoder(running, feeds, formats, make_viewer, wire):
    join(running, FLV, make_viewer, wire)
    join(running, rtsp_output(0, 2), make_viewer, wire)
    assert feeds == []
    assert formats[FLV][1] is running.audio


def test_one_transcoder_serves_all_outputs_of_its_codec(running, feeds, formats, make_viewer, wire):
    for output in (TS, WS_FLV, FLV_AAC):
        join(running, output, make_viewer, wire)
        assert formats[output][1].codec is Codec.AAC
    (feed,) = feeds
    assert (feed.source, feed.codec) == (running.audio, Codec.AAC)
    assert feed.pushed == [3, 5]
    assert running.transcoding == (Codec.AAC,)


def test_it_ends_with_the_last_output_that_needs_it(running, feeds, make_viewer, wire):
    first, second = join(running, TS, make_viewer, wire), join(running, WS_FLV, make_viewer, wire)
    other = join(running, FLV, make_viewer, wire)
    running.leave(first)
    assert not feeds[0].closed
    running.leave(second)
    assert feeds[0].closed
    assert running.transcoding == ()
    running.leave(other)
    join(running, TS, make_viewer, wire)
    assert len(feeds) == 2


def test_transcoded_sound_goes_to_who_needs_it_and_the_other_to_the_others(
    running, video, audio, make_viewer, wire
):
    as_it_is, made = wire(), wire()
    running.join(FLV, make_viewer(as_it_is, queue_bytes=10_000))
    running.join(TS, make_viewer(made, queue_bytes=10_000))
    running.push(audio(6), 0.0)
    running.push_sound(Codec.AAC, [aac(100)], 0.0)
    running.push(video(7), 0.0)
    assert bytes(as_it_is.taken) == b"K2 A3 V4 A5 A6 V7 "
    assert bytes(made.taken) == b"K2 V4 A100 V7 "


def test_transcoded_sound_does_not_wait_for_ever(running, make_viewer, wire):
    taken = wire()
    running.join(TS, make_viewer(taken))
    running.push_sound(Codec.AAC, [aac(100)], 5.0)
    assert running.next_timeout() == pytest.approx(5.06)
    running.tick(5.07)
    assert bytes(taken.taken).endswith(b"A100 ")


async def test_whoever_waits_finds_the_sound_among_the_pictures(running, feeds, make_viewer, wire):
    waiting = asyncio.create_task(running.prepare(TS))
    await asyncio.sleep(0)
    assert not waiting.done()
    running.push_sound(Codec.AAC, [aac(1), aac(3)], 0.0)
    running.push_sound(Codec.AAC, [aac(5)], 0.0)
    feeds[0].done.set()
    async with asyncio.timeout(20):
        await waiting
    taken = wire()
    running.join(TS, make_viewer(taken))
    running.tick(1.0)
    assert bytes(taken.taken) == b"K2 A3 V4 "
    running.push_sound(Codec.AAC, [aac(6)], 1.0)
    running.tick(2.0)
    assert bytes(taken.taken) == b"K2 A3 V4 A5 A6 "


async def test_there_is_nothing_to_wait_for_where_nothing_is_transcoded(running, feeds):
    async with asyncio.timeout(20):
        await running.prepare(FLV)
    assert feeds == []


async def test_a_transcoder_that_nobody_came_for_is_ended(running, feeds):
    feeds_wanted = asyncio.create_task(running.prepare(TS))
    await asyncio.sleep(0)
    feeds[0].done.set()
    await feeds_wanted
    running.check()
    assert feeds[0].closed


def test_a_new_group_forgets_the_sound_before_it(running, video, keyframe, feeds, make_viewer, wire):
    join(running, TS, make_viewer, wire)
    running.push_sound(Codec.AAC, [aac(4), aac(9)], 0.0)
    running.push(video(8, key=True, payload=keyframe()), 0.0)
    taken = wire()
    running.join(WS_FLV, make_viewer(taken))
    running.push(video(10), 0.0)
    assert bytes(taken.taken) == b"K8 A9 V10 "


def test_sound_that_becomes_another_is_transcoded_anew(
    running, feeds, formats, video, audio_config, keyframe, make_viewer, wire
):
    join(running, TS, make_viewer, wire)
    config = AudioConfig(Codec.PCMU, 8000, 1)
    running.push(audio_config(6)._replace(payload=config.serialize()), 0.0)
    running.push(video(7, key=True, payload=keyframe()), 0.0)
    assert feeds[0].closed
    assert (feeds[1].source, feeds[1].codec) == (config, Codec.AAC)
    assert running.transcoding == (Codec.AAC,)
    running.push(audio_config(8)._replace(payload=AAC.serialize()), 0.0)
    running.push(video(9, key=True, payload=keyframe()), 0.0)
    assert running.transcoding == ()
    assert running.sound(TS) is running.audio


def test_lost_packets_are_counted_whether_the_transcoder_still_runs_or_not(running, feeds, make_viewer, wire):
    viewer = join(running, TS, make_viewer, wire)
    feeds[0].lost = 3
    assert running.counts.sounds_lost == 3
    running.leave(viewer)
    assert running.counts.sounds_lost == 3
    join(running, TS, make_viewer, wire)
    feeds[1].lost = 2
    assert running.counts.sounds_lost == 5


def test_when_the_stream_stops_so_does_its_transcoder(running, feeds, make_viewer, wire):
    viewer = join(running, TS, make_viewer, wire)
    running.stop(Closed.SHUTDOWN)
    assert viewer.closed is Closed.SHUTDOWN
    assert feeds[0].closed


def test_a_hub_without_transcoders_leaves_the_sound_out(word_format, video, audio_config, keyframe):
    hub = StreamHub(lambda *args: word_format(), HubLimits())
    hub.push(audio_config(1), 0.0)
    hub.push(video(2, key=True, payload=keyframe()), 0.0)
    assert hub.sound(TS) is None
    assert hub.sound(FLV) is hub.audio
    assert hub.rendition(TS).transcoded is None
