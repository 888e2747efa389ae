"""What the relay does about a source that shows nothing: it asks for a keyframe, and tells of a stall."""

import asyncio
import itertools

import aiohttp
import pytest
from rtsp_by_hand import Rtsp

from cambus.media.frame import Flag, Kind
from cambus.schemas.codec import decode
from cambus.schemas.errors import Unsupported
from cambus.schemas.events import exception
from cambus.simulators.video_loop import LoopStore


@pytest.fixture
def path(device):
    return f"/{device}/0/main"


async def test_a_stream_that_is_met_in_mid_group_is_asked_for_a_keyframe(
    relay, make_camera, path, eventually
):
    camera = await make_camera(pace=0)
    async with Rtsp(relay.service.relay.rtsp_port) as rtsp:
        describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        await camera.until(lambda: camera.claims)
        assert camera.keyframes_asked == 0  # a stream that just opens begins with one
        await camera.publish(*camera.picture(1))
        await camera.until(lambda: camera.keyframes_asked)
        await camera.publish(*camera.picture(0))
        assert (await describing)[0] == 200
        outcome = 'cambus_relay_keyframe_requests_total{outcome="ok"}'
        await eventually(lambda: relay.metric(outcome) == 1)


@pytest.mark.parametrize("output", ["flv", "mp4", "rtsp"])
async def test_who_joins_without_a_cached_group_is_seen_to(
    output, relay_settings, run_relay, make_camera, device, path
):
    camera = await make_camera(pace=0)
    async with (
        run_relay(relay_settings(relay_gop_bytes=64 * 1024)) as relay,
        aiohttp.ClientSession() as session,
    ):
        url = f"{relay.http}/live{path}.flv"
        asking = asyncio.create_task(session.get(url))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        async with await asking as first, Rtsp(relay.service.relay.rtsp_port) as rtsp:
            await first.content.readexactly(1000)
            large = LoopStore.shared.get(camera.spec).unit(1).data + b"\x55" * 70_000
            await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, 3600, large))
            await first.content.readexactly(70_000)  # the group is larger now than what is kept
            asked = camera.keyframes_asked
            if output == "rtsp":
                for method, where in (("SETUP", f"{path}/trackID=0"), ("PLAY", path)):
                    transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
                    assert (await rtsp.ask(method, where, Transport=transport))[0] == 200
            else:
                answer = await session.get(f"{relay.http}/live{path}.{output}")
            await camera.until(lambda: camera.keyframes_asked > asked)
            if output != "rtsp":
                answer.close()


async def test_lost_frames_make_it_ask_too(relay, make_camera, device, path, eventually):
    camera = await make_camera(pace=0)
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"{relay.http}/live{path}.flv"))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        async with await asking as answer:
            await answer.content.readexactly(1000)
            camera.picture(1)  # never published
            await camera.publish(*camera.picture(2))
            await camera.until(lambda: camera.keyframes_asked)


async def test_a_device_that_makes_none_is_asked_once(relay, make_camera, device, path, eventually):
    camera = await make_camera(pace=0)
    camera.cannot = Unsupported("this device makes keyframes when it likes")
    async with Rtsp(relay.service.relay.rtsp_port) as rtsp:
        describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(1))
        outcome = 'cambus_relay_keyframe_requests_total{outcome="unsupported"}'
        await eventually(lambda: relay.metric(outcome) == 1)
        await camera.publish(*camera.picture(2), *camera.picture(0))
        assert (await describing)[0] == 200
    assert camera.keyframes_asked == 1


async def test_a_source_that_stands_still_is_told_of_once_each_time(
    relay_settings, run_relay, make_camera, device, path, bus, eventually
):
    camera = await make_camera(pace=0)
    told: asyncio.Queue[exception.ExceptionReported] = asyncio.Queue()
    subscription = await bus.subscribe(
        exception.REPORTED.subject(device),
        lambda message: told.put_nowait(decode(exception.ExceptionReported, message.data)),
    )
    await bus.flush()
    async with (
        run_relay(relay_settings(relay_stalled_after_s=1.0)) as relay,
        aiohttp.ClientSession() as session,
    ):
        asking = asyncio.create_task(session.get(f"{relay.http}/live{path}.flv"))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        async with await asking, asyncio.timeout(30):
            first = await told.get()
            assert (first.code, first.channel, first.detail["stream"]) == ("media-lost", 0, "main")
            assert relay.metric("cambus_relay_stalled_streams") == 1
            for number in itertools.count(1):  # until that is seen: it stands still again a second later
                await camera.publish(
                    camera.frame(Kind.VIDEO, camera.spec.codec, number * 90_000, *key_of(camera))
                )
                await bus.flush()
                if not relay.metric("cambus_relay_stalled_streams"):
                    break
            second = await told.get()
            assert second.id != first.id
            assert relay.metric("cambus_relay_source_stalls_total") == 2
        assert told.empty()
    await subscription.close()


def key_of(camera):
    return LoopStore.shared.get(camera.spec).units[0].data, Flag.KEYFRAME
