"""A claim on a live stream: what makes a device send, and goes on doing so while somebody wants it.

`live.start` opens the stream for a limited time, `live.touch` renews, `live.stop` gives it up at once. If this
process dies the claim lapses by itself.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from cambus.client.calling import BusClient
from cambus.schemas.commands import live
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.schemas.ids import StreamName

PASSING: Final = frozenset(
    {ErrorCode.OVERLOADED, ErrorCode.CONFLICT, ErrorCode.DEADLINE, ErrorCode.DEVICE_PROTOCOL}
)
"""Failures of a start after which the next try may well succeed."""

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 15.0
_RENEWALS_PER_TTL = 3
_STOP_TIMEOUT_S = 3.0


class LiveClaim:
    """Holds one claim with the device's connector.

    Args:
        client: makes the calls.
        device: the device.
        channel: its channel, counted from 0.
        stream: which encoder.
        claimant: who claims; unique to this process.
        ttl_s: how long a claim lives unrenewed.
        on_outcome: told of every start: None when the claim is held, else why it is not; never raises.

    Attributes:
        held: whether it is.
        route: by which systems below the device the stream comes, where they say so.
    """

    def __init__(
        self,
        client: BusClient,
        device: str,
        channel: int,
        stream: StreamName,
        claimant: str,
        *,
        ttl_s: float,
        on_outcome: Callable[[CambusError | None], None],
    ) -> None:
        self._client = client
        self._device = device
        self._channel = channel
        self._stream: StreamName = stream
        self._claimant = claimant
        self._ttl_s = ttl_s
        self._on_outcome = on_outcome
        self._wake = asyncio.Event()
        self.held = False
        self.route = ""

    async def hold(self) -> None:
        """Claim, renew and claim again after every loss, until cancelled."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                ttl_s = await self._start()
            except CambusError as error:
                self._on_outcome(error)
                await self._pause(retry_s * random.uniform(0.8, 1.2))  # noqa: S311  # spreads retries, no secret
                retry_s = min(retry_s * 2, _LAST_RETRY_S)
                continue
            retry_s = _FIRST_RETRY_S
            self.held = True
            self._on_outcome(None)
            await self._renew(ttl_s)
            self.held = False

    def wake(self) -> None:
        """Look at once instead of at the next turn: the device came back, or its stream broke off."""
        self._wake.set()

    async def release(self) -> None:
        """Give the claim up; that it may fail does no harm, it lapses then."""
        self.held = False
        request = live.LiveStopRequest(channel=self._channel, stream=self._stream, claimant=self._claimant)
        try:
            await self._client.call(live.STOP, request, device=self._device, timeout_s=_STOP_TIMEOUT_S)
        except CambusError:
            return

    async def _start(self) -> float:
        request = live.LiveStartRequest(
            channel=self._channel, stream=self._stream, claimant=self._claimant, ttl_s=self._ttl_s
        )
        reply = await self._client.call(live.START, request, device=self._device)
        self.route = reply.route
        return reply.ttl_s

    async def _renew(self, ttl_s: float) -> None:
        """Touch the claim until it is lost. A touch without an answer is forgiven while the claim still lives."""
        loop = asyncio.get_running_loop()
        expires_at = loop.time() + ttl_s
        while True:
            await self._pause(ttl_s / _RENEWALS_PER_TTL)
            request = live.LiveTouchRequest(
                channel=self._channel,
                stream=self._stream,
                claimant=self._claimant,
                ttl_s=self._ttl_s,
            )
            asked_at = loop.time()
            try:
                await self._client.call(live.TOUCH, request, device=self._device)
            except CambusError as error:
                if error.code not in PASSING or loop.time() >= expires_at:
                    return
            else:
                expires_at = asked_at + ttl_s

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()
