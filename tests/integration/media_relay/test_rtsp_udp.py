"""RTP over UDP: what FFmpeg makes of it, and what goes over the wire."""

import asyncio
import socket
import struct
import sys

import pytest
from rtsp_by_hand import Rtsp, udp_tracks

from cambus.media.frame import Flag, Kind
from cambus.media.rtcp import bye
from cambus.media_relay.viewer import Closed
from cambus.simulators.video_loop import LoopStore

UDP = {"rtsp_transport": "udp"}
VIDEO, AUDIO = 0, 1
SENDER_REPORT, BYE = 200, 203


@pytest.fixture
def rtsp(relay):
    return Rtsp(relay.service.relay.rtsp_port)


@pytest.fixture
async def tracks():
    async with udp_tracks(2) as tracks:
        yield tracks


async def play(rtsp, path, tracks, camera=None):
    """Set up and play over UDP; the reply to PLAY and the transports of the server."""
    describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
    if camera is not None:  # one that publishes only what it is told to
        await camera.until(lambda: camera.claims)
        await camera.publish(*camera.picture(0), *camera.picture(1))
    assert (await describing)[0] == 200
    transports = []
    for number, track in enumerate(tracks):
        status, headers, _ = await rtsp.ask("SETUP", f"{path}/trackID={number}", Transport=track.offer)
        assert status == 200
        transports.append(dict(part.partition("=")[::2] for part in dict(headers)["Transport"].split(";")))
    reply = await rtsp.ask("PLAY", path)
    assert reply[0] == 200
    return reply, transports


def connections_of(relay):
    return tuple(relay.service.relay._rtsp._connections)


# --- players


@pytest.mark.parametrize(
    ("codec", "query", "sound"),
    [
        ("h264", "", "pcm_alaw"),
        ("hevc", "", "pcm_alaw"),
        ("h264", "?audio=aac", "aac"),
        ("hevc", "?audio=opus", "opus"),
    ],
)
async def test_ffmpeg_plays_picture_and_sound(codec, query, sound, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")])
    watched = await watch(f"{relay.rtsp}/{device}/0/main{query}", options=UDP, within_s=1.0)
    assert watched.codecs == {"video": codec, "audio": sound}
    assert watched.size == (320, 240)
    assert watched.keyframe_first
    assert watched.pictures == sorted(set(watched.pictures))
    assert watched.loudest > 1000
    assert abs(watched.pictures[-1] - watched.sounds[-1]) < 1


async def test_whoever_prefers_udp_and_takes_tcp_gets_tcp_where_udp_is_off(
    relay_settings, run_relay, make_camera, device, watch
):
    await make_camera()
    async with run_relay(relay_settings(relay_rtsp_udp=False)) as relay:
        rtsp = Rtsp(relay.service.relay.rtsp_port)
        async with rtsp, udp_tracks(1) as (track,):
            path = f"/{device}/0/main"
            assert (await rtsp.ask("DESCRIBE", path))[0] == 200
            assert (await rtsp.ask("SETUP", f"{path}/trackID=0", Transport=track.offer))[0] == 461
            both = f"{track.offer},RTP/AVP/TCP;unicast;interleaved=0-1"
            status, headers, _ = await rtsp.ask("SETUP", f"{path}/trackID=0", Transport=both)
            assert (status, "interleaved=0-1" in dict(headers)["Transport"]) == (200, True)
        watched = await watch(f"{relay.rtsp}/{device}/0/main")  # FFmpeg asks for UDP, then for TCP
        assert len(watched.pictures) >= 30


# --- on the wire


async def test_the_answers_name_one_pair_of_ports_and_the_media_comes_from_it(
    relay, make_camera, device, rtsp, tracks
):
    camera = await make_camera(pace=0)
    rtp_port, rtcp_port = relay.service.relay.rtp_ports
    async with rtsp:
        (_, headers, _), transports = await play(rtsp, f"/{device}/0/main", tracks, camera)
        for track, transport in zip(tracks, transports, strict=True):
            assert transport["client_port"] == "{}-{}".format(*track.ports)
            assert transport["server_port"] == f"{rtp_port}-{rtcp_port}"
            assert "source" not in transport
        infos = [
            dict(part.split("=", 1) for part in each.split(";"))
            for each in dict(headers)["RTP-Info"].split(",")
        ]
        for track, info in zip(tracks, infos, strict=True):
            report, sender = await track.rtcp()
            assert (report[1], sender[1]) == (SENDER_REPORT, rtcp_port)
            packet, sender = await track.rtp()
            assert sender[1] == rtp_port
            assert int.from_bytes(packet[2:4]) == int(info["seq"])
            assert int.from_bytes(packet[4:8]) == int(info["rtptime"])
            assert report[4:8] == packet[8:12]


async def test_packets_fit_the_path_and_none_is_missing(relay, make_camera, device, rtsp, tracks):
    camera = await make_camera(pace=0)
    filler = LoopStore.shared.get(camera.spec).units[0].data + b"\x55" * 150_000
    async with rtsp:
        await play(rtsp, f"/{device}/0/main", tracks[:1], camera)
        await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, 90_000, filler, Flag.KEYFRAME))
        numbers, ends = [], 0
        while ends < 3:  # two small pictures and this one
            packet, _ = await tracks[VIDEO].rtp()
            assert len(packet) <= 1400
            ends += packet[1] >> 7
            numbers.append(int.from_bytes(packet[2:4]))
            print(len(numbers), (numbers[-1] - numbers[0]) % 65536, packet[13])
        assert numbers == [(numbers[0] + each) % 65536 for each in range(len(numbers))]
        assert len(numbers) > 150_000 / 1400


async def test_a_cached_megabyte_is_sent_no_faster_than_a_socket_can_take_it(
    relay, make_camera, device, rtsp, tracks, eventually
):
    camera = await make_camera(pace=0)
    unit = LoopStore.shared.get(camera.spec).units[0].data
    pictures = [unit + bytes([0x55 + each]) * 150_000 for each in range(8)]
    path = f"/{device}/0/main"
    async with rtsp:
        describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        await camera.until(lambda: camera.claims)
        for number, picture in enumerate(pictures):
            flag = Flag.NONE if number else Flag.KEYFRAME
            await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, number * 3600, picture, flag))
        assert (await describing)[0] == 200
        streams = relay.service.relay.streams.running.values()
        await eventually(lambda: all(stream.hub.gop_bytes > 1_200_000 for stream in streams))
        track = tracks[VIDEO]
        assert (await rtsp.ask("SETUP", f"{path}/trackID=0", Transport=track.offer))[0] == 200
        assert (await rtsp.ask("PLAY", path))[0] == 200
        numbers, ends = [], 0
        while ends < len(pictures):  # this test and the relay take turns: it reads all there is
            packet, _ = await track.rtp()
            ends += packet[1] >> 7
            numbers.append(int.from_bytes(packet[2:4]))
        assert len(numbers) > 8 * 150_000 / 1400
        assert numbers == [(numbers[0] + each) % 65536 for each in range(len(numbers))]


async def test_an_advertised_address_is_named_as_the_source(
    relay_settings, run_relay, make_camera, device, tracks
):
    camera = await make_camera(pace=0)
    async with run_relay(relay_settings(relay_advertised_host="192.0.2.7")) as relay:
        rtsp = Rtsp(relay.service.relay.rtsp_port)
        async with rtsp:
            _, transports = await play(rtsp, f"/{device}/0/main", tracks, camera)
            assert {transport["source"] for transport in transports} == {"192.0.2.7"}


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 is the loopback on Linux only")
async def test_bound_to_all_addresses_it_answers_from_the_one_the_client_came_to(
    relay_settings, run_relay, make_camera, device
):
    camera = await make_camera(pace=0)
    settings = relay_settings(relay_host="0.0.0.0", relay_access="open")
    async with (
        run_relay(settings) as relay,
        udp_tracks(1, "127.0.0.3") as (track,),
        Rtsp(relay.service.relay.rtsp_port, "127.0.0.2", local="127.0.0.3") as rtsp,
    ):
        await play(rtsp, f"/{device}/0/main", [track], camera)
        rtp_port, rtcp_port = relay.service.relay.rtp_ports
        assert (await track.rtp())[1] == ("127.0.0.2", rtp_port)
        assert (await track.rtcp())[1] == ("127.0.0.2", rtcp_port)


async def test_it_is_served_over_ipv6(relay_settings, run_relay, make_camera, device, watch):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    await make_camera()
    async with run_relay(relay_settings(relay_host="::1")) as relay:
        url = f"rtsp://[::1]:{relay.service.relay.rtsp_port}/{device}/0/main"
        assert len((await watch(url, options=UDP, pictures=5)).pictures) >= 5


async def test_who_is_sent_more_than_his_rate_skips_to_keyframes_and_stays(
    relay_settings, run_relay, make_camera, device, tracks
):
    camera = await make_camera(pace=0)
    unit = LoopStore.shared.get(camera.spec).units[0].data
    settings = relay_settings(relay_udp_mbit_s=1, relay_queue_bytes=64 * 1024)
    async with run_relay(settings) as relay, Rtsp(relay.service.relay.rtsp_port) as rtsp:
        await play(rtsp, f"/{device}/0/main", tracks[:1], camera)
        skips = 'cambus_relay_viewer_skips_total{output="rtsp-udp"}'
        index = 0
        while relay.metric(skips) < 2 and index < 1000:
            index += 1
            picture = unit + b"\x55" * 20_000
            flag = Flag.NONE if index % 20 else Flag.KEYFRAME
            await camera.publish(camera.frame(Kind.VIDEO, camera.spec.codec, index * 3600, picture, flag))
            await camera.bus.flush()
            stamp = (await tracks[VIDEO].rtp())[0][4:8]
            assert stamp
        assert relay.metric(skips) >= 2
        assert relay.metric('cambus_relay_viewers{output="rtsp-udp"}') == 1


async def test_a_fixed_port_is_served(relay_settings, run_relay, make_camera, device, watch):
    await make_camera()
    for attempt in range(10):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1] & ~1
        try:
            async with run_relay(relay_settings(relay_rtp_port=port)) as relay:
                assert relay.service.relay.rtp_ports == (port, port + 1)
                watched = await watch(f"{relay.rtsp}/{device}/0/main", options=UDP, pictures=5)
                assert len(watched.pictures) >= 5
                return
        except OSError:  # somebody else was faster
            assert attempt < 9


# --- sessions


async def test_a_paused_viewer_is_sent_nothing_and_goes_on_with_a_keyframe(
    relay, make_camera, device, rtsp, tracks
):
    camera = await make_camera(pace=0)
    path = f"/{device}/0/main"
    async with rtsp:
        await play(rtsp, path, tracks, camera)
        hub = next(iter(relay.service.relay.streams.running.values())).hub
        assert hub.viewers == 1
        assert relay.metric('cambus_relay_viewers{output="rtsp-udp"}') == 1
        assert (await rtsp.ask("PAUSE", path))[0] == 200
        assert hub.viewers == 0
        assert (await rtsp.ask("PLAY", path))[0] == 200
        assert hub.viewers == 1
        await tracks[VIDEO].rtcp()
        assert (await tracks[VIDEO].rtcp())[0][1] == SENDER_REPORT  # a second one: the group begins again
        assert (await rtsp.ask("TEARDOWN", path))[0] == 200
        assert hub.viewers == 0
        assert (await rtsp.ask("OPTIONS", "*", Session=""))[0] == 200  # the connection goes on
    assert relay.metric('cambus_relay_viewers_closed_total{output="rtsp-udp",reason="left"}') == 2


async def test_receiver_reports_keep_a_session_and_only_its_own(
    relay, make_camera, device, rtsp, tracks, eventually
):
    camera = await make_camera(pace=0)
    rtcp_port = relay.service.relay.rtp_ports[1]
    report = bye(1)  # as good as any: it is RTCP
    async with rtsp, udp_tracks(1) as (stranger,):
        await play(rtsp, f"/{device}/0/main", tracks, camera)
        core = connections_of(relay)[0]._rtsp
        before = core.next_timeout()
        heard = []
        core.heard = heard.append
        stranger.report(report, rtcp_port)
        tracks[AUDIO].report(b"\x00" * 20, rtcp_port)  # no RTCP
        tracks[AUDIO].report(report, rtcp_port)
        await eventually(lambda: heard)
        del core.heard
        assert len(heard) == 1
        core.heard(heard[0])
        assert core.next_timeout() > before


async def test_whoever_hangs_up_is_sent_nothing_more(relay, make_camera, device, rtsp, tracks, eventually):
    camera = await make_camera(pace=0)
    async with rtsp:
        await play(rtsp, f"/{device}/0/main", tracks, camera)
        rtsp.writer.write_eof()  # all that is to be seen of a player that was killed
        hub = next(iter(relay.service.relay.streams.running.values())).hub
        await eventually(lambda: hub.viewers == 0)
    await eventually(lambda: not connections_of(relay))
    assert relay.metric('cambus_relay_viewers_closed_total{output="rtsp-udp",reason="left"}') == 1


async def test_losses_that_receivers_report_are_counted_once(
    relay, make_camera, device, rtsp, tracks, eventually
):
    camera = await make_camera(pace=0)
    rtcp_port = relay.service.relay.rtp_ports[1]

    def report(ssrc, lost):  # RFC 3550 §6.4.2
        return struct.pack(">BBHIII", 0x81, 201, 7, 1, ssrc, lost) + bytes(16)

    async with rtsp:
        await play(rtsp, f"/{device}/0/main", tracks, camera)
        ssrc = int.from_bytes((await tracks[VIDEO].rtcp())[0][4:8])
        for lost in (3, 3, 10, 0xFFFFFF, 9):
            tracks[VIDEO].report(report(ssrc, lost), rtcp_port)
        tracks[VIDEO].report(report(ssrc ^ 1, 1000), rtcp_port)
        tracks[VIDEO].report(report(ssrc, 12), rtcp_port)
        await eventually(lambda: relay.metric("cambus_relay_udp_lost_packets_total") == 12)


async def test_a_client_that_is_silent_is_given_up_and_told_so(
    relay, make_camera, device, tracks, eventually
):
    camera = await make_camera(pace=0)
    server = relay.service.relay._rtsp
    server.session_timeout_s = 1.0
    rtsp = Rtsp(relay.service.relay.rtsp_port)
    async with rtsp:
        await play(rtsp, f"/{device}/0/main", tracks, camera)
        assert await rtsp.reader.read() == b""  # closed
        kinds = set()
        while BYE not in kinds:
            data, _ = await tracks[VIDEO].rtcp()
            kinds |= set(rtcp_kinds(data))
    await eventually(
        lambda: relay.metric('cambus_relay_viewers_closed_total{output="rtsp-udp",reason="silent"}') == 1
    )
    assert not relay.service.relay.streams.users


def rtcp_kinds(data):
    """The packet types of a compound packet (RFC 3550 §6.1)."""
    at = 0
    while at < len(data):
        yield data[at + 1]
        at += 4 * (int.from_bytes(data[at + 2 : at + 4]) + 1)


@pytest.mark.parametrize("carrier", ["tcp", "udp"])
async def test_the_end_of_a_playback_is_said_by_a_bye_of_each_track(
    carrier, relay, make_camera, device, rtsp, tracks, eventually
):
    camera = await make_camera(pace=0)
    subject = f"cambus.v1.media.{device}.0.s-play1"

    async def publish(*frames):
        from cambus.media.frame import encode_frame

        for frame in frames:
            for message in encode_frame(frame, camera.bus.max_payload):
                await camera.bus.publish(subject, message)

    path = f"/{device}/0/s-play1"
    async with rtsp, asyncio.timeout(30):
        describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        streams = relay.service.relay.streams.running
        while not describing.done():
            await publish(*camera.picture(0))
            await asyncio.wait({describing}, timeout=0.1)
        assert describing.result()[0] == 200
        for number, track in enumerate(tracks):
            interleaved = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
            transport = track.offer if carrier == "udp" else interleaved
            assert (await rtsp.ask("SETUP", f"{path}/trackID={number}", Transport=transport))[0] == 200
        assert (await rtsp.ask("PLAY", path))[0] == 200
        assert streams
        unit = LoopStore.shared.get(camera.spec).unit(1)
        last = camera.frame(Kind.VIDEO, camera.spec.codec, 180_000, unit.data, Flag.END)
        await publish(last)
        for number, track in enumerate(tracks):
            channel, kinds = -1, []
            while BYE not in kinds:
                if carrier == "udp":
                    channel, data = 2 * number + 1, (await track.rtcp())[0]
                else:
                    channel, data = await rtsp.packet()
                kinds = list(rtcp_kinds(data)) if channel % 2 else []
            assert (channel, kinds) == (2 * number + 1, [SENDER_REPORT, 202, BYE])
        assert await rtsp.reader.read() == b""
    output = "rtsp-udp" if carrier == "udp" else "rtsp"
    reason = f'cambus_relay_viewers_closed_total{{output="{output}",reason="{Closed.ENDED}"}}'
    await eventually(lambda: relay.metric(reason) == 1)
