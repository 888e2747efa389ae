"""What a viewer is told, what it is sent first, and how it stays out of the others' way."""

import asyncio
import json
import socket

import aiohttp
import pytest
from rtsp_by_hand import Rtsp

from cambus.media.frame import Flag, Kind
from cambus.schemas.errors import DeviceRefused, Overloaded, Unauthorized
from cambus.simulators.video_loop import LoopStore


async def fetch(url, **options):
    async with asyncio.timeout(20), aiohttp.ClientSession() as session, session.get(url, **options) as answer:
        return answer.status, answer.headers, await answer.json()


@pytest.fixture
def rtsp(relay):
    return Rtsp(relay.service.relay.rtsp_port)


# --- what can go wrong


async def test_an_offline_device_is_503_at_once(relay, make_camera, device, rtsp):
    camera = await make_camera()
    await camera.go_offline()
    for suffix in ("flv", "mp4"):
        status, _, body = await fetch(f"{relay.http}/live/{device}/0/main.{suffix}")
        assert (status, body["code"], body["reason"], body["retryable"]) == (503, 503, "offline", True)
        assert device in body["text"]
    async with rtsp:
        status, headers, _ = await rtsp.ask("DESCRIBE", f"/live/{device}/0/main")
        assert status == 503
        assert ("X-Cambus-Reason", "offline") in headers
    assert relay.metric('cambus_relay_refusals_total{code="503"}') == 3


async def test_a_websocket_viewer_is_told_inside(relay, make_camera, device):
    camera = await make_camera()
    await camera.go_offline()
    url = f"{relay.ws}/ws/{device}/0/main"
    async with asyncio.timeout(20), aiohttp.ClientSession() as session, session.ws_connect(url) as viewer:
        said = json.loads((await viewer.receive()).data)
        assert (said["type"], said["code"], said["retryable"]) == ("error", 503, True)
        await viewer.receive()
        assert viewer.close_code == 4503


async def test_an_unknown_device_or_channel_is_404(relay, make_camera, device, rtsp, eventually):
    await make_camera()
    directory = relay.service._directory
    await eventually(lambda: directory.known(device) and not directory.known("no-such-device"))
    for path, reason in (
        ("no-such-device/0/main", "no-such-device"),
        (f"{device}/7/main", "no-such-channel"),
        (f"{device}/0/nonsense", "no-such-stream"),
        (f"{device}/x/main", "no-such-channel"),
    ):
        status, _, body = await fetch(f"{relay.http}/live/{path}.flv")
        assert (status, body["reason"]) == (404, reason)
    async with rtsp:
        for path in (f"/{device}/7/main", "/no-such-device/0/main", "/nonsense", "/"):
            status, _, _ = await rtsp.ask("DESCRIBE", path)
            assert status == 404


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(DeviceRefused("all channels are busy"), 422), (Unauthorized("wrong password"), 503)],
)
async def test_what_the_device_says_reaches_the_viewer(refusal, status, relay, make_camera, device):
    camera = await make_camera()
    camera.refusal = refusal
    got, _, body = await fetch(f"{relay.http}/live/{device}/0/main.flv")
    assert got == status
    assert refusal.text in body["text"]


async def test_a_busy_connector_is_asked_again_while_a_viewer_waits(
    relay, make_camera, device, watch, eventually
):
    camera = await make_camera()
    camera.refusal = Overloaded("busy")
    watching = asyncio.create_task(watch(f"{relay.http}/live/{device}/0/main.flv", pictures=5))
    streams = relay.service.relay.streams.running
    await eventually(lambda: any(stream._trouble is not None for stream in streams.values()))
    camera.refusal = None
    assert len((await watching).pictures) >= 5


async def test_a_device_that_sends_nothing_is_504(relay_settings, run_relay, make_camera, device):
    await make_camera(pace=0)
    async with run_relay(relay_settings(relay_start_timeout_s=0.3)) as relay:
        status, _, body = await fetch(f"{relay.http}/live/{device}/0/main.flv")
        assert (status, body["reason"]) == (504, "no-picture")
        rtsp = Rtsp(relay.service.relay.rtsp_port)
        async with rtsp:
            status, _, _ = await rtsp.ask("DESCRIBE", f"/{device}/0/main")
            assert status == 504


async def test_the_number_of_viewers_is_limited_in_clear_words(
    relay_settings, run_relay, make_camera, device
):
    await make_camera()
    async with (
        run_relay(relay_settings(relay_max_viewers_per_stream=1)) as relay,
        aiohttp.ClientSession() as session,
        session.get(f"{relay.http}/live/{device}/0/main.flv") as first,
    ):
        assert first.status == 200
        await first.content.readexactly(13)
        status, _, body = await fetch(f"{relay.http}/live/{device}/0/main.mp4")
        assert (status, body["reason"]) == (429, "too-many-viewers-of-stream")
        rtsp = Rtsp(relay.service.relay.rtsp_port)
        async with rtsp:
            assert (await rtsp.ask("DESCRIBE", f"/{device}/0/main"))[0] == 453


# --- what a viewer is sent


async def test_a_late_viewer_gets_the_picture_from_the_cached_group(relay, make_camera, device):
    camera = await make_camera(pace=0)  # the test publishes: one group, then silence
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        url = f"{relay.http}/live/{device}/0/main.flv"
        first = asyncio.create_task(session.get(url))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0), *camera.picture(1), *camera.picture(2))
        async with await first as early, session.get(url) as late:
            heads = [await answer.content.readexactly(5000) for answer in (early, late)]
            assert heads[0] == heads[1]
            assert LoopStore.shared.get(camera.spec).units[0].data[1000:1200] in heads[0]
    assert len(camera.ever_claimed) == 1


async def test_rtp_info_and_sender_reports_fit_the_first_packets(relay, make_camera, device, rtsp):
    camera = await make_camera(pace=0)
    async with rtsp:
        described = asyncio.create_task(rtsp.ask("DESCRIBE", f"/live/{device}/0/main"))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0), *camera.picture(1))
        status, headers, sdp = await described
        assert status == 200
        assert [line for line in sdp.splitlines() if line.startswith("m=")] == [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/AVP 8",
        ]
        for track in (0, 1):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            assert (await rtsp.ask("SETUP", f"/live/{device}/0/main/trackID={track}", Transport=transport))[
                0
            ] == 200
        status, headers, _ = await rtsp.ask("PLAY", f"/live/{device}/0/main")
        assert status == 200
        info = dict(headers)["RTP-Info"].split(",")
        first = {}
        reports = {}
        while len(first) < 2:
            channel, data = await rtsp.packet()
            target = reports if channel % 2 else first
            target.setdefault(channel // 2, data)
        assert set(reports) == {0, 1}  # both came before the first packets did
        for track, entry in enumerate(info):
            fields = dict(part.split("=", 1) for part in entry.split(";"))
            assert fields["url"].endswith(f"/trackID={track}")
            assert int(fields["seq"]) == int.from_bytes(first[track][2:4])
            assert int(fields["rtptime"]) == int.from_bytes(first[track][4:8])
            assert reports[track][1] == 200
            assert reports[track][4:8] == first[track][8:12]  # the same SSRC


async def test_a_paused_rtsp_viewer_is_sent_nothing_and_can_go_on(relay, make_camera, device, rtsp):
    camera = await make_camera(pace=0)
    path = f"/live/{device}/0/main"
    async with rtsp:
        described = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        await described
        await rtsp.ask("SETUP", f"{path}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert (await rtsp.ask("PLAY", path))[0] == 200
        channel, _ = await rtsp.packet()
        assert channel == 1  # the sender report before the keyframe
        assert (await rtsp.ask("PAUSE", path))[0] == 200
        hub = next(iter(relay.service.relay.streams.running.values())).hub
        assert hub.viewers == 0
        assert (await rtsp.ask("PLAY", path))[0] == 200
        assert hub.viewers == 1
        assert (await rtsp.packet())[0] == 1
        assert (await rtsp.ask("TEARDOWN", path))[0] == 200
        assert hub.viewers == 0


async def test_a_change_of_resolution_reaches_those_who_can_follow(relay, make_camera, device, specs):
    from dataclasses import replace

    camera = await make_camera(pace=0)
    wide = LoopStore.shared.get(replace(specs["h264"], width=640)).units[0].data
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        connecting = asyncio.create_task(session.ws_connect(f"{relay.ws}/ws/{device}/0/main"))
        file = asyncio.create_task(session.get(f"{relay.http}/live/{device}/0/main.mp4"))
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        async with await connecting as viewer, await file as answer:
            assert json.loads((await viewer.receive()).data)["width"] == 320
            await answer.content.readexactly(1000)
            await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, 90_000, wide, Flag.KEYFRAME))
            while (
                message := await viewer.receive()
            ).type is not aiohttp.WSMsgType.TEXT or "open" not in message.data:
                pass
            assert json.loads(message.data)["width"] == 640
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.content.read()  # a file cannot change: its reader has to come again


# --- slow viewers


async def test_a_stalled_viewer_is_skipped_then_dropped_and_disturbs_nobody(
    relay_settings, run_relay, make_camera, device, watch, eventually
):
    camera = await make_camera(pace=0)
    big = Flag.KEYFRAME, LoopStore.shared.get(camera.spec).units[0].data
    settings = relay_settings(
        relay_queue_bytes=256 * 1024,
        relay_gop_bytes=128 * 1024,
        relay_hard_bytes=1024 * 1024,
        relay_send_buffer_bytes=64 * 1024,
        relay_stall_s=4.0,
    )
    async with run_relay(settings) as relay, asyncio.timeout(60):
        port = relay.service.relay.http_port
        request = f"GET /live/{device}/0/main.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        stalled = socket.socket()
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        stalled.connect(("127.0.0.1", port))
        stalled.sendall(request)  # and never reads
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0))
        await reader.readuntil(b"FLV")
        stream = next(iter(relay.service.relay.streams.running.values()))
        await eventually(lambda: stream.hub.viewers == 2)
        sent = 0

        async def read_all():
            nonlocal sent
            while data := await reader.read(1 << 16):
                sent += len(data)

        reading = asyncio.create_task(read_all())
        skips = 'cambus_relay_viewer_skips_total{output="http-flv"}'
        index = 0
        filler = big[1] + b"\x55" * 20_000
        while relay.metric(skips) < 1:
            index += 1
            await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, index * 3600, filler, big[0]))
            published = index * len(filler)
            await eventually(lambda wanted=published: sent > wanted)  # the other one has it all, at once
        dropped = 'cambus_relay_viewers_closed_total{output="http-flv",reason="stalled"}'
        await eventually(lambda: relay.metric(dropped) == 1)
        assert stream.hub.viewers == 1
        index += 1
        before = sent
        await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, index * 3600, big[1], big[0]))
        await eventually(lambda: sent > before)
        stalled.close()
        reading.cancel()
        writer.close()
        await asyncio.gather(reading, writer.wait_closed(), return_exceptions=True)


# --- claims


async def test_one_claim_serves_every_viewer_and_is_released_after_the_last(
    relay, make_camera, device, watch
):
    camera = await make_camera()
    await asyncio.gather(
        watch(f"{relay.http}/live/{device}/0/main.flv", pictures=10),
        watch(f"{relay.http}/live/{device}/0/main.mp4", pictures=10),
        watch(f"{relay.rtsp}/live/{device}/0/main", pictures=10, options={"rtsp_transport": "tcp"}),
    )
    assert len(camera.ever_claimed) == 1
    await camera.until(lambda: not camera.claims)
    assert not relay.service.relay.streams.users


async def test_claims_are_released_when_the_relay_stops(relay_settings, run_relay, make_camera, device):
    camera = await make_camera()
    async with aiohttp.ClientSession() as session:
        async with run_relay(relay_settings(relay_linger_s=600)) as relay:
            answer = await session.get(f"{relay.http}/live/{device}/0/main.flv")
            await answer.content.readexactly(100)
            assert camera.claims
        assert not camera.claims
        answer.close()


async def test_viewers_stay_while_a_device_is_away_and_go_on_when_it_is_back(
    relay, make_camera, device, eventually
):
    camera = await make_camera()
    url = f"{relay.http}/live/{device}/0/main.flv"
    async with asyncio.timeout(30), aiohttp.ClientSession() as session, session.get(url) as answer:
        await answer.content.readexactly(1000)
        await camera.go_offline()
        stream = next(iter(relay.service.relay.streams.running.values()))
        stream.wake()  # the next renewal finds that nobody holds the device
        await eventually(lambda: stream._trouble is not None)
        status, _, _ = await fetch(url)
        assert status == 503  # what is cached is of the past
        await camera.go_online()
        await camera.until(lambda: camera.claims)
        await answer.content.readexactly(20_000)


async def test_viewers_of_a_source_that_is_lost_are_sent_away(
    relay_settings, run_relay, make_camera, device, eventually
):
    camera = await make_camera(pace=0)
    async with run_relay(relay_settings(relay_source_lost_s=1.0)) as relay:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            asking = asyncio.create_task(session.get(f"{relay.http}/live/{device}/0/main.flv"))
            await camera.until(lambda: camera.claims)
            await camera.publish(*camera.picture(0))
            async with await asking as answer:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await answer.content.read()
        reason = 'cambus_relay_viewers_closed_total{output="http-flv",reason="source-lost"}'
        await eventually(lambda: relay.metric(reason) == 1)


async def test_the_end_of_a_playback_ends_its_viewers(relay, make_camera, device, eventually):
    camera = await make_camera(pace=0)
    subject = f"cambus.v1.media.{device}.0.s-play1"
    from cambus.media.frame import encode_frame

    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        asking = asyncio.create_task(session.get(f"{relay.http}/live/{device}/0/s-play1.flv"))
        await eventually(lambda: relay.service.relay.streams.running)
        await relay.runtime.bus.flush()
        frames = [*camera.picture(0), *camera.picture(1)]
        frames.append(camera.frame(Kind.DATA, camera.spec.codec, 7200, b"", Flag.END))
        for frame in frames[:-1]:
            await camera.bus.publish(subject, *encode_frame(frame, 1 << 20))
        async with await asking as answer:
            begin = await answer.content.readexactly(1000)
            await camera.bus.publish(subject, *encode_frame(frames[-1], 1 << 20))
            whole = (
                begin + await answer.content.read()
            )  # to a proper end: aiohttp would complain of any other
    assert camera.picture(1)[0].payload[-50:] in whole
    assert not camera.ever_claimed
    reason = 'cambus_relay_viewers_closed_total{output="http-flv",reason="ended"}'
    await eventually(lambda: relay.metric(reason) == 1)


async def test_a_silent_rtsp_client_that_does_not_play_is_closed(
    relay, make_camera, device, rtsp, eventually
):
    camera = await make_camera()
    relay.service.relay._rtsp.session_timeout_s = 0.2
    async with rtsp:
        assert (await rtsp.ask("DESCRIBE", f"/{device}/0/main"))[0] == 200
        assert camera.claims
        async with asyncio.timeout(20):
            assert await rtsp.reader.read() == b""
    await camera.until(lambda: not camera.claims)


async def test_an_rtsp_viewer_that_plays_need_not_say_anything(relay, make_camera, device, rtsp):
    await make_camera()
    relay.service.relay._rtsp.session_timeout_s = 0.2
    path = f"/{device}/0/main"
    async with rtsp:
        await rtsp.ask("DESCRIBE", path)
        await rtsp.ask("SETUP", f"{path}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert (await rtsp.ask("PLAY", path))[0] == 200
        seen = set()
        while len(seen) < 60:  # more than a second of pictures, at twice the pace
            channel, packet = await rtsp.packet()
            if channel == 0:
                seen.add(packet[4:8])
            relay.service.relay.check()
        assert (await rtsp.ask("TEARDOWN", path))[0] == 200
