"""What comes in for one session: whose it is, put in order, and made into units (§11, GB-182 to GB-187)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cambus.gb28181.datagram_poll import Batch
from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_payload import PayloadRouter
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.mpegps import StreamUnit
from cambus.media.rtp_receiver import RtpReceiver, RtpRun

SILENT_S: Final = 2.0
"""A sender that has been silent for so long may go on under another SSRC."""

SETTLE_S: Final = 0.15
"""Longer than a packet is waited for: what has not come then does not come."""
_MOST_ROUNDS: Final = 400
"""A device that goes on sending after the end is waited for no longer than a minute."""


@dataclass(slots=True)
class Latch:
    """Who sends the media of a session.

    Attributes:
        ssrc: what was agreed; None takes whatever comes from the right address.
        hosts: addresses the device is known by.
        strict: whether the SSRC must be right even from the right address.
    """

    ssrc: int | None
    hosts: frozenset[str]
    strict: bool = False
    _held: tuple[int, str] | None = field(default=None)

    def takes(self, ssrc: int, host: str) -> bool:
        """Whether a packet is of the session; the first that is holds it, until a better one comes (GB-182, GB-183).

        Better is what comes from a known address, and then what has the agreed SSRC.
        """
        if (ssrc, host) == self._held:
            return True
        rank = self._rank(ssrc, host)
        if rank == 0 or (self._held is not None and rank <= self._rank(*self._held)):
            return False
        self._held = (ssrc, host)
        return True

    def release(self) -> None:
        """Who held it has been silent."""
        self._held = None

    def _rank(self, ssrc: int, host: str) -> int:
        agreed, known = ssrc == self.ssrc, host in self.hosts
        if self.strict and self.ssrc is not None and not agreed:
            return 0
        return 2 * known + agreed


class MediaInput:
    """Receives one session.

    Args:
        on_units: called with what has been received; must not block.
        latch: who may send it.

    Attributes:
        last_at: when something of the session last came, by the event loop's clock; None before the first.
        failure: why nothing more will come; None while it may.
        held: whether its connection is not read for now.
        order: counts of packets that came twice, late or not at all.
    """

    def __init__(self, on_units: Callable[[list[StreamUnit]], None], latch: Latch) -> None:
        self.last_at: float | None = None
        self.failure: MediaError | None = None
        self.held = False
        self.latch = latch
        self._on_units = on_units
        self._receiver = RtpReceiver(self._takes)
        self._router = PayloadRouter()
        self._started = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._packets = 0

    @property
    def packets(self) -> int:
        """How many of the session have come."""
        return self._receiver.packets

    @property
    def octets(self) -> int:
        """Bytes in them, without RTP headers."""
        return self._receiver.octets

    @property
    def counts(self) -> Counter[str]:
        """What was dropped, by reason."""
        return self._receiver.counts

    @property
    def dropped_types(self) -> int:
        """Packets of more payload types than a session may have (GB-186)."""
        return self._router.counts["payload-types"]

    @property
    def order(self) -> Counter[str]:
        """What came twice, late or not at all."""
        return self._receiver.order.counts

    @property
    def span_s(self) -> float:
        """How much media time has come, as its own clock has it."""
        return self._router.clock.span_s

    def answered(self, formats: Iterable[PayloadFormat]) -> None:
        """The device has said what its payload types are; media may have come before that."""
        self._router.said(formats)

    async def started(self) -> None:
        """Wait for the first packet of the session."""
        await self._started.wait()

    async def settle(self) -> None:
        """The device says that this was all: wait for what is still on its way, and give out what is left."""
        seen, rounds = -1, 0
        while self.held or (seen != self.packets and rounds < _MOST_ROUNDS):
            seen, rounds = self.packets, rounds + 1
            await asyncio.sleep(SETTLE_S)
        if not self._closed and (units := self._router.flush(self._loop.time())):
            self._on_units(units)

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def fail(self, failure: MediaError) -> None:
        """Nothing more will come."""
        self.failure = self.failure or failure
        self._started.set()

    # --- packets ----------------------------------------------------------------------------------------

    def knows(self, host: str) -> bool:
        """Whether an address is the device's."""
        return host in self.latch.hosts

    def datagrams(self, batch: Batch) -> None:
        """Take datagrams."""
        now = self._loop.time()
        self._put(self._receiver.datagrams(batch, now), now)
        if self._timer is None:
            self._set_timer()

    def segments(self, packets: list[bytes], host: str) -> None:
        """Take packets of a connection; an empty one says that bytes are missing."""
        now = self._loop.time()
        if b"" in packets:
            self.counts["resync"] += packets.count(b"")
        self._put(self._receiver.segments(packets, host), now)

    def _takes(self, ssrc: int, host: str) -> bool:
        if self.latch.takes(ssrc, host):
            return True
        if self.last_at is not None and self._loop.time() - self.last_at > SILENT_S:
            self.latch.release()
            return self.latch.takes(ssrc, host)
        return False

    def _put(self, runs: Iterable[RtpRun | None], now: float) -> None:
        if self._receiver.packets != self._packets:
            self._packets = self._receiver.packets
            if self.last_at is None:
                self._started.set()
            self.last_at = now
        if self._closed:
            return
        units: list[StreamUnit] = []
        router = self._router
        try:
            for run in runs:
                if run is None:
                    router.lost()
                else:
                    units += router.push(run, now)
        except MediaError as failure:
            self.fail(failure)
        if units:
            self._on_units(units)

    def _set_timer(self) -> None:
        """What waits for a missing packet waits no longer than it may."""
        deadline = self._receiver.order.deadline
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_at(deadline, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._put(self._receiver.due(now), now)
        self._set_timer()
