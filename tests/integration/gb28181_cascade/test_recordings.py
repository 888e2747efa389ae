"""Recordings of devices played and fetched by the upper platform, which controls them (GB-245)."""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial

import pytest
from camera import H264
from cascade_rig import OURS, refuse

from cambus.gb28181.errors import Refused
from cambus.gb28181.sdp import Purpose
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas import subjects
from cambus.schemas.commands import recording
from cambus.schemas.commands.recording import RecordingPlayReply, RecordingSpeedReply
from cambus.schemas.errors import Conflict, NotFound
from cambus.schemas.model import Done
from cambus.simulators.video_loop import LoopStore

START = 1_769_900_000
SPAN = {"start": START, "end": START + 20}


class Player:
    """The recordings of a device: plays from the first touch, until it has shown `pictures`."""

    def __init__(self, device, pictures=10_000):
        self.device = device
        self.pictures = pictures
        self.running = asyncio.Event()
        self.speed = 1.0
        self._task = None
        self._subject = subjects.playback_subject(device.device, 0, "pb-1")
        device.on(recording.PLAY, self._play).on(recording.TOUCH, self._touch).on(recording.STOP, self._stop)
        device.on(recording.PAUSE, self._pause).on(recording.RESUME, self._resume)
        device.on(recording.SEEK).on(recording.SPEED, self._speed)

    def _play(self, request):
        return RecordingPlayReply(session="pb-1", subject=self._subject, ttl_s=request.ttl_s)

    def _touch(self, _):
        if self._task is None:
            self.running.set()
            self._task = asyncio.create_task(self._publish())
        return Done()

    def _stop(self, _):
        if self._task is not None:
            self._task.cancel()
        return Done()

    def _pause(self, _):
        self.running.clear()
        return Done()

    def _resume(self, _):
        self.running.set()
        return Done()

    def _speed(self, request):
        self.speed = min(request.speed, 4.0)  # faster it does not play
        return RecordingSpeedReply(speed=self.speed)

    async def _publish(self):
        loop = LoopStore.shared.get(H264)
        for number in range(self.pictures):
            await self.running.wait()
            unit = loop.unit(number)
            flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
            await self._send(Kind.VIDEO, Codec.H264, flags, number, unit.data)
            await asyncio.sleep(0.01 / self.speed)
        await self._send(Kind.DATA, Codec.OPAQUE, Flag.END, self.pictures, b"")

    async def _send(self, kind, codec, flags, number, payload):
        pts = number * 3600
        frame = Frame(kind, codec, flags, number, pts, pts, time.time_ns() // 1000, payload)
        for message in encode_frame(frame, self.device.bus.max_payload):
            await self.device.bus.publish(self._subject, message)


@pytest.fixture
async def shown(rig):
    async def make(pictures=10_000, **fields):
        upper = await rig.upper()
        camera = await rig.device("cam")
        player = Player(camera, pictures)
        await rig.enter(camera)
        link = await rig.linked(upper, **fields)
        return upper, player, link, await rig.code_of(link, camera.device)

    return make


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_a_recording_is_played_to_its_end_and_that_is_said(rig, shown, transport):
    upper, player, link, code = await shown(60)
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport=transport, **SPAN)
    await watching.wait_for(lambda: watching.ending is not None)
    assert watching.ending == "finished"  # by MediaStatus 121
    assert watching.pictures == 60
    assert set(watching.decode()) == {(320, 240)}
    asked = player.device.orders("recording.play")[0]
    assert asked.start == datetime.fromtimestamp(START, UTC)
    assert asked.end == datetime.fromtimestamp(START + 20, UTC)
    await watching.close()
    await player.device.until(lambda: player.device.orders("recording.stop"))
    await rig.until(lambda: not rig.held(link).sessions.open)
    assert rig.held(link).context.ssrcs.in_use == 0


async def test_history_has_a_number_of_its_own_kind(rig, shown):
    upper, _, _, code = await shown()
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    assert str(watching.session.answer.ssrc).startswith("120000")


@pytest.mark.parametrize("legacy", [False, True])
async def test_pause_resume_seek_and_speed_reach_the_device(shown, legacy):
    upper, player, _, code = await shown()
    watching = await upper.play(
        OURS, code, purpose=Purpose.PLAYBACK, transport="udp", legacy_control=legacy, **SPAN
    )
    session, camera = watching.session, player.device
    await watching.wait_for(lambda: watching.pictures > 5)
    await session.pause()
    assert camera.orders("recording.pause")[0].session == "pb-1"
    await session.resume()
    assert len(camera.orders("recording.resume")) == 1
    assert not camera.orders("recording.seek")
    before = watching.pictures
    await watching.wait_for(lambda: watching.pictures > before + 5)
    await session.seek(7.5)
    assert camera.orders("recording.seek")[-1].at == datetime.fromtimestamp(START + 7.5, UTC)
    if not legacy:
        assert await session.set_speed(2.0) == 2.0
        assert await session.set_speed(8.0) == 4.0  # what the device says it plays at
        assert [each.speed for each in camera.orders("recording.speed")] == [2.0, 8.0]


async def test_backwards_between_two_points_is_asked_of_the_device_and_its_answer_told(shown):  # GB-132
    upper, player, _, code = await shown()
    instant = partial(datetime.fromtimestamp, tz=UTC)
    settled = RecordingSpeedReply(speed=-1.0, at=instant(START + 14), until=instant(START + 5))
    player.device.on(recording.SPEED, settled)
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    assert await watching.session.reverse(15, 5, -2.0) == -1.0
    assert watching.session.control.span == (14.0, 5.0)
    (asked,) = player.device.orders("recording.speed")
    assert (asked.speed, asked.at, asked.until) == (-2.0, instant(START + 15), instant(START + 5))
    assert not player.device.orders("recording.seek")


async def test_each_command_is_answered_under_its_own_number(shown):
    upper, _, _, code = await shown()
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    endpoint, numbers = upper.platform.endpoint, []
    request = endpoint.request

    async def remember(message, *given, **options):
        response = await request(message, *given, **options)
        if message.method == "INFO":
            numbers.append([number_of(body) for body in (message.body, response.body)])
        return response

    endpoint.request = remember
    await watching.wait_for(lambda: watching.pictures > 5)
    await watching.session.pause()
    await watching.session.resume()
    assert numbers == [[1, 1], [2, 2]]
    endpoint.request = request


def number_of(body):
    """The CSeq in a command or its answer."""
    return int(next(line for line in body.splitlines() if line.startswith(b"CSeq:"))[5:])


async def test_a_command_the_device_refuses_fails_alone(shown):
    upper, player, _, code = await shown()
    player.device.on(recording.SEEK, refuse("nothing is recorded there"))
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    await watching.wait_for(lambda: watching.pictures > 5)
    with pytest.raises(Refused):
        await watching.session.seek(3.0)
    before = watching.pictures
    await watching.wait_for(lambda: watching.pictures > before + 5)
    assert watching.ending is None


async def test_a_paused_playback_is_not_lost(rig, shown):
    await rig.replica(feed_loss_s=0.3)
    upper, _, link, code = await shown()
    watching = await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    await watching.wait_for(lambda: watching.pictures > 5)
    await watching.session.pause()
    feed = next(iter(rig.held(link).sessions.open.values()))
    clock = asyncio.get_running_loop().time
    paused_at = clock()
    await rig.until(lambda: clock() - paused_at > 1.2)  # longer than a stream may be silent
    assert feed.ending is None
    await watching.session.resume()
    before = watching.pictures
    await watching.wait_for(lambda: watching.pictures > before)


async def test_a_download_is_played_faster_and_ends_like_a_playback(shown):
    upper, player, _, code = await shown(40)
    watching = await upper.play(
        OURS, code, purpose=Purpose.DOWNLOAD, transport="tcp-passive", download_speed=4, **SPAN
    )
    await watching.wait_for(lambda: watching.ending is not None)
    assert (watching.ending, watching.pictures) == ("finished", 40)
    assert player.device.orders("recording.play")[0].speed == 4.0


@pytest.mark.parametrize(("error", "status"), [(NotFound("nothing"), 404), (Conflict("busy"), 486)])
async def test_what_was_not_recorded_is_refused(shown, error, status):
    upper, player, _, code = await shown()

    def no(_):
        raise error

    player.device.on(recording.PLAY, no)
    with pytest.raises(Refused) as refused:
        await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    assert refused.value.status == status


async def test_who_may_not_see_recordings_does_not(shown):
    upper, player, _, code = await shown(permissions={"playback": False})
    with pytest.raises(Refused) as refused:
        await upper.play(OURS, code, purpose=Purpose.PLAYBACK, transport="udp", **SPAN)
    assert refused.value.status == 403
    assert player.device.told == []
