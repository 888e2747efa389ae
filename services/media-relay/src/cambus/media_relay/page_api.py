"""The JSON interface of the player page: who may see it, devices, tokens, alarms.

| | |
|---|---|
| `POST api/session` | for the token in its header: what to show with everything else |
| `GET api/devices` | every device, its state and its channels; whether the bus is there; the clock here |
| `POST api/token {device, channel, stream, purpose}` | a token for one stream; null where none is asked for |
| `GET api/alarms` | the last alarms, newest first |

Names and texts come from devices: the page shows them as text, never as HTML.
"""

import time
from typing import Any

from aiohttp import web

from cambus.bus.connection import Bus
from cambus.media_relay.access import Access
from cambus.media_relay.alarm_ticker import AlarmTicker
from cambus.media_relay.directory import Directory
from cambus.media_relay.key import StreamKey
from cambus.media_relay.page_bodies import body_of, json_answer
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import BadRequest


class PageApi:
    """Answers the page's requests; each is checked by `access` first.

    Args:
        bus: the page is told when it is away.
        directory: the devices.
        alarms: the last of them.
        access: who may ask.
    """

    def __init__(self, bus: Bus, directory: Directory, alarms: AlarmTicker, access: Access) -> None:
        self._bus = bus
        self._directory = directory
        self._alarms = alarms
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.post("/api/session", self._session),
            web.get("/api/devices", self._devices),
            web.post("/api/token", self._token),
            web.get("/api/alarms", self._recent_alarms),
        ]

    async def _session(self, request: web.Request) -> web.Response:
        return json_answer({"token": await self._access.open_page(request)})

    async def _devices(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        names = sorted({*self._directory.records, *self._directory.presence})
        return json_answer(
            {
                "devices": [self._device(name) for name in names],
                "bus": self._bus.connected,
                "now_ms": time.time_ns() // 1_000_000,
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        wanted = await body_of(request, media_relay.TokenIssueRequest)
        if wanted.purpose == "page":
            raise BadRequest("purpose: a page opens no other page", reason="purpose")
        tokens = self._access.tokens
        if tokens is None:
            return json_answer({"token": None})
        issued = await tokens.issue(StreamKey(wanted.device, wanted.channel, wanted.stream), wanted.purpose)
        return json_answer({"token": issued.token.get_secret_value()})

    async def _recent_alarms(self, request: web.Request) -> web.Response:
        await self._access.check_page(request)
        return json_answer(
            {
                "alarms": [
                    {
                        "id": event.id,
                        "device": event.device,
                        "channel": event.channel,
                        "type": event.type,
                        "severity": event.severity,
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
