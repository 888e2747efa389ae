"""A stream that is published: from the connection it comes by to whoever wants it."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.steady_clock import SteadyClock
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.schemas.ids import StreamName

MOST_WAITING_BYTES: Final = 8 << 20
"""Media that waits to be put on the bus; where that is too slow, what waits is dropped."""
DEAD_S: Final = 3.0
"""A publisher that has sent nothing for so long gives way to another of the same stream."""


class Publication:
    """One stream as it comes.

    Args:
        by: how it is published: `rtsp` or `rtmp`.
        channel: of the device.
        stream: of the channel.
        address: where it comes from.
        software: what the publisher calls itself.
        audio: whether its sound is wanted.
        hang_up: ends the connection.

    Attributes:
        by, channel, stream, address, software: see above.
        clock: what arrivals are stamped with.
        sets: parameter sets that were told beside the stream, with their codec.
        sound: what its sound is, once that is known.
        tracks: what it has, for people.
        faults: what was dropped since it began, by reason.
        drift_s: seconds the publisher's clock is ahead of ours; None where it does not say.
        ended: why it is over; None while it is not.
        told: called when more is known of it.
    """

    def __init__(
        self,
        by: str,
        channel: int,
        stream: StreamName,
        *,
        address: str,
        software: str,
        audio: bool,
        hang_up: Callable[[str], None],
    ) -> None:
        self.by = by
        self.channel = channel
        self.stream: StreamName = stream
        self.address = address
        self.software = software
        self.clock = SteadyClock()
        self.sets: list[tuple[bytes, Codec]] = []
        self.sound: AudioConfig | None = None
        self.tracks: list[dict[str, Any]] = []
        self.faults: Counter[str] = Counter()
        self.drift_s: float | None = None
        self.ended: SessionEnd | None = None
        self.told: Callable[[], None] = lambda: None
        self._audio = audio
        self._hang_up = hang_up
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._seen_at = self._loop.time()
        self._wanted = False
        self._broken = False
        self._faults_before: Counter[str] = Counter()
        self._waiting: deque[StreamUnit] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()

    # --- the connection's side --------------------------------------------------------------------------

    @property
    def unseen_s(self) -> float:
        """Seconds since the last picture."""
        return self._loop.time() - self._seen_at

    @property
    def dead(self) -> bool:
        """Whether it has been silent for so long that another may take its place."""
        return self.ended is not None or self._loop.time() - self._heard_at >= DEAD_S

    def deliver(self, units: Sequence[StreamUnit]) -> None:
        """Media has come."""
        if not units:
            return
        self._heard_at = self._loop.time()
        if any(unit.codec.is_video for unit in units):
            self._seen_at = self._heard_at
        if not self._wanted:
            return
        for unit in units:
            if self._audio or unit.codec.is_video:
                self._waiting.append(unit)
                self._waiting_bytes += len(unit.payload)
        if self._waiting_bytes > MOST_WAITING_BYTES:
            self.faults["queue"] += len(self._waiting)
            self._drop()
            self._broken = True
        self._news.set()

    def end(self, reason: EndReason, text: str) -> None:
        """It is over; the first reason counts."""
        if self.ended is None:
            self.ended = SessionEnd(reason, text)
            self._news.set()
            self._hang_up(text)

    # --- the bus's side ---------------------------------------------------------------------------------

    @property
    def audible(self) -> bool | None:
        """Whether it has sound; None while that is not known."""
        return (self.sound is not None and self._audio) or None

    @property
    def counts(self) -> Counter[str]:
        """What was dropped since somebody wanted it, by reason."""
        return self.faults - self._faults_before

    def open(self) -> None:
        """Somebody wants it: from here on."""
        self._faults_before = self.faults.copy()
        self._drop()
        self._wanted, self._broken = True, False

    async def units(self) -> list[StreamUnit]:
        """Wait for what comes next. Raises SessionEnd when it is over."""
        while not self._waiting:
            if self.ended is not None:
                raise SessionEnd(self.ended.reason, self.ended.text)
            self._news.clear()
            await self._news.wait()
        units = list(self._waiting)
        self._drop()
        if self._broken and units[0].codec.is_video:
            units[0] = StreamUnit(
                units[0].codec, units[0].stream_type, units[0].payload, units[0].pts, True, units[0].dts
            )
            self._broken = False
        return units

    async def close(self) -> None:
        """Nobody wants it any more; it goes on coming."""
        self._wanted = False
        self._drop()

    def _drop(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
