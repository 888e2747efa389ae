"""RTSP cameras as users have them: applied from a file, watched by FFmpeg through media-relay, recorded."""

import asyncio
from itertools import islice, pairwise
from urllib.parse import quote, urlsplit

import av
import pytest
import pytest_asyncio
from publishers import SIZE as PUBLISHED
from publishers import Publisher
from recordings import Recordings
from rtsp_rig import PASSWORD, SMALL, USER, camera
from suite import running_suite, until

from cambus.schemas.commands import media_relay

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALL = "hall"
CONNECTOR = "connector-rtsp"
SIZES = {stream: (spec.width, spec.height) for stream, spec in (("main", SMALL.main), ("sub", SMALL.sub))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder):
    ports = {"CAMBUS_RTSP_PUBLISH_PORT": "0", "CAMBUS_RTMP_PUBLISH_PORT": "0"}
    async with running_suite(folder, CONNECTOR, "media-relay", "recorder", settings=ports) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hall(suite):
    """A camera; its record is applied as a user would."""
    async with camera() as cam:
        await cam.prepare()
        (suite.folder / "hall.password").write_text(PASSWORD)
        (suite.folder / "devices.yaml").write_text(
            f"""devices:
  - id: {HALL}
    protocol: rtsp
    address: 127.0.0.1:{cam.port}
    credentials: {{username: {USER}, password_file: hall.password}}
    options: {{url: /ch1/main, sub_url: /ch1/sub}}
"""
        )
        ran = await suite.cambusctl("apply", "-f", "devices.yaml")
        assert ran.code == 0, ran.err
        await suite.online(HALL, 60.0)
        yield cam


async def pictures(suite, output, stream="main", device=HALL):
    """The codecs FFmpeg finds in an output of the relay, and the sizes of the pictures."""
    request = media_relay.LiveOpenRequest(device=device, channel=0, stream=stream)
    urls = await suite.client.call(media_relay.LIVE_OPEN, request)
    options = {"rtsp_transport": "tcp"} if output == "rtsp" else {}

    def decode():
        with av.open(getattr(urls, output), options=options, timeout=30.0) as opened:
            codecs = {stream.codec_context.name for stream in opened.streams}
            return codecs, {(frame.width, frame.height) for frame in islice(opened.decode(video=0), 20)}

    return await asyncio.to_thread(decode)


@pytest.mark.parametrize("output", ["flv", "rtsp"])
@pytest.mark.parametrize("stream", ["main", "sub"])
async def test_its_pictures_decode_through_the_relay(suite, hall, output, stream):
    codecs, sizes = await pictures(suite, output, stream)
    assert codecs == {"h264", "pcm_alaw"}
    assert sizes == {SIZES[stream]}


async def test_what_the_relay_serves_by_rtsp_is_a_source_as_well(suite, hall):
    port = urlsplit(await suite.url("media-relay", "rtsp")).port
    (suite.folder / "again.yaml").write_text(
        f"""devices:
  - id: again
    protocol: rtsp
    address: 127.0.0.1:{port}
    options: {{url: /live/{HALL}/0/main}}
"""
    )
    ran = await suite.cambusctl("apply", "-f", "again.yaml")
    assert ran.code == 0, ran.err
    presence = await suite.online("again", 60.0)
    assert presence.channels[0].audio
    codecs, sizes = await pictures(suite, "flv", device="again")
    assert codecs == {"h264", "pcm_alaw"}
    assert sizes == {SIZES["main"]}


@pytest.mark.parametrize("by", ["rtmp", "rtsp"])
async def test_what_is_published_plays_in_order_at_the_relay(suite, by):
    """Published with B-frames; FFmpeg reads it back, and sees the pictures as they were made."""
    device = f"stage-{by}"
    (suite.folder / "stage.password").write_text(PASSWORD)
    (suite.folder / "stage.yaml").write_text(
        f"""devices:
  - id: {device}
    protocol: rtsp
    credentials: {{username: {USER}, password_file: stage.password}}
    options: {{publish: true, stall_s: 60}}
"""
    )
    ran = await suite.cambusctl("apply", "-f", "stage.yaml")
    assert ran.code == 0, ran.err
    place, secret = f"{await suite.url(CONNECTOR, f'publish-{by}')}/{device}", quote(PASSWORD, safe="")
    url = f"{place}/{secret}" if by == "rtmp" else place.replace("://", f"://{USER}:{secret}@")
    form = ("flv", {}) if by == "rtmp" else ("rtsp", {"rtsp_transport": "tcp"})
    async with Publisher(url, form[0], sound="aac", b_frames=2, options=form[1]) as publisher:
        await suite.online(device, 60.0)
        codecs, sizes = await pictures(suite, "flv", device=device)
        assert (codecs, sizes) == ({"h264", "aac"}, {PUBLISHED})
        for output in ("flv", "rtsp", "fmp4"):
            bars = await places_of_bars(suite, output, device)
            steps = {(after - before) % PUBLISHED[0] for before, after in pairwise(bars)}
            assert steps <= set(range(8, PUBLISHED[0] // 2)), output  # some may be left out; none goes back
        assert await publisher.stop() == ""


async def places_of_bars(suite, output, device):
    """Where the bar is in the pictures a player shows, one after the other."""
    urls = await suite.client.call(
        media_relay.LIVE_OPEN, media_relay.LiveOpenRequest(device=device, channel=0, stream="main")
    )
    options = {"rtsp_transport": "tcp"} if output == "rtsp" else {}

    def decode():
        with av.open(getattr(urls, output), options=options, timeout=30.0) as opened:
            return [
                int(frame.to_ndarray(format="gray").mean(axis=0).argmax() // 8 * 8)
                for frame in islice(opened.decode(video=0), 20)
            ]

    return await asyncio.to_thread(decode)


async def test_it_is_recorded(suite, hall):
    recordings = Recordings(suite.client, HALL, 0)
    await recordings.record(segment_s=10)

    async def enough():
        return await recordings.seconds() >= 3

    await until(enough, 90.0, what="3 s recorded")


async def test_the_command_line_takes_a_snapshot(suite, hall):
    ran = await suite.cambusctl("snapshot", HALL, "0", "-o", "hall.jpg")
    assert ran.code == 0, ran.err
    with av.open(suite.folder / "hall.jpg") as opened:
        (picture,) = opened.decode(video=0)
    assert (picture.width, picture.height) == SIZES["main"]


async def test_after_kill_9_of_the_connector_the_picture_is_back(suite, hall):
    await suite.kill_and_back(CONNECTOR)
    await suite.online(HALL, 60.0)

    async def plays():
        try:
            return (await pictures(suite, "flv"))[1] == {SIZES["main"]}
        except av.FFmpegError:
            return False

    await until(plays, 90.0, what="the picture is back")


async def test_no_secret_is_in_any_log(suite, hall):
    for service in (CONNECTOR, "media-relay", "recorder"):
        assert PASSWORD not in suite.log(service)
        assert PASSWORD not in await suite.metrics(service)
