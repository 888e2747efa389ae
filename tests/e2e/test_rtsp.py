"""RTSP cameras as users have them: applied from a file, watched by FFmpeg through media-relay, recorded."""

import asyncio
from itertools import islice
from urllib.parse import urlsplit

import av
import pytest
import pytest_asyncio
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
    async with running_suite(folder, CONNECTOR, "media-relay", "recorder") as running:
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
