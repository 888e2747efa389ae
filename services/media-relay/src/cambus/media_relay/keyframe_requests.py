"""Asking an encoder for a keyframe: for viewers who would see nothing until the next one."""

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from cambus.client.calling import BusClient
from cambus.media_relay.key import StreamKey
from cambus.schemas.commands import live
from cambus.schemas.errors import CambusError, ErrorCode

log = logging.getLogger(__name__)

INTERVAL_S: Final = 2.0
"""Between requests. A keyframe is large: many of them would cost all viewers, and the recordings, their quality."""

_CALL_TIMEOUT_S: Final = 3.0
_NEVER: Final = frozenset({ErrorCode.UNSUPPORTED, ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND})


class Asked(StrEnum):
    """What came of a request; also the label of the metric that counts them."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


class KeyframeRequests:
    """Asks for one stream's keyframes, at most every `interval_s`; a device that can not is asked once.

    Args:
        client: makes the calls.
        key: the stream, a live one.
        needed: whether a keyframe is still wanted; it may have come by itself meanwhile.
        interval_s: least time between requests.
    """

    def __init__(
        self, client: BusClient, key: StreamKey, needed: Callable[[], bool], *, interval_s: float = INTERVAL_S
    ) -> None:
        self._client = client
        self._key = key
        self._needed = needed
        self._interval_s = interval_s
        self._wanted = asyncio.Event()
        self.counts = dict.fromkeys(Asked, 0)

    def want(self) -> None:
        """Somebody waits for a keyframe."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask whenever it is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not self._needed():
                continue
            outcome = await self._ask()
            self.counts[outcome] += 1
            if outcome is Asked.UNSUPPORTED:
                await asyncio.Event().wait()
            await asyncio.sleep(self._interval_s)

    async def _ask(self) -> Asked:
        key = self._key
        request = live.LiveKeyframeRequest(channel=key.channel, stream=key.encoder)
        try:
            await self._client.call(live.KEYFRAME, request, device=key.device, timeout_s=_CALL_TIMEOUT_S)
        except CambusError as error:
            log.debug("no keyframe to be had", extra={"device": key.device, "reason": error.reason})
            return Asked.UNSUPPORTED if error.code in _NEVER else Asked.FAILED
        return Asked.OK
