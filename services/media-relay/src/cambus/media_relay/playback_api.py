"""The JSON interface of the player page for playing what was recorded, by devices themselves or by the recorders.

| | |
|---|---|
| `GET api/device-recordings?device=&channel=&hours=` | the newest recordings on the device, newest first |
| `POST api/playback {device, channel, recording or start and end, source}` | `{session, stream}`; waits for a viewer |
| `POST api/playback/control {device, session, action, at, speed, backwards}` | what to do with it |
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import Field

from cambus.media_relay.device_api import DeviceApi
from cambus.media_relay.key import parse_key
from cambus.media_relay.page_bodies import body_of, hours_of, json_answer
from cambus.schemas.commands import playback, recording
from cambus.schemas.errors import BadRequest
from cambus.schemas.ids import RECORDER_SESSION_PREFIX, SESSION_PREFIX, DeviceId
from cambus.schemas.model import Instant, Message

MAX_RECORDINGS: Final = 500
MAX_PAGES: Final = 20
TTL_S: Final = 60.0


class PlaybackRequest(recording.RecordingPlayRequest):
    """A playback of any device."""

    device: DeviceId
    source: Literal["device", "recorder"] = Field(default="device", description="Who plays it.")


class ControlRequest(recording.RecordingSessionRequest):
    """What a viewer wants of a playback."""

    device: DeviceId
    action: Literal["pause", "resume", "seek", "speed", "step", "stop"]
    at: Instant | None = Field(default=None, description="Where to, for `seek`.")
    speed: float | None = Field(default=None, description="How fast, for `speed`.")
    backwards: bool = Field(default=False, description="Which way, for `step`.")


class PlaybackApi(DeviceApi):
    """Answers the page's requests."""

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get("/api/device-recordings", self._recordings),
            web.post("/api/playback", self._play),
            web.post("/api/playback/control", self._control),
        ]

    async def _recordings(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        key = parse_key(request.query.get("device", ""), request.query.get("channel", ""), "main")
        await self._check_device(key.device)
        end = datetime.now(UTC) + timedelta(days=1)  # its clock may be ahead
        start = end - timedelta(days=1, hours=hours_of(request))
        found: list[recording.DeviceRecording] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            wanted = recording.RecordingFindRequest(channel=key.channel, start=start, end=end, cursor=cursor)
            reply = await self._client.call(recording.FIND, wanted, device=key.device)
            found = (found + reply.recordings)[-MAX_RECORDINGS:]
            cursor = reply.cursor
            if cursor is None:
                break
        newest = [each.model_dump(mode="json", exclude={"native"}) for each in reversed(found)]
        return json_answer({"recordings": newest})

    async def _play(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, PlaybackRequest)
        if wanted.source == "recorder":
            return await self._play_recorded(wanted)
        await self._check_device(wanted.device)
        play = recording.RecordingPlayRequest(
            channel=wanted.channel,
            recording=wanted.recording,
            start=wanted.start,
            end=wanted.end,
            stream=wanted.stream,
            speed=wanted.speed,
            on_touch=True,
            claimant="player-page",
            ttl_s=TTL_S,
        )
        reply = await self._client.call(recording.PLAY, play, device=wanted.device)
        return json_answer({"session": reply.session, "stream": SESSION_PREFIX + reply.session})

    async def _play_recorded(self, wanted: PlaybackRequest) -> web.Response:
        """Its device may be gone; what there is of it is the recorders' to say."""
        if wanted.start is None:
            raise BadRequest("start: wanted an instant")
        opening = playback.PlaybackOpenRequest(
            device=wanted.device,
            channel=wanted.channel,
            stream=wanted.stream,
            start=wanted.start,
            end=wanted.end,
            speed=wanted.speed,
            on_touch=True,
            claimant="player-page",
            ttl_s=TTL_S,
        )
        opened = await self._client.call(playback.PLAYBACK_OPEN, opening)
        return json_answer(
            {"session": opened.session, "stream": opened.stream, "start": opened.start.isoformat()}
        )

    async def _control(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, ControlRequest)
        if wanted.session.startswith(RECORDER_SESSION_PREFIX):
            spec, fields = _command(wanted, _RECORDER)
            state = await self._client.call_holder(spec, spec.request(session=wanted.session, **fields))
            return json_answer(state.model_dump(mode="json"))
        await self._check_device(wanted.device)
        spec, fields = _command(wanted, _DEVICE)
        reply = await self._client.call(
            spec, spec.request(session=wanted.session, **fields), device=wanted.device
        )
        return json_answer(reply.model_dump(mode="json"))


_DEVICE: Final[Mapping[str, Any]] = {
    "pause": recording.PAUSE,
    "resume": recording.RESUME,
    "seek": recording.SEEK,
    "speed": recording.SPEED,
    "stop": recording.STOP,
}
_RECORDER: Final[Mapping[str, Any]] = {
    "pause": playback.PLAYBACK_PAUSE,
    "resume": playback.PLAYBACK_RESUME,
    "seek": playback.PLAYBACK_SEEK,
    "speed": playback.PLAYBACK_SPEED,
    "step": playback.PLAYBACK_STEP,
    "stop": playback.PLAYBACK_STOP,
}


def _command(
    wanted: ControlRequest, commands: Mapping[str, Any]
) -> tuple[Any, dict[str, Message | Instant | float]]:
    """The command an action stands for, and what it needs beside the session.

    Raises:
        BadRequest: that is missing.
    """
    spec = commands.get(wanted.action)
    if spec is None:
        raise BadRequest("step: devices can not do that")
    match wanted:
        case ControlRequest(action="seek", at=at):
            if at is None:
                raise BadRequest("at: wanted an instant to seek to")
            return spec, {"at": at}
        case ControlRequest(action="speed", speed=speed):
            if speed is None:
                raise BadRequest("speed: wanted a number")
            return spec, {"speed": speed}
        case ControlRequest(action="step", backwards=backwards):
            return spec, {"backwards": backwards}
        case _:
            return spec, {}
