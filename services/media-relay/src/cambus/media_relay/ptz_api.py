"""The JSON interface of the player page for moving cameras.

| | |
|---|---|
| `POST api/ptz {device, channel, pan, tilt, zoom, duration_s}` or `{device, channel, stop: true}` | move or stop |
| `GET api/presets?device=&channel=` | the presets of a camera, by number |
| `POST api/presets {device, channel, action, preset, name}` | `goto`, `set` or `clear` one |
"""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from cambus.media_relay.device_api import DeviceApi
from cambus.media_relay.key import parse_key
from cambus.media_relay.page_bodies import body_of, json_answer
from cambus.schemas.commands import ptz
from cambus.schemas.ids import DeviceId


class PtzRequest(ptz.PtzMoveRequest):
    """A move, or the end of one, of a camera of any device."""

    device: DeviceId
    stop: Annotated[bool, Field(description="True to stop; the speeds are ignored.")] = False


class PresetRequest(ptz.PtzPresetSetRequest):
    """What is to be done with a preset of a camera of any device."""

    device: DeviceId
    action: Literal["goto", "set", "clear"]


class PtzApi(DeviceApi):
    """Answers the page's requests."""

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.post("/api/ptz", self._ptz),
            web.get("/api/presets", self._presets),
            web.post("/api/presets", self._preset),
        ]

    async def _ptz(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, PtzRequest)
        await self._check_device(wanted.device)
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

    async def _presets(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        key = parse_key(request.query.get("device", ""), request.query.get("channel", ""), "main")
        await self._check_device(key.device)
        channel = ptz.PtzChannelRequest(channel=key.channel)
        reply = await self._client.call(ptz.PRESET_LIST, channel, device=key.device)
        return json_answer(reply.model_dump(mode="json"))

    async def _preset(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, PresetRequest)
        await self._check_device(wanted.device)
        one = ptz.PtzPresetRequest(channel=wanted.channel, preset=wanted.preset)
        match wanted.action:
            case "goto":
                await self._client.call(ptz.PRESET_GOTO, one, device=wanted.device)
            case "set":
                view = ptz.PtzPresetSetRequest(channel=wanted.channel, preset=wanted.preset, name=wanted.name)
                await self._client.call(ptz.PRESET_SET, view, device=wanted.device)
            case "clear":
                await self._client.call(ptz.PRESET_CLEAR, one, device=wanted.device)
        return json_answer({})
