"""Devices that publish: FFmpeg pushes to the connector, by RTSP and RTMP; what comes out of the bus is looked at."""

import asyncio
import contextlib

import av
import pytest
from publishers import Publisher
from rtmp_by_hand import opening
from rtsp_rig import USER

from cambus.connector_rtsp.publish import door, guests, publication
from cambus.media.frame import Codec, Kind

KEY = "s7ream-k3y"


def rtsp_url(publishing, path="live/stage", user=USER, password=KEY):
    return f"rtsp://{user}:{password}@127.0.0.1:{publishing.port('rtsp')}/{path}"


def rtmp_url(publishing, path=f"live/stage/{KEY}"):
    return f"rtmp://127.0.0.1:{publishing.port('rtmp')}/{path}"


def pictures(frames):
    return [frame for frame in frames if frame.kind is Kind.VIDEO]


def has(video, audio, count=25):
    def enough(frames):
        sounds = [frame for frame in frames if frame.kind is Kind.AUDIO]
        return len(pictures(frames)) >= count and (audio is None or len(sounds) >= 10)

    return enough


def check(frames, video, audio):
    seen = pictures(frames)
    assert {frame.codec for frame in seen} == {video}
    assert seen[0].keyframe
    assert [frame.dts for frame in seen] == sorted(frame.dts for frame in seen)
    if audio is not None:
        assert {frame.codec for frame in frames if frame.kind is Kind.AUDIO} == {audio}
        assert any(frame.kind is Kind.AUDIO_CONFIG for frame in frames)


@pytest.mark.parametrize(
    ("transport", "video", "sound", "seen", "heard"),
    [
        ("tcp", "libx264", "pcm_alaw", Codec.H264, Codec.PCMA),
        ("udp", "libx264", "aac", Codec.H264, Codec.AAC),
        ("tcp", "libx265", "pcm_mulaw", Codec.H265, Codec.PCMU),
    ],
)
async def test_what_is_published_by_rtsp_is_on_the_bus(bench, transport, video, sound, seen, heard):
    publishing = await bench.publisher("stage", password=KEY)
    options = {"rtsp_transport": transport}
    async with Publisher(rtsp_url(publishing), "rtsp", video=video, sound=sound, options=options):
        presence = await bench.shown("stage")
        assert presence.channels[0].online
        watched = await bench.view("stage")
        frames = await watched.until(has(seen, heard))
    check(frames, seen, heard)
    gone = await bench.shown("stage", lambda presence: not presence.online)
    assert gone.last_error.reason == "forced-logout"


@pytest.mark.parametrize(
    ("video", "sound", "seen", "heard"),
    [
        ("libx264", "pcm_alaw", Codec.H264, Codec.PCMA),
        ("libx265", "aac", Codec.H265, Codec.AAC),
    ],
)
async def test_what_is_published_by_rtmp_is_on_the_bus(bench, video, sound, seen, heard):
    publishing = await bench.publisher("stage", password=KEY)
    async with Publisher(rtmp_url(publishing), "flv", video=video, sound=sound):
        await bench.shown("stage")
        watched = await bench.view("stage")
        frames = await watched.until(has(seen, heard))
    check(frames, seen, heard)
    gone = await bench.shown("stage", lambda presence: not presence.online)
    assert gone.last_error.reason == "forced-logout"


async def test_pictures_shown_in_another_order_than_decoded_have_both_times(bench):
    publishing = await bench.publisher("stage", password=KEY)
    options = {"rtsp_transport": "tcp"}
    async with (
        Publisher(rtsp_url(publishing), "rtsp", sound=None, b_frames=2, options=options),
        Publisher(rtmp_url(publishing, f"live/stage/sub/{KEY}"), "flv", sound=None, b_frames=2),
    ):
        await bench.shown(
            "stage", lambda presence: presence.online and len(presence.channels[0].streams) == 2
        )
        for stream in ("main", "sub"):
            seen = pictures(await (await bench.view("stage", stream=stream)).until(has(Codec.H264, None, 40)))
            shown, decoded = [frame.pts for frame in seen], [frame.dts for frame in seen]
            assert shown != sorted(shown)
            assert len(set(shown)) == len(shown)
            assert decoded == sorted(set(decoded))
            assert all(frame.dts <= frame.pts for frame in seen)
            assert order_by_decoder(seen) == sorted(shown)


def order_by_decoder(frames):
    """The times of the pictures in the order in which a decoder gives them out."""
    decoder = av.CodecContext.create("h264", "r")
    given = []
    for frame in frames:
        packet = av.Packet(frame.payload)
        packet.pts, packet.dts = frame.pts, frame.dts
        given += [picture.pts for picture in decoder.decode(packet)]
    return given + [picture.pts for picture in decoder.decode(None)]


async def test_whoever_may_not_publish_is_told_why(bench, monkeypatch):
    monkeypatch.setattr(publication, "DEAD_S", 120.0)  # on a busy machine FFmpeg may pause
    publishing = await bench.publisher("stage", password=KEY)
    tcp = {"rtsp_transport": "tcp"}

    async def rtsp(url):
        async with Publisher(url, "rtsp", options=tcp) as publisher:
            return await publisher.ended()

    async def rtmp(path):
        async with Publisher(rtmp_url(publishing, path), "flv") as publisher:
            return await publisher.ended()

    assert "Unauthorized" in await rtsp(rtsp_url(publishing, password="wrong"))
    assert "Unauthorized" in await rtsp(rtsp_url(publishing, path="live/nobody"))
    assert "NotFound" in await rtsp(rtsp_url(publishing, path="live/stage/7"))
    assert "NotFound" in await rtsp(rtsp_url(publishing, path="elsewhere/stage"))
    assert await rtmp("live/stage/wrong")
    heard = await bench.heard("stage")
    failed = await heard.until("device.auth-failed")
    assert (failed.direction, failed.reason) == ("from-device", "wrong-credentials")
    assert KEY not in str(failed)
    async with Publisher(rtsp_url(publishing), "rtsp", options=tcp):
        await bench.shown("stage")
        assert "Forbidden" in await rtsp(rtsp_url(publishing))
        assert await rtmp(f"live/stage/{KEY}")
        assert (await bench.shown("stage")).online


async def test_a_publisher_that_vanishes_takes_the_device_with_it_and_may_come_back(bench):
    publishing = await bench.publisher("stage", password=KEY)
    async with Publisher(rtmp_url(publishing), "flv") as first:
        await bench.shown("stage")
        first.kill()
        gone = await bench.shown("stage", lambda presence: not presence.online)
        assert gone.last_error.reason == "connection-lost"
    async with Publisher(rtsp_url(publishing), "rtsp", options={"rtsp_transport": "tcp"}):
        assert (await bench.shown("stage")).channels[0].native["by"] == "rtsp"


async def test_without_pictures_a_publisher_is_hung_up_on(bench):
    publishing = await bench.publisher("stage", password=KEY, options={"stall_s": 1})
    async with Publisher(rtmp_url(publishing), "flv", stop_after=30) as publisher:
        await bench.shown(
            "stage", lambda presence: presence.last_error and presence.last_error.reason == "timeout"
        )
        publisher.kill()


async def test_a_device_moves_to_the_replica_it_publishes_to(bench):
    publishing = await bench.publisher("stage", password=KEY)
    other = await bench.connector("replica-2", rtsp_publish_port=0, rtmp_publish_port=0)
    async with Publisher(rtmp_url(publishing), "flv") as first:
        assert (await bench.shown("stage")).replica == "replica-1"
        async with Publisher(rtmp_url(other.service.publishing), "flv"):
            await bench.shown("stage", lambda presence: presence.online and presence.replica == "replica-2")
            await first.ended()
            watched = await bench.view("stage")
            await watched.until(has(Codec.H264, None))


async def test_the_publisher_is_hung_up_on_when_its_record_goes(bench):
    publishing = await bench.publisher("stage", password=KEY)
    async with Publisher(rtmp_url(publishing), "flv") as publisher:
        await bench.shown("stage")
        await bench.devices.delete("stage")
        await publisher.ended()


@pytest.mark.parametrize("by", ["rtsp", "rtmp"])
async def test_guests_are_few_and_have_little_time(bench, monkeypatch, by):
    publishing = await bench.publisher("stage", password=KEY, publish_guests_per_address=1)
    monkeypatch.setattr(door, "GUEST_S", 600.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", publishing.port(by))
    other_reader, other = await asyncio.open_connection("127.0.0.1", publishing.port(by))
    try:
        assert await told(other_reader) == (refusal(453, "full") if by == "rtsp" else b"")
        monkeypatch.setattr(door, "GUEST_S", 0.0)
        assert await told(reader) == b""
    finally:
        for each in (writer, other):
            each.close()
            await each.wait_closed()


async def test_an_address_that_tries_keys_is_held_off(bench, monkeypatch):
    monkeypatch.setattr(guests, "FREE_FAILURES", -10)  # held off for the longest at once
    publishing = await bench.publisher("stage", password=KEY)
    answers = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", publishing.port("rtmp"))
        writer.write(opening("wrong"))
        answers.append(await told(reader))
        writer.close()
    assert b"NetStream.Publish.Denied" in answers[0]
    assert answers[1] == b""


async def told(reader):
    """All that comes until the connection ends, however it does."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            found += data
    return found


def refusal(status, reason):
    return f"RTSP/1.0 {status} Not Enough Bandwidth\r\nX-Cambus-Reason: {reason}\r\n\r\n".encode()
