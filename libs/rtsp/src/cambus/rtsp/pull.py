"""A stream that a server sends: units as they come, until it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.rtsp.client_errors import ConnectionLost, Stalled
from cambus.rtsp.client_link import Link
from cambus.rtsp.description import Description, Track
from cambus.rtsp.events import TrackData
from cambus.rtsp.pull_session import Event
from cambus.rtsp.track_readers import TrackReaders
from cambus.rtsp.udp_ports import UdpPorts

REPORT_S: Final = 5.0
"""How often a sender over UDP hears that we are there (RFC 3550 §6.2)."""


class Pull:
    """A stream that plays. Made by `open_pull`, ended by `close`.

    Args:
        link: the connection.
        description: what there is.
        tracks: what of it comes; the first is the one the others are put in step with.
        ports: where each comes to, over UDP.
        stall_s: without a picture for so long it has ended, whatever else comes.
        clock_us: what arrivals are stamped with.

    Attributes:
        description: see above.
        tracks: see above.
    """

    def __init__(
        self,
        link: Link,
        description: Description,
        tracks: Sequence[Track],
        ports: Mapping[int, UdpPorts],
        *,
        stall_s: float,
        clock_us: Callable[[], int],
    ) -> None:
        self.description = description
        self.tracks = tuple(tracks)
        self._link = link
        self._ports = ports
        self._stall_s = stall_s
        self._clock_us = clock_us
        self._readers = TrackReaders(tracks, datagrams=bool(ports))
        self._seen_at = self._report_at = link.now()
        for each in ports.values():
            each.on_data = link.wake

    @property
    def sets(self) -> list[tuple[bytes, Codec]]:
        """The parameter sets of its tracks, as Annex-B, where the description has them."""
        return [(track.sets, track.codec) for track in self.tracks if track.sets and track.codec is not None]

    @property
    def sound(self) -> AudioConfig | None:
        """What its sound is; None without."""
        return next((track.sound for track in self.tracks if track.sound is not None), None)

    @property
    def drift_s(self) -> float | None:
        """Seconds the server's clock is ahead of ours, by its reports; None before the first."""
        return self._readers.drift_s

    @property
    def counts(self) -> Counter[str]:
        """What was dropped, by reason."""
        total = Counter({"strays": self._link.session.strays}) + self._readers.counts
        for ports in self._ports.values():
            total["strangers"] += ports.strangers
            total["queue"] += ports.dropped
        return total

    async def units(self) -> list[StreamUnit]:
        """Wait for what comes next; none is possible too.

        Raises:
            Stalled: no picture for too long.
            ClientError: the stream has ended.
        """
        events = await self._link.take(self._deadline())
        now, arrival_us = self._link.now(), self._clock_us()
        units = self._read(events, now, arrival_us)
        for number, ports in self._ports.items():
            for rtcp, data in ports.take():
                units += self._readers.push(number, data, now, arrival_us, rtcp=rtcp)
        units += self._readers.due(now, arrival_us)
        self._report(now)
        if any(unit.codec.is_video for unit in units):
            self._seen_at = now
        elif now - self._seen_at >= self._stall_s:
            raise Stalled(f"no picture for {self._stall_s:g} s")
        if not units and self._readers.ended:
            raise ConnectionLost("the server has ended the stream")
        return units

    async def close(self) -> None:
        """Say goodbye and give everything back; bounded in time, never raises, may be called twice."""
        try:
            await self._link.close()
        finally:
            for ports in self._ports.values():
                ports.close()
            if self._ports:
                await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    def _read(self, events: Sequence[Event], now: float, arrival_us: int) -> list[StreamUnit]:
        units: list[StreamUnit] = []
        for event in events:
            if isinstance(event, TrackData):
                units += self._readers.push(event.track, event.data, now, arrival_us, rtcp=event.rtcp)
        return units

    def _deadline(self) -> float:
        deadlines = [self._seen_at + self._stall_s]
        if self._readers.deadline is not None:
            deadlines.append(self._readers.deadline)
        if self._ports:
            deadlines.append(self._report_at)
        return min(deadlines)

    def _report(self, now: float) -> None:
        if now < self._report_at or not self._ports:
            return
        self._report_at = now + REPORT_S
        for number, ports in self._ports.items():
            ports.report(self._link.session.agreed[number].server_ports)
