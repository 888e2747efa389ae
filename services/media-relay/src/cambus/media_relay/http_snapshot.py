"""JPEG pictures over HTTP."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aiohttp import web

from cambus.media_relay.access import Access
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.snapshots import Snapshots
from cambus.schemas.errors import BadRequest

OUTPUT_NAME: Final = "jpeg"
TAKEN_AT: Final = "Cambus-Taken-At"
_NARROWEST, _WIDEST = 16, 8192


class SnapshotHandlers:
    """Answers `/live/<device>/<channel>/<stream>.jpg`.

    Args:
        snapshots: makes the pictures.
        access: who may see them.
        metrics: counts them.
    """

    def __init__(self, snapshots: Snapshots, access: Access, metrics: RelayMetrics) -> None:
        self._snapshots = snapshots
        self._access = access
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [web.get("/live/{device}/{channel}/{stream}.jpg", self._take, allow_head=False)]

    async def _take(self, request: web.Request) -> web.Response:
        async with await self._access.admit(request, partial(_key, request), "snapshot"):
            asked_at = time.monotonic()
            snapshot = await self._snapshots.take(_key(request), _width(request))
        self._metrics.start(OUTPUT_NAME).observe(time.monotonic() - asked_at)
        self._metrics.sent(OUTPUT_NAME).inc(len(snapshot.data))
        taken_at = datetime.fromtimestamp(snapshot.wall_us / 1e6, UTC)
        headers = {
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            TAKEN_AT: taken_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return web.Response(body=snapshot.data, content_type="image/jpeg", headers=headers)


def _key(request: web.Request) -> StreamKey:
    parts = request.match_info
    return parse_key(parts["device"], parts["channel"], parts["stream"])


def _width(request: web.Request) -> int | None:
    text = request.query.get("width")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and _NARROWEST <= int(text) <= _WIDEST):
        raise BadRequest(f"width: wanted {_NARROWEST} to {_WIDEST} pixels")
    return int(text)
