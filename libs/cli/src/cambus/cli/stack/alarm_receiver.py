"""A web server that alarms are posted to, as somebody would write one: it checks who signed, and takes each once."""

import base64
import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Self

from aiohttp import web

MAX_BODY_BYTES: Final = 256 * 1024
REMEMBERED: Final = 1000
PATH: Final = "/alarms"

OnAlarm = Callable[[dict[str, Any]], None]


class AlarmReceiver:
    """Receives signed alarms on a loopback port.

    Args:
        secret: what the bodies are signed with.
        on_alarm: told of each alarm, the JSON as it came.
    """

    def __init__(self, secret: bytes, on_alarm: OnAlarm) -> None:
        self._secret = secret
        self._on_alarm = on_alarm
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where alarms are posted to, once it was started."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post(PATH, self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        event_id = request.headers.get("webhook-id", "")
        if not self._signed(request, event_id, body):
            raise web.HTTPUnauthorized(text="the signature is wrong\n")
        try:
            routed = json.loads(body)
        except ValueError:
            raise web.HTTPBadRequest(text="no JSON\n") from None
        if event_id not in self._seen and isinstance(routed, dict):  # a repeated attempt has the same id
            self._seen[event_id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            self._on_alarm(routed)
        return web.Response(status=204)

    def _signed(self, request: web.Request, event_id: str, body: bytes) -> bool:
        """Whether the body is signed with our secret (Standard Webhooks: `v1,` HMAC-SHA-256)."""
        timestamp = request.headers.get("webhook-timestamp", "")
        digest = hmac.new(self._secret, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(digest).decode()}"
        shown = request.headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(each.encode(), wanted.encode()) for each in shown)
