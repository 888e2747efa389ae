"""Speaking from a browser: G.711 over a WebSocket, to a device's loudspeaker.

`/talk/<device>/<channel>` sends `{"type": "open", "sample_rate_hz": 8000}` once the loudspeaker is taken; from then on
binary messages are A-law, at the pace they are to be heard. Or `{"type": "error", …}`, as live pictures have it.
`GET /api/talk?device=` tells the page whether a device can be spoken through, `{"possible", "why"}`; null where it
does not say.
"""

import json
import time
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media_relay.access import Access
from cambus.media_relay.device_api import DeviceApi
from cambus.media_relay.directory import Directory
from cambus.media_relay.http_errors import error_body
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.page_bodies import json_answer
from cambus.schemas.commands import device, talk
from cambus.schemas.errors import CambusError, Overloaded, Unsupported
from cambus.schemas.model import Empty

_MAX_MESSAGE_BYTES: Final = 4096
_CLOSE_CODES_FROM: Final = 4000
_MAX_TALKS: Final = 32
_MAX_AHEAD_S: Final = 1.0
"""What comes faster than it can be heard is left out: a device's buffer is small."""


class TalkSocket(DeviceApi):
    """Answers `/talk/<device>/<channel>`.

    Args:
        bus: where the sound goes.
        client: takes and gives back the loudspeaker.
        directory: which devices there are.
        access: who may speak.
    """

    def __init__(self, bus: Bus, client: BusClient, directory: Directory, access: Access) -> None:
        super().__init__(client, directory, access)
        self._bus = bus
        self._talks = 0

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get("/talk/{device}/{channel}", self._talk, allow_head=False),
            web.get("/api/talk", self._may_talk),
        ]

    async def _may_talk(self, request: web.Request) -> web.Response:
        """Whether a device has a loudspeaker, as it says itself."""
        await self._access.check_page(request)
        key = parse_key(request.query.get("device", ""), "0", "main")
        await self._check_device(key.device)
        try:
            reply = await self._client.call(device.CAPABILITIES, Empty(), device=key.device)
        except CambusError:
            return json_answer({"possible": None, "why": None})
        why = None
        if talk.START.name not in reply.commands:
            why = "one can not speak through devices of its kind"
        elif not reply.talk_codecs:
            why = "the device names no loudspeaker"
        return json_answer({"possible": why is None, "why": why})

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        key = parse_key(request.match_info["device"], request.match_info["channel"], "main")
        admission = await self._access.admit(request, lambda: key, "talk")
        socket = web.WebSocketResponse(compress=False, max_msg_size=_MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        self._talks += 1
        try:
            async with admission:
                if self._talks > _MAX_TALKS:
                    raise Overloaded("too many people speak at a time", reason="too-many-talks")
                begun = await self._begin(key)
            try:
                await self._pass_on(socket, begun)
            finally:
                await self._end(key, begun)
        except CambusError as error:
            await _say_and_close(socket, error)
        finally:
            self._talks -= 1
        return socket

    async def _begin(self, key: StreamKey) -> talk.TalkStartReply:
        """Take the camera's loudspeaker, or where cameras have none of their own the device's."""
        await self._check_device(key.device)
        wanted = talk.TalkStartRequest(
            channel=key.channel, claimant="player-page", codec="pcma", listen=False
        )
        try:
            return await self._client.call(talk.START, wanted, device=key.device)
        except Unsupported:
            own = wanted.model_copy(update={"channel": None})
            return await self._client.call(talk.START, own, device=key.device)

    async def _pass_on(self, socket: web.WebSocketResponse, begun: talk.TalkStartReply) -> None:
        """Until the speaker goes, or is silent for so long that the device has ended it."""
        rate = begun.sample_rate_hz
        with suppress(ConnectionError):
            await socket.send_json({"type": "open", "sample_rate_hz": rate})
        started = time.monotonic()
        samples = number = 0
        with suppress(TimeoutError):
            while True:
                message = await socket.receive(timeout=begun.idle_s)
                if message.type is not WSMsgType.BINARY:
                    return
                samples = max(samples, round((time.monotonic() - started) * rate))
                if samples / rate > time.monotonic() - started + _MAX_AHEAD_S:
                    continue
                await self._publish(begun.subject, number, round(samples * 90_000 / rate), message.data)
                samples += len(message.data)
                number += 1
        await socket.close()

    async def _publish(self, subject: str, number: int, pts: int, sound: bytes) -> None:
        frame = Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, number, pts, pts, time.time_ns() // 1000, sound)
        with suppress(BusError):  # away for a moment: what was said meanwhile is not heard
            for message in encode_frame(frame, self._bus.max_payload):
                await self._bus.publish(subject, message)

    async def _end(self, key: StreamKey, begun: talk.TalkStartReply) -> None:
        """Give the loudspeaker back; if nobody hears of it the talk ends by itself, for nothing comes any more."""
        request = talk.TalkStopRequest(session=begun.session)
        with suppress(CambusError):
            await self._client.call(talk.STOP, request, device=key.device)


async def _say_and_close(socket: web.WebSocketResponse, error: CambusError) -> None:
    with suppress(ConnectionError, RuntimeError):  # the peer was faster
        await socket.send_str(json.dumps({"type": "error", **error_body(error)}))
        await socket.close(code=_CLOSE_CODES_FROM + int(error.code), message=error.reason.encode())
