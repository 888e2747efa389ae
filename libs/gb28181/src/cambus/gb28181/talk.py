"""Sound both ways in one session, for devices that take `s=Talk` (§8.5, GB-196); for others, play and broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from cambus.gb28181.media_order import SessionOrder, Transport
from cambus.gb28181.media_session import MediaSession, MediaSessions
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.sound_packets import SoundPackets, format_of
from cambus.media.mpegps import StreamUnit


class Talk:
    """One conversation with a device.

    Args:
        session: its session.

    Attributes:
        session: the same; `session.run()` tells when it is over.
        unsent: packets that found no way: the device has not connected yet, or does not read.
    """

    def __init__(self, session: MediaSession) -> None:
        self.session = session
        self.unsent = 0
        self._packets = SoundPackets(session.ssrc, format_of(session.answer.formats))

    @classmethod
    async def open(
        cls,
        sessions: MediaSessions,
        device: str,
        channel: str,
        on_units: Callable[[list[StreamUnit]], None],
        *,
        transport: Transport = "tcp-passive",
    ) -> Self:
        """Call a device.

        Args:
            sessions: all of the platform.
            device: its code.
            channel: code of what is spoken with.
            on_units: called with what it says; must not block.
            transport: both ways.

        Raises:
            GbError: as `MediaSessions.open`.
        """
        order = SessionOrder(channel, purpose=Purpose.TALK, transport=transport)
        return cls(await sessions.open(device, order, on_units))

    def send(self, samples: bytes) -> None:
        """Send G.711 A-law, at the pace it is to be heard; it leaves in packets of 20 ms."""
        for packet in self._packets.cut(samples):
            self.unsent += not self.session.send(packet)

    async def close(self) -> None:
        """Hang up; may be called twice."""
        await self.session.close()
