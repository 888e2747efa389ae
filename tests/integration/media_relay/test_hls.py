"""HLS: played by FFmpeg; reloads that wait, sessions that keep a stream up, errors, by raw HTTP."""

import asyncio
import io
import re
from contextlib import asynccontextmanager

import aiohttp
import pytest
from camera import H264

from cambus.bus.assets import ensure_assets
from cambus.media_relay import http_hls
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Empty
from cambus.simulators.video_loop import VideoSpec


class Player:
    """A player of our own: opens a stream and asks for what is in the playlists."""

    def __init__(self, http, base):
        self._http = http
        self._base = base
        self.media = ""

    async def get(self, path, **query):
        async with self._http.get(f"{self._base}/{path}", params=query) as response:
            return response.status, await response.read()

    async def text(self, path, **query):
        status, body = await self.get(path, **query)
        assert status == 200, body
        return body.decode()

    async def open(self):
        master = await self.text("index.m3u8")
        self.media = master.split()[-1].rpartition("/")[0]
        return master

    async def playlist(self, **query):
        return await self.text(f"{self.media}/live.m3u8", **query)


@pytest.fixture
async def player(relay, device):
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        yield Player(http, f"{relay.http}/hls/{device}/0/main")


def last_segment(playlist):
    return int(re.findall(r"^segment-(\d+)\.m4s$", playlist, re.MULTILINE)[-1])


def hinted(playlist):
    return re.search(r'EXT-X-PRELOAD-HINT:TYPE=PART,URI="(part-\d+\.m4s)"', playlist)[1]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_hls_is_played_by_ffmpeg(codec, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")], pace=1.0)  # FFmpeg reloads by the clock
    watched = await watch(f"{relay.http}/hls/{device}/0/main/index.m3u8", pictures=150)
    assert watched.codecs == {"video": codec, "audio": "aac"}
    assert watched.loudest > 1000
    assert (
        abs(watched.pictures[-1] - watched.sounds[-1]) < 4
    )  # sound that is transcoded late is in a later part
    assert watched.size == (320, 240)
    assert watched.keyframe_first
    assert len(watched.pictures) >= 150
    steps = {after - before for before, after in zip(watched.pictures, watched.pictures[1:], strict=False)}
    assert min(steps) > 0
    assert max(steps) < 0.06, "no picture is missing between segments"


async def test_the_sound_can_be_left_out(relay, make_camera, device, watch):
    await make_camera()
    url = f"{relay.http}/hls/{device}/0/main/index.m3u8"
    watched = await watch(f"{url}?audio=none", pictures=60)
    assert watched.codecs == {"video": "h264"}
    async with aiohttp.ClientSession() as http, http.get(f"{url}?audio=flac") as response:
        assert response.status == 400


async def test_parts_are_played_as_they_come(player, make_camera, watch):
    await make_camera()
    await player.open()
    playlist = await player.playlist()
    init = re.search(r'EXT-X-MAP:URI="([^"]+)"', playlist)[1]
    _, media = await player.get(f"{player.media}/{init}")
    parts = 0
    begun = False
    while parts < 12:
        name = hinted(playlist)
        status, part = await player.get(f"{player.media}/{name}")
        assert status == 200
        playlist = await player.playlist()
        begun |= f'"{name}",INDEPENDENT=YES' in playlist
        if begun:
            media += part
            parts += 1
    watched = await watch(io.BytesIO(media), container="mp4", pictures=60)
    assert watched.keyframe_first
    assert watched.pictures == sorted(set(watched.pictures))


LONG = VideoSpec(width=320, height=240, fps=10, bitrate=100_000, gop_s=8, loop_s=8)


@pytest.mark.parametrize(("spec", "seconds"), [(H264, 2), (LONG, 8)], ids=["short", "long"])
async def test_segments_begin_with_keyframes(spec, seconds, player, make_camera, watch):
    camera = await make_camera(spec, pace=seconds / 2)
    camera.cannot = Unsupported("it has a mind of its own")
    await player.open()
    playlist = await player.playlist()
    assert f"#EXT-X-TARGETDURATION:{seconds}\n" in playlist
    assert "#EXT-X-INDEPENDENT-SEGMENTS\n" in playlist
    _, init = await player.get(f"{player.media}/init-0.mp4")
    for _ in range(2):
        status, segment = await player.get(f"{player.media}/segment-{last_segment(playlist)}.m4s")
        assert status == 200
        lasts = float(re.findall(r"EXTINF:([\d.]+)", playlist)[-1])
        assert lasts <= seconds
        watched = await watch(
            io.BytesIO(init + segment), container="mp4", pictures=int(lasts * spec.fps * 0.8)
        )
        assert watched.keyframe_first
        playlist = await player.playlist(_HLS_msn=str(last_segment(playlist) + 1))


async def test_a_keyframe_that_is_long_in_coming_is_asked_for(player, make_camera):
    camera = await make_camera(LONG, pace=8.0)
    await player.open()
    await camera.until(lambda: camera.keyframes_asked)


async def test_a_reload_waits_for_the_segment_or_part_it_names(player, make_camera):
    await make_camera()
    await player.open()
    playlist = await player.playlist()
    wanted = last_segment(playlist) + 2
    playlist = await player.playlist(_HLS_msn=str(wanted))
    assert last_segment(playlist) >= wanted
    playlist = await player.playlist(_HLS_msn=str(last_segment(playlist) + 1), _HLS_part="0")
    assert re.search(r"EXT-X-PART:[^\n]*\n#EXT-X-PRELOAD", playlist)


async def test_a_reload_that_makes_no_sense_is_refused(player, make_camera):
    await make_camera()
    await player.open()
    ahead = last_segment(await player.playlist()) + 10
    for query in ({"_HLS_msn": str(ahead)}, {"_HLS_part": "1"}, {"_HLS_msn": "-1"}, {"_HLS_msn": "x"}):
        status, body = await player.get(f"{player.media}/live.m3u8", **query)
        assert status == 400, body


@pytest.mark.parametrize("name", ["segment-999999.m4s", "part-999999.m4s", "init-7.mp4"])
async def test_what_is_not_there_is_not_found(name, player, make_camera):
    await make_camera()
    await player.open()
    status, body = await player.get(f"{player.media}/{name}")
    assert status == 404
    assert b"no-such-segment" in body


async def test_a_session_is_of_one_stream_and_cannot_be_guessed(player, relay, make_camera, device):
    await make_camera()
    await player.open()
    assert len(player.media) >= 22
    for path in (f"main/{'A' * 22}", f"sub/{player.media}"):
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{relay.http}/hls/{device}/0/{path}/live.m3u8") as response,
        ):
            assert response.status == 404
            assert (await response.json())["reason"] == "no-such-session"


async def test_a_session_keeps_the_stream_up_and_ends_when_nobody_asks(
    relay_settings, run_relay, make_camera, device
):
    camera = await make_camera()
    async with run_relay(relay_settings(relay_hls_session_s=5)) as relay, aiohttp.ClientSession() as http:
        player = Player(http, f"{relay.http}/hls/{device}/0/main")
        await player.open()
        await player.playlist()
        assert relay.metric('cambus_relay_viewers{output="hls"}') == 1
        (listed,) = await relay.runtime.client.broadcast(media_relay.STREAMS_LIST, Empty(), quiet_s=0.3)
        assert listed.streams[0].viewers == {"hls": 1}
        await camera.until(lambda: not camera.claims)  # after five seconds without a request
        status, _ = await player.get(f"{player.media}/live.m3u8")
        assert status == 404
        assert relay.metric('cambus_relay_viewers{output="hls"}') == 0
        assert relay.metric('cambus_relay_viewers_closed_total{output="hls",reason="left"}') == 1
        assert relay.metric('cambus_relay_sent_bytes_total{output="hls"}') == 0


async def test_all_players_share_the_segments(player, relay, make_camera, device):
    camera = await make_camera()
    await player.open()
    first = player.media
    await player.open()
    assert player.media != first
    (stream,) = relay.service.relay.streams.running.values()
    assert [name.name for name in stream.hub.renditions] == ["hls"]
    assert len(camera.ever_claimed) == 1
    name = f"segment-{last_segment(await player.playlist())}.m4s"
    _, one = await player.get(f"{first}/{name}")
    _, other = await player.get(f"{player.media}/{name}")
    assert one == other
    assert relay.metric('cambus_relay_viewers{output="hls"}') == 2
    assert relay.metric('cambus_relay_sent_bytes_total{output="hls"}') == 2 * len(one)
    assert len(one) <= relay.metric("cambus_relay_hls_bytes") <= 32 << 20


async def test_a_device_that_is_not_there(relay, bus, device):
    await ensure_assets(bus)
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{relay.http}/hls/{device}/0/main/index.m3u8") as response,
    ):
        assert response.status == 404
    assert not relay.service.relay.streams.users


async def test_a_reload_from_a_device_that_went_silent_is_told_so(player, make_camera):
    camera = await make_camera()
    await player.open()
    await camera.fall_silent()
    number = int(hinted(await player.playlist())[5:-4])
    for _ in range(3):  # what was on its way
        status, body = await player.get(f"{player.media}/part-{number}.m4s")
        number += status == 200
        if status != 200:
            break
    assert status == 503
    assert b"no-picture" in body


@pytest.mark.parametrize("disk", ["with room", "unusable"])
async def test_segments_are_served_from_a_folder_or_from_memory_all_the_same(
    disk, relay_settings, run_relay, make_camera, device, tmp_path, monkeypatch, eventually
):
    monkeypatch.setattr(http_hls, "_PIECE_BYTES", 1000)  # so that these small segments come in pieces
    folder = tmp_path / "segments"
    if disk == "unusable":
        folder.write_bytes(b"not a folder")
    await make_camera()
    settings = relay_settings(relay_hls_folder=folder)
    async with run_relay(settings) as relay, aiohttp.ClientSession() as http:
        player = Player(http, f"{relay.http}/hls/{device}/0/main")
        await player.open()
        number = last_segment(await player.playlist()) + 1
        playlist = await player.playlist(_HLS_msn=str(number))
        if disk == "unusable":
            await eventually(lambda: relay.metric("cambus_relay_hls_unwritten_segments_total"))
            assert relay.metric("cambus_relay_hls_stored_bytes") == 0
        else:
            await eventually(lambda: relay.metric("cambus_relay_hls_stored_bytes"))
            assert list(folder.iterdir()) == []
        above = playlist[: playlist.index(f"segment-{number}.m4s")]
        names = re.findall(r"part-\d+\.m4s|segment-\d+\.m4s", above)
        parts = [each for each in names if each.startswith("part") and names.index(each) > _last_whole(names)]
        found = [await player.get(f"{player.media}/{name}") for name in (f"segment-{number}.m4s", *parts)]
        assert {status for status, _ in found} == {200}
        whole, *pieces = [body for _, body in found]
        assert len(whole) > 2000
        assert whole == b"".join(pieces)


def _last_whole(names):
    return max((at for at, name in enumerate(names) if name.startswith("segment")), default=-1)


async def test_limits_count_sessions(relay_settings, run_relay, make_camera, device):
    await make_camera()
    settings = relay_settings(relay_max_viewers_per_stream=1)
    async with run_relay(settings) as relay, aiohttp.ClientSession() as http:
        player = Player(http, f"{relay.http}/hls/{device}/0/main")
        await player.open()
        status, body = await player.get("index.m3u8")
        assert status == 429
        assert b"too-many-viewers" in body


@asynccontextmanager
async def _guarded(relay_settings, run_relay, tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token-of-the-viewers-0001")
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=file)) as relay:
        yield relay


async def test_the_token_opens_a_session_which_needs_none(
    relay_settings, run_relay, make_camera, device, tmp_path, watch
):
    await make_camera()
    async with _guarded(relay_settings, run_relay, tmp_path) as relay, aiohttp.ClientSession() as http:
        url = f"{relay.http}/hls/{device}/0/main/index.m3u8"
        async with http.get(url) as response:
            assert response.status == 401
        watched = await watch(f"{url}?token=a-token-of-the-viewers-0001", pictures=60)
        assert len(watched.pictures) >= 60


async def test_a_page_of_another_site_may_not_use_a_session(player, relay, make_camera, device):
    await make_camera()
    await player.open()
    url = f"{relay.http}/hls/{device}/0/main/{player.media}/live.m3u8"
    async with (
        aiohttp.ClientSession() as http,
        http.get(url, headers={"Origin": "http://evil.example"}) as response,
    ):
        assert response.status == 403
