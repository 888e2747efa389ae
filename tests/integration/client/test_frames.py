"""Frames by the client: claimed while somebody reads, whole, in order, and from a keyframe on."""

import asyncio
import runpy
from contextlib import aclosing

import pytest
from documented import ROOT

from cambus.client import frames as client_frames
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas import subjects
from cambus.schemas.commands import live
from cambus.schemas.errors import NotFound, Offline
from cambus.schemas.model import Done

PICTURE = b"\x00\x00\x00\x01\x65" + bytes(range(200))


def picture(seq, *flags, payload=PICTURE):
    marks = Flag.NONE
    for each in flags:
        marks |= each
    return Frame(Kind.VIDEO, Codec.H264, marks, seq, seq * 3600, seq * 3600, 1_000_000 + seq, payload)


KEY = Flag.KEYFRAME


class Camera:
    """A connector with one stream: what it is called with is told to tests, who publish what they like."""

    def __init__(self, bus, name):
        self.bus, self.name = bus, name
        self.calls = asyncio.Queue()
        self.refusal = None
        self.subject = subjects.media_subject(name, 0, "main")

    async def start(self, endpoints):
        for spec in (live.START, live.TOUCH, live.STOP):
            endpoints.add(spec, self._answerer(spec))
        await endpoints.start()
        await endpoints.hold(self.name)

    def _answerer(self, spec):
        async def answer(context, request):
            await self.calls.put((spec.verb, request.claimant))
            if self.refusal is not None:
                raise self.refusal
            return (
                Done()
                if spec is live.STOP
                else live.LiveStartReply(subject=self.subject, ttl_s=request.ttl_s)
            )

        return answer

    async def called(self, *verbs):
        async with asyncio.timeout(30):
            return [
                claimant
                for verb in verbs
                if (call := await self.calls.get())[0] == verb
                for claimant in call[1:]
            ]

    async def send(self, *frames, max_payload=1 << 20):
        for frame in frames:
            for message in encode_frame(frame, max_payload):
                await self.bus.publish(self.subject, message)
        await self.bus.flush()


@pytest.fixture
async def camera(bus, endpoints, device):
    camera = Camera(bus, device)
    await camera.start(endpoints)
    return camera


async def test_frames_come_while_one_reads_and_the_stream_is_given_back(cambus, camera):
    got = []
    frames = cambus.frames(camera.name)
    async with asyncio.timeout(30), aclosing(aiter(frames)) as reading:
        first = asyncio.ensure_future(anext(reading))
        (claimant,) = await camera.called("start")
        await camera.send(
            picture(7), picture(8, KEY), picture(9, payload=b"\x00\x00\x01\x41" * 900), max_payload=1500
        )
        got += [await first, await anext(reading)]
    assert [frame.seq for frame in got] == [8, 9]
    assert got[0].keyframe
    assert (got[0].codec, got[0].payload, got[0].pts) == (Codec.H264, PICTURE, 8 * 3600)
    assert got[1].payload == b"\x00\x00\x01\x41" * 900
    assert await camera.called("stop") == [claimant]
    assert frames.trouble is None


async def test_after_a_gap_video_goes_on_at_a_keyframe(cambus, camera):
    frames = cambus.frames(camera.name)
    async with asyncio.timeout(30), aclosing(aiter(frames)) as reading:
        first = asyncio.ensure_future(anext(reading))
        await camera.called("start")
        await camera.bus.publish(camera.subject, b"no frame")
        await camera.send(picture(1, KEY), picture(2), picture(5), picture(6), picture(7, KEY), picture(8))
        assert [(await first).seq, *[(await anext(reading)).seq for _ in range(3)]] == [1, 2, 7, 8]
    assert (frames.gaps, frames.lost, frames.malformed) == (1, 2, 1)


async def test_what_a_reader_leaves_lying_is_bounded(cambus, camera, monkeypatch):
    monkeypatch.setattr(client_frames, "MAX_WAITING_BYTES", 4 * len(PICTURE))
    frames = cambus.frames(camera.name)
    async with asyncio.timeout(30), aclosing(aiter(frames)) as reading:
        first = asyncio.ensure_future(anext(reading))
        await camera.called("start")
        await camera.send(picture(0, KEY))
        await first
        await camera.send(*(picture(seq, *([KEY] if seq % 5 == 0 else [])) for seq in range(1, 101)))
        await cambus.connection.flush()  # what was sent before it has come
        seqs = []
        while not seqs or seqs[-1] < 100:
            seqs.append((await anext(reading)).seq)
    assert frames.overflows > 0
    assert frames.lost > 0
    assert all(seq % 5 == 0 or seq - 1 in {0, *seqs} for seq in seqs), "no picture without those it refers to"


@pytest.mark.parametrize("refusal", [NotFound("no such channel", reason="no-such-channel"), Offline("gone")])
async def test_a_stream_that_cannot_be_had_is_an_error(refusal, cambus, camera):
    camera.refusal = refusal
    with pytest.raises(type(refusal)):
        await all_of(cambus.frames(camera.name))


async def test_a_device_that_nobody_holds_is_offline(cambus, unique):
    with pytest.raises(Offline):
        await anext(aiter(cambus.frames(unique)))


async def test_a_stream_that_breaks_off_is_claimed_again(cambus, camera):
    frames = cambus.frames(camera.name)
    async with asyncio.timeout(60), aclosing(aiter(frames)) as reading:
        first = asyncio.ensure_future(anext(reading))
        await camera.called("start")
        await camera.send(picture(0, KEY))
        await first
        camera.refusal = Offline("it goes")
        await camera.send(picture(1, Flag.END))
        assert (await anext(reading)).end
        await camera.called("touch")
        await camera.called("start")
        await until(lambda: frames.trouble is not None)
        assert isinstance(frames.trouble, Offline)
        camera.refusal = None
        following = asyncio.ensure_future(anext(reading))
        await until(lambda: frames.trouble is None)
        await camera.send(picture(2, KEY | Flag.DISCONTINUITY))
        assert (await following).seq == 2


async def test_frames_of_a_playback_end_with_it(cambus, camera):
    subject = f"{camera.subject.rpartition('.')[0]}.s-pb-1"
    camera.subject = subject
    read = asyncio.ensure_future(all_of(cambus.frames_on(subject)))
    while not read.done():  # nobody tells when somebody has subscribed
        await camera.send(picture(0, KEY), picture(1), picture(2, Flag.END))
        await asyncio.wait({read}, timeout=0.05)
    assert (await read)[-1].end
    assert camera.calls.empty()


async def until(holds):
    while not holds():  # noqa: ASYNC110 - an attribute tells nobody
        await asyncio.sleep(0.01)


async def all_of(frames):
    return [frame async for frame in frames]


async def test_the_example_writes_what_the_camera_sends(
    bus, camera, nats_server, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("NATS_URL", nats_server.url)
    monkeypatch.chdir(tmp_path)
    program = runpy.run_path(str(ROOT / "examples/python/frames.py"))
    running, seq = asyncio.ensure_future(program["main"](camera.name, 0.2)), 0
    await camera.called("start")
    while not running.done():
        await camera.send(picture(seq, *([KEY] if seq % 2 == 0 else [])))
        seq += 1
        await asyncio.wait({running}, timeout=0.01)
    await running
    written = (tmp_path / f"{camera.name}.h264").read_bytes()
    pictures = len(written) // len(PICTURE)
    assert written == PICTURE * pictures
    assert capsys.readouterr().out == f"{camera.name}.h264: {pictures} pictures, h264, 0 lost on the way\n"
    assert (await camera.calls.get())[0] == "stop"
