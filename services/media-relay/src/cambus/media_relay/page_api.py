"""The JSON interface of the player page: devices, recordings, moving cameras, alarms.

| | |
|---|---|
| `GET api/devices` | every device, its state and its channels |
| `GET api/recordings?device=&channel=&hours=` | what the recorders hold, newest first; who answered, who did not |
| `POST api/export {device, channel, stream, start, end}` | where to play a recording from |
| `POST api/ptz {device, channel, pan, tilt, zoom, duration_s}` or `{device, channel, stop: true}` | move or stop |
| `POST api/token {device, channel, stream, purpose}` | a token for one stream; null where none is asked for |
| `GET api/alarms` | the last alarms, newest first |

Names and texts come from devices: the page shows them as text, never as HTML.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from cambus.bus.client import BusClient
from cambus.media_relay.access import Access
from cambus.media_relay.alarm_ticker import AlarmTicker
from cambus.media_relay.directory import Directory
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.page_bodies import body_of, hours_of, json_answer
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import media_relay, ptz, recorder
from cambus.schemas.errors import NotFound, Offline
from cambus.schemas.ids import DeviceId
from cambus.schemas.spans import TimeRange

_MAX_SPANS: Final = 200
_MAX_FOUND: Final = 2000
_MAX_PAGES: Final = 10
_QUIET_S: Final = 0.3


class PtzRequest(ptz.PtzMoveRequest):
    """A move, or the end of one, of a camera of any device."""

    device: DeviceId
    stop: Annotated[bool, Field(description="True to stop; the speeds are ignored.")] = False


class PageApi:
    """Answers the page's requests; each is checked by `access` first."""

    def __init__(self, client: BusClient, directory: Directory, alarms: AlarmTicker, access: Access) -> None:
        self._client = client
        self._directory = directory
        self._alarms = alarms
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get("/api/devices", self._devices),
            web.get("/api/recordings", self._recordings),
            web.post("/api/export", self._export),
            web.post("/api/ptz", self._ptz),
            web.post("/api/token", self._token),
            web.get("/api/alarms", self._recent_alarms),
        ]

    async def _devices(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        names = sorted({*self._directory.records, *self._directory.presence})
        return json_answer({"devices": [self._device(name) for name in names]})

    async def _recordings(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        key = parse_key(request.query.get("device", ""), request.query.get("channel", ""), "main")
        hours = hours_of(request)
        end = datetime.now(UTC)
        wanted = recorder.RecordingSearchRequest(
            device=key.device,
            channel=key.channel,
            start=end - timedelta(hours=hours),
            end=end,
            alarms=False,
            limit=_MAX_FOUND,
        )
        spans: list[recorder.FoundSpan] = []
        for _ in range(_MAX_PAGES):
            try:
                found = await self._client.call(recorder.RECORDING_SEARCH, wanted)
            except Offline:
                return json_answer({"spans": [], "recorders": 0, "silent": []})
            spans = sorted((*spans, *found.spans), key=lambda span: span.start)[-_MAX_SPANS:]
            if found.cursor is None:
                break
            wanted = wanted.model_copy(update={"cursor": found.cursor})
        newest = [span.model_dump(mode="json") for span in reversed(spans)]
        return json_answer({"spans": newest, "recorders": len(found.answered), "silent": found.silent})

    async def _export(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        wanted = await body_of(request, recorder.RecordingExportRequest)
        exports = await self._client.broadcast(recorder.RECORDING_EXPORT, wanted, quiet_s=_QUIET_S)
        best = max(exports, key=lambda export: sum(map(_seconds, export.covered)))
        return json_answer({"url": best.url, "start": best.start.isoformat(), "end": best.end.isoformat()})

    async def _ptz(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        wanted = await body_of(request, PtzRequest)
        if not await self._directory.exists(wanted.device):
            raise NotFound("there is no such device", reason="no-such-device")
        if wanted.stop:
            stop = ptz.PtzChannelRequest(channel=wanted.channel)
            await self._client.call(ptz.STOP, stop, device=wanted.device)
        else:
            move = ptz.PtzMoveRequest(
                channel=wanted.channel,
                pan=wanted.pan,
                tilt=wanted.tilt,
                zoom=wanted.zoom,
                duration_s=wanted.duration_s,
            )
            await self._client.call(ptz.MOVE, move, device=wanted.device)
        return json_answer({})

    async def _token(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        wanted = await body_of(request, media_relay.TokenIssueRequest)
        tokens = self._access.tokens
        if tokens is None:
            return json_answer({"token": None})
        issued = await tokens.issue(StreamKey(wanted.device, wanted.channel, wanted.stream), wanted.purpose)
        return json_answer({"token": issued.token.get_secret_value()})

    async def _recent_alarms(self, request: web.Request) -> web.Response:
        self._access.check_http(request)
        return json_answer(
            {
                "alarms": [
                    {
                        "id": event.id,
                        "device": event.device,
                        "channel": event.channel,
                        "type": event.type,
                        "raised": raised,
                        "at": event.at.isoformat(),
                    }
                    for raised, event in self._alarms.recent
                ]
            }
        )

    def _device(self, name: str) -> dict[str, Any]:
        record, presence = self._directory.records.get(name), self._directory.presence.get(name)
        about: dict[str, Any] = {
            "id": name,
            "name": (record.name if record is not None else None) or name,
            "online": False,
            "vendor": "",
            "model": "",
            "channels": [],
            "last_error": None,
        }
        if presence is not None:
            about |= {
                "online": presence.online,
                "vendor": presence.vendor,
                "model": presence.model,
                "channels": [_channel(channel) for channel in presence.channels if channel.enabled],
                "last_error": presence.last_error.text if presence.last_error is not None else None,
            }
        return about


def _channel(channel: ChannelInfo) -> dict[str, Any]:
    return {
        "channel": channel.channel,
        "name": channel.name,
        "online": channel.online,
        "ptz": channel.ptz is not False,  # a device that does not say may well be able to
        "streams": list(channel.streams),
    }


def _seconds(span: TimeRange) -> float:
    return (span.end - span.start).total_seconds()
