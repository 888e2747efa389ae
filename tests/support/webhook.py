"""A webhook receiver on a real socket: counts deliveries by id and can refuse them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web


class WebhookReceiver:
    """Listens on a free loopback port from `async with` on.

    Attributes:
        accepted: how often each id was answered 2xx.
        refused: how often each id was answered 503.
        bodies: the accepted bodies, in order.
        refusing: answer 503 while set.
        answering: answers wait while this is cleared; what came counts as accepted all the same.
    """

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.refusing = False
        self.answering = asyncio.Event()
        self.answering.set()
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where alarms are posted to."""
        return f"http://127.0.0.1:{self._port}/alarms"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/alarms", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        delivery = request.headers["webhook-id"]
        try:
            if self.refusing:
                self.refused[delivery] += 1
                return web.Response(status=503)
            self.accepted[delivery] += 1
            self.bodies.append(json.loads(body))
            self._changed.set()
            await self.answering.wait()
            return web.Response(status=204)
        finally:
            self._changed.set()

    async def until(self, condition: Callable[[Self], object], within_s: float = 60.0) -> None:
        """Wait for something a delivery brings about."""
        async with asyncio.timeout(within_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()
