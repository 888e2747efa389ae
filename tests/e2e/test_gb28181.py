"""GB/T 28181 devices as users have them: applied from a file, watched, moved, recorded, there again after a crash."""

import asyncio
from itertools import islice
from urllib.parse import urlsplit

import av
import pytest
import pytest_asyncio
from gb28181_rig import SERVER, SMALL
from recordings import Recordings
from suite import PASSWORD, running_suite, until

from cambus.schemas.commands import media_relay
from cambus.schemas.events import alarm as alarm_events
from cambus.simulators.gb28181.simulator import Gb28181Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SQUARE = "square"
CODE = "34020000001180000007"
CONNECTOR = "connector-gb28181"
SIZE = (SMALL.main.width, SMALL.main.height)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder):
    async with running_suite(folder, CONNECTOR, "media-relay", "recorder") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def square(suite):
    """A recorder of two cameras that registers; its record is applied as a user would."""
    address = urlsplit((await suite.url(CONNECTOR, "registration")).replace("sip:", "sip://", 1))
    (suite.folder / "square.password").write_text(PASSWORD)
    (suite.folder / "devices.yaml").write_text(
        f"""devices:
  - id: {SQUARE}
    protocol: gb28181
    credentials: {{password_file: square.password}}
    options: {{code: "{CODE}", auto_guard: true}}
"""
    )
    ran = await suite.cambusctl("apply", "-f", "devices.yaml")
    assert ran.code == 0, ran.err
    async with Gb28181Simulator(
        server=("127.0.0.1", address.port),
        server_code=SERVER,
        code=CODE,
        password=PASSWORD,
        profile="hik_nvr",
        channels=2,
        media=SMALL,
        seed=1,
        retry_s=0.5,
        keepalive_s=0.5,
    ) as simulator:
        await simulator.prepare()
        await suite.presence_like(
            SQUARE, lambda presence: presence.online and len(presence.channels) == 2, 60.0
        )
        yield simulator


async def pictures(suite, output):
    """The sizes of the pictures FFmpeg finds in an output of the relay."""
    urls = await suite.client.call(
        media_relay.LIVE_OPEN, media_relay.LiveOpenRequest(device=SQUARE, channel=0)
    )
    options = {"rtsp_transport": "tcp"} if output == "rtsp" else {}

    def decode():
        with av.open(getattr(urls, output), options=options, timeout=30.0) as opened:
            return {(frame.width, frame.height) for frame in islice(opened.decode(video=0), 20)}

    return await asyncio.to_thread(decode)


@pytest.mark.parametrize("output", ["flv", "rtsp"])
async def test_its_pictures_decode_through_the_relay(suite, square, output):
    assert await pictures(suite, output) == {SIZE}


async def test_the_command_line_moves_its_camera(suite, square):
    ran = await suite.cambusctl("ptz", "move", SQUARE, "1", "--pan", "0.5", "--duration", "1")
    assert ran.code == 0, ran.err
    (camera,) = [code for code in square.channels if square.head(code).history]
    assert camera == square.channels[1]


async def test_it_is_recorded(suite, square):
    recordings = Recordings(suite.client, SQUARE, 0)
    await recordings.record(segment_s=10)

    async def enough():
        return await recordings.seconds() >= 3

    await until(enough, 90.0, what="3 s recorded")


async def test_an_alarm_of_it_is_an_event(suite, square):
    square.raise_alarm(method=5, type_=2)
    event = await suite.events.find(alarm_events.RAISED, SQUARE)
    assert event.type.value == "motion"


async def test_after_kill_9_it_needs_not_register_and_the_picture_is_back(suite, square):
    registered = len(square.said("REGISTER"))
    await suite.kill_and_back(CONNECTOR)
    await suite.online(SQUARE, 60.0)

    async def plays():
        try:
            return await pictures(suite, "flv") == {SIZE}
        except av.FFmpegError:
            return False

    await until(plays, 90.0, what="the picture is back")
    assert len(square.said("REGISTER")) == registered


async def test_no_secret_is_in_any_log(suite, square):
    for service in (CONNECTOR, "media-relay", "recorder"):
        assert PASSWORD not in suite.log(service)
        assert PASSWORD not in await suite.metrics(service)
