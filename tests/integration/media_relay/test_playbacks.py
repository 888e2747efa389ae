"""Playback sessions: begun and kept by who watches, ended so that the viewer knows."""

import asyncio
import contextlib
import json
import re
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from cambus.bus.endpoints import Endpoints
from cambus.media.frame import Flag, Kind, encode_frame
from cambus.media_relay import playback_hold
from cambus.schemas.commands import playback, recording
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
NAME = "/idea0/2026-02-01/001/12.00.00-12.01.00[R][@1][0].h264"


class Player:
    """A device that plays: its session `play1` begins with the first touch."""

    def __init__(self, camera):
        self.camera = camera
        self.touches = 0
        self.told = []
        self.over = False

    @property
    def subject(self):
        return f"cambus.v1.media.{self.camera.device}.0.s-play1"

    async def touch(self, context, request):
        if self.over or request.session != "play1":
            raise NotFound("there is no such playback, or it is over", reason="no-such-session")
        self.touches += 1
        if self.touches == 1:
            await self.show(0)
        return Done()

    async def show(self, index):
        for frame in self.camera.picture(index):
            await self.publish(frame)

    async def publish(self, frame):
        for message in encode_frame(frame, 1 << 20):
            await self.camera.bus.publish(self.subject, message)

    async def end(self):
        self.over = True
        await self.publish(self.camera.frame(Kind.DATA, self.camera.spec.codec, 7200, b"", Flag.END))

    async def find(self, context, request):
        pages = {None: 0, "second": 1}
        page = pages[request.cursor]
        at = NOON + timedelta(minutes=page)
        each = recording.DeviceRecording(
            id=NAME + str(page), channel=0, start=at, end=at + timedelta(minutes=1), event="motion"
        )
        return recording.RecordingFindReply(recordings=[each], cursor=None if page else "second")

    async def play(self, context, request):
        self.told.append(request)
        return recording.RecordingPlayReply(session="play1", subject=self.subject, ttl_s=60.0)

    async def obey(self, context, request):
        self.told.append((context.command, request))
        return Done()

    async def speed(self, context, request):
        self.told.append((context.command, request))
        return recording.RecordingSpeedReply(speed=request.speed)


@pytest.fixture
async def player(make_camera, monkeypatch):
    monkeypatch.setattr(playback_hold, "TOUCH_S", 0.05)
    monkeypatch.setattr(playback_hold, "DOUBT_S", 0.05)
    made = Player(await make_camera(pace=0))
    endpoints = made.camera._endpoints  # the device is held by one service
    endpoints.add(recording.TOUCH, made.touch)
    endpoints.add(recording.FIND, made.find)
    endpoints.add(recording.PLAY, made.play)
    endpoints.add(recording.SPEED, made.speed)
    for spec in (recording.PAUSE, recording.RESUME, recording.SEEK, recording.STOP):
        endpoints.add(spec, made.obey)
    return made


async def test_watching_begins_a_playback_and_keeps_it(relay, player, device, eventually):
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        async with session.get(f"{relay.http}/live/{device}/0/s-play1.flv") as answer:
            assert answer.status == 200
            await answer.content.readexactly(1000)  # from the first picture on
            await eventually(lambda: player.touches >= 3)
        await eventually(lambda: not relay.service.relay.streams.running)
        touches = player.touches
        await relay.runtime.bus.flush()
        assert player.touches == touches  # nobody watches: it may lapse


async def test_a_page_is_told_that_a_playback_has_ended(relay, player, device):
    address = f"{relay.ws}/ws/{device}/0/s-play1"
    async with asyncio.timeout(30), aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        opened = json.loads((await socket.receive()).data)
        assert opened["type"] == "open"
        await player.end()
        messages = [message async for message in socket]
        assert json.loads(messages[-1].data) == {"type": "end"}
        assert socket.close_code == 1000


async def test_over_hls_a_playback_is_listed_to_its_end(relay, player, device, eventually):
    base = f"{relay.http}/hls/{device}/0/s-play1"
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:

        async def text(path):
            async with http.get(f"{base}/{path}") as answer:
                assert answer.status == 200
                return await answer.text()

        opening = asyncio.create_task(text("index.m3u8"))
        await eventually(lambda: relay.metric('cambus_relay_viewers{output="hls"}') == 1)
        for index in range(1, 150):
            await player.show(index)
        folder = (await opening).split()[-1].rpartition("/")[0]
        playlist = await text(f"{folder}/live.m3u8")
        assert "EXT-X-ENDLIST" not in playlist
        waiting = asyncio.create_task(text(f"{folder}/live.m3u8?_HLS_msn={playlist.count('#EXTINF')}"))
        await player.end()
        playlist = await waiting
        assert playlist.endswith("#EXT-X-ENDLIST\n")
        assert sum(map(float, re.findall(r"#EXTINF:([\d.]+)", playlist))) == pytest.approx(6, abs=0.1)
        for name in re.findall(r"^segment-\d+\.m4s$", playlist, re.MULTILINE):
            async with http.get(f"{base}/{folder}/{name}") as answer:
                assert answer.status == 200


@pytest.mark.parametrize("over", [False, True])
async def test_a_playback_there_is_not_is_said_so_at_once(relay, player, device, over):
    player.over = over
    address = f"{relay.http}/live/{device}/0/{'s-play1' if over else 's-other'}.flv"
    async with asyncio.timeout(30), aiohttp.ClientSession() as session, session.get(address) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (404, "no-such-session")


async def test_frames_of_a_session_that_is_no_playback_are_relayed_all_the_same(
    relay, player, device, eventually, monkeypatch
):
    player.over = True
    monkeypatch.setattr(playback_hold, "DOUBT_S", 5.0)
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"{relay.http}/live/{device}/0/s-play1.flv"))
        await eventually(lambda: relay.service.relay.streams.running)
        await relay.runtime.bus.flush()
        await player.show(0)
        async with await asking as answer:
            assert answer.status == 200


class RecorderPlayer:
    """A recorder that plays `rec-1` of a device that is away."""

    def __init__(self, camera):
        self.camera = camera
        self.touches = 0
        self.known = True
        self.endpoints = Endpoints(camera.bus, "recorder")
        self.endpoints.add(playback.PLAYBACK_TOUCH, self.touch)

    async def touch(self, context, request):
        if not self.known:
            raise NotFound("there is no such playback here, or it is over", reason="no-such-session")
        self.touches += 1
        if self.touches == 1:
            for frame in self.camera.picture(0):
                for message in encode_frame(frame, 1 << 20):
                    await self.camera.bus.publish(f"cambus.v1.media.{self.camera.device}.0.s-rec-1", message)
        return playback.PlaybackState(
            session="rec-1",
            replica="recorder-0",
            state="playing",
            position=NOON,
            speed=1.0,
            keyframes_only=False,
        )


@pytest.fixture
async def recorder(make_camera, monkeypatch):
    monkeypatch.setattr(playback_hold, "TOUCH_S", 0.05)
    monkeypatch.setattr(playback_hold, "DOUBT_S", 0.05)
    monkeypatch.setattr(playback_hold, "LOST_S", 0.2)
    camera = await make_camera(pace=0)
    await camera.go_offline()
    made = RecorderPlayer(camera)
    await made.endpoints.start()
    yield made
    await made.endpoints.drain(timeout_s=0)


async def closed(answer):
    """Read until the relay closes the connection."""
    with contextlib.suppress(aiohttp.ClientError):
        while await answer.content.readany():
            pass


@pytest.mark.parametrize("gone", [True, False])
async def test_viewers_of_a_recorder_that_died_are_sent_away(relay, recorder, device, gone, eventually):
    """Others know that it is over, or nobody is left to say so."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        async with session.get(f"{relay.http}/live/{device}/0/s-rec-1.flv") as answer:
            assert answer.status == 200
            await answer.content.readexactly(1000)
            await eventually(lambda: recorder.touches >= 3)
            if gone:
                await recorder.endpoints.drain(timeout_s=0)
            else:
                recorder.known = False
            await closed(answer)
        again = await session.get(f"{relay.http}/live/{device}/0/s-rec-1.flv")
        assert again.status in {404, 503, 504}
        again.close()


class Page:
    """The page's requests."""

    def __init__(self, relay, session):
        self.relay, self.session = relay, session

    async def get(self, path, **query):
        async with self.session.get(f"{self.relay.http}/api/{path}", params=query) as answer:
            return answer.status, await answer.json()

    async def post(self, path, **body):
        async with self.session.post(f"{self.relay.http}/api/{path}", json=body) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def page(relay):
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        yield Page(relay, session)


async def test_the_newest_recordings_come_first_from_every_page(page, player, device):
    status, body = await page.get("device-recordings", device=device, channel="0", hours="2")
    assert status == 200
    assert [each["id"] for each in body["recordings"]] == [NAME + "1", NAME + "0"]
    assert body["recordings"][0]["event"] == "motion"


async def test_a_recording_is_played_and_controlled(page, player, device):
    status, body = await page.post("playback", device=device, channel=0, recording=NAME)
    assert (status, body) == (200, {"session": "play1", "stream": "s-play1"})
    assert (player.told[0].recording, player.told[0].on_touch) == (NAME, True)
    wanted = {"device": device, "session": "play1"}
    for action, more in (
        ("pause", {}),
        ("resume", {}),
        ("seek", {"at": NOON.isoformat()}),
        ("speed", {"speed": 4.0}),
        ("stop", {}),
    ):
        status, body = await page.post("playback/control", **wanted, action=action, **more)
        assert status == 200
    assert body == {}
    assert [command for command, _ in player.told[1:]] == [
        "recording.pause",
        "recording.resume",
        "recording.seek",
        "recording.speed",
        "recording.stop",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "seek"},
        {"action": "speed"},
        {"action": "explode"},
        {"action": "pause", "session": "no/token"},
    ],
)
async def test_what_makes_no_sense_is_refused(page, player, device, body):
    status, answer = await page.post("playback/control", **{"device": device, "session": "play1", **body})
    assert (status, answer["reason"]) == (400, "bad-request")
    assert not player.told


async def test_a_device_there_is_not_is_not_found(page, player):
    for status, _ in (
        await page.get("device-recordings", device="nobody", channel="0"),
        await page.post("playback", device="nobody", channel=0, recording=NAME),
        await page.post("playback/control", device="nobody", session="play1", action="pause"),
    ):
        assert status == 404
