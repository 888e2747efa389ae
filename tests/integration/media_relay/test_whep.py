"""Pictures and sound by WebRTC, watched by aiortc's own peer connection."""

import asyncio
import re
import socket
from dataclasses import replace

from aiortc import RTCSessionDescription
from ports import free_port
from whep_player import SDP, sessions

from cambus.media.frame import Flag, Kind
from cambus.simulators.video_loop import LoopStore


async def test_a_picture_and_g711_sound_play(relay, make_camera, device, player):
    await make_camera(pace=1.0)
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        pictures = await viewer.frames("video", 20)
        assert (pictures[0].width, pictures[0].height) == (320, 240)
        times = [each.pts for each in pictures]
        assert times == sorted(set(times))
        sounds = await viewer.frames("audio", 10)
        assert max(abs(each.to_ndarray().astype(int)).max() for each in sounds) > 1000
        assert relay.metric('cambus_relay_viewers{output="webrtc"}') == 1


async def test_sound_is_sent_as_opus_where_that_is_asked_for(relay, make_camera, device, player):
    await make_camera(pace=1.0)
    async with player(f"{relay.http}/whep/{device}/0/main?audio=opus") as viewer:
        await viewer.play()
        assert "opus/48000/2" in viewer.answer
        assert "PCMA" not in viewer.answer
        sounds = await viewer.frames("audio", 30)
        assert sounds[0].sample_rate == 48_000
        assert max(abs(each.to_ndarray().astype(int)).max() for each in sounds) > 1000


async def test_a_viewer_who_comes_late_sees_the_cached_group_at_once(relay, make_camera, device, player):
    camera = await make_camera(pace=0)
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        playing = asyncio.create_task(viewer.play())
        await camera.until(lambda: camera.claims)
        for index in range(20):
            await camera.publish(*camera.picture(index))
        await playing
        await viewer.frames("video", 10)  # and nothing more has been sent by the camera
        wire = next(iter(sessions(relay).values())).wire
        assert wire._lanes[0].packets >= 20
        assert wire._lanes[2].packets <= 1  # the group's own sound is of the past


async def test_a_viewer_who_closes_his_side_is_gone_at_once(relay, make_camera, device, player, eventually):
    camera = await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 2)
    await eventually(lambda: not sessions(relay))
    await camera.until(lambda: not camera.claims)  # the linger is over, the device is let go


async def test_two_viewers_share_the_stream_and_the_port(relay, make_camera, device, player):
    camera = await make_camera()
    url = f"{relay.http}/whep/{device}/0/main"
    async with player(url) as one, player(url) as other:
        await asyncio.gather(one.play(), other.play(audio=False))
        await asyncio.gather(one.frames("video", 5), other.frames("video", 5))
        assert set(other.tracks) == {"video"}
        assert len(camera.ever_claimed) == 1
        hosts = {line for each in (one, other) for line in each.answer.splitlines() if "candidate" in line}
        assert {line.split()[5] for line in hosts if " typ " in line} == {
            str(relay.service.relay.webrtc_port)
        }


async def test_who_lost_the_picture_gets_a_keyframe_from_the_device(relay, make_camera, device, player):
    camera = await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 2)
        receiver = next(each.receiver for each in viewer.peer.getTransceivers() if each.kind == "video")
        ssrc = int(viewer.answer.split("a=ssrc:")[1].split()[0])
        for _ in range(5):
            await receiver._send_rtcp_pli(ssrc)
        await camera.until(lambda: camera.keyframes_asked)
        await viewer.frames("video", 5)
        assert camera.keyframes_asked == 1


async def test_lost_packets_are_sent_again(relay, make_camera, device, player, monkeypatch):
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 5)
        session = next(iter(sessions(relay).values()))
        wire = session.wire
        transmit = wire._transmit
        count = 0

        def lossy(datagrams):
            nonlocal count
            for datagram in datagrams:
                count += 1
                if count % 20:
                    transmit([datagram])

        wire._transmit = lossy
        await viewer.frames("video", 60)
        assert wire.resent


async def test_a_change_of_resolution_goes_on(relay, make_camera, device, player, specs):

    camera = await make_camera(pace=0)
    wide = LoopStore.shared.get(replace(specs["h264"], width=640)).units[0].data
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        playing = asyncio.create_task(viewer.play())
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0), *camera.picture(1))
        await playing
        assert (await viewer.frames("video", 1))[0].width == 320
        for index in range(30, 34):
            await camera.publish(
                camera.frame(Kind.VIDEO, camera.spec.codec, index * 3600, wide, Flag.KEYFRAME)
            )
        widths = set()
        while 640 not in widths:
            widths |= {each.width for each in await viewer.frames("video", 1)}


async def test_the_end_of_a_source_ends_its_viewers(relay, make_camera, device, player, eventually):
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 2)
        next(iter(relay.service.relay.streams.running.values())).hub.close("source-lost")
        await viewer.ended()
        await eventually(lambda: not sessions(relay))
    assert relay.metric('cambus_relay_viewers_closed_total{output="webrtc",reason="source-lost"}') == 1


async def test_a_viewer_who_vanishes_is_forgotten(
    relay, make_camera, device, player, eventually, monkeypatch
):
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr("aioice.ice.CONSENT_FAILURES", 2)
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 2)
        transport = viewer.peer.getTransceivers()[0].receiver.transport.transport
        transport._connection._query_consent_task.cancel()
        for protocol in transport._connection._protocols:
            protocol.request_received = protocol.datagram_received = lambda *_: None  # deaf and dumb
        await eventually(lambda: not sessions(relay))
        assert relay.metric('cambus_relay_viewers{output="webrtc"}') == 0


async def test_who_is_not_the_one_who_made_the_offer_gets_nothing(
    relay, make_camera, device, player, http, eventually
):
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        offer = await viewer.offer()
        for algorithm in ("256", "384", "512"):
            start = offer.index(f"sha-{algorithm} ") + 8
            offer = offer.replace(offer[start : start + 5], "00:00")
        async with http.post(viewer.url, data=offer, headers=SDP) as answer:
            assert answer.status == 201
            viewer.answer = await answer.text()
        await viewer.peer.setRemoteDescription(RTCSessionDescription(viewer.answer, "answer"))
        await eventually(lambda: relay.metric('cambus_relay_webrtc_sessions_total{outcome="failed"}') == 1)
        assert relay.metric('cambus_relay_sent_bytes_total{output="webrtc"}') == 0


async def test_viewers_who_come_and_go_leave_nothing(relay, make_camera, device, player, eventually):
    await make_camera()
    url = f"{relay.http}/whep/{device}/0/main"

    async def watch_a_little() -> None:
        async with player(url) as viewer:
            await viewer.play()
            await viewer.frames("video", 2)

    def tasks_of_webrtc() -> list[str]:
        files = [task.get_coro().cr_code.co_filename for task in asyncio.all_tasks()]
        return [each for each in files if re.search(r"aiortc|aioice|/rtc_", each)]

    for _ in range(3):
        await asyncio.gather(*(watch_a_little() for _ in range(4)))
    await eventually(lambda: not relay.service.relay.streams.running)
    port = relay.service.relay.webrtc._ports.sockets[0]
    assert (port._paths, port._peers) == ({}, {})
    assert relay.service.relay.webrtc._pacer._waiting == {}
    assert relay.service.relay.streams.users == 0
    await eventually(lambda: not tasks_of_webrtc())


async def test_a_relay_that_stops_ends_its_sessions(relay_settings, run_relay, make_camera, device, player):
    await make_camera()
    async with run_relay(relay_settings()) as relay:
        viewer = player(f"{relay.http}/whep/{device}/0/main")
        async with viewer as watching:
            await watching.play()
            await watching.frames("video", 2)
            await relay.service.relay.webrtc.stop()
            await watching.ended()
            assert not sessions(relay)


async def test_h265_plays_where_the_player_offers_it(
    relay, make_camera, specs, device, player, http, watch, monkeypatch, tmp_path
):
    """aiortc opens the session and decrypts, FFmpeg puts the pictures together and decodes them."""
    await make_camera(specs["h265"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forwarder:
        forwarder.bind(("127.0.0.1", 0))
        port = free_port()

        async def forward(transport: object, data: bytes, arrival_time_ms: int) -> None:
            forwarder.sendto(data, ("127.0.0.1", port))

        monkeypatch.setattr("aiortc.rtcdtlstransport.RTCDtlsTransport._handle_rtp_data", forward)
        async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
            offer = (await viewer.offer(audio=False)).replace("H264/90000", "H265/90000")
            async with http.post(viewer.url, data=offer, headers=SDP) as reply:
                assert reply.status == 201
                answer = await reply.text()
            (kind,) = re.findall(r"a=rtpmap:(\d+) H265/90000", answer)
            description = tmp_path / "h265.sdp"
            description.write_text(
                f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
                f"m=video {port} RTP/AVP {kind}\na=rtpmap:{kind} H265/90000\n"
            )
            answer = answer.replace("H265/90000", "H264/90000")  # aiortc knows no other name
            await viewer.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            watched = await watch(
                str(description), container="sdp", options={"protocol_whitelist": "file,udp,rtp"}, pictures=10
            )
    assert watched.codecs == {"video": "hevc"}
    assert watched.size == (320, 240)
    assert watched.keyframe_first
