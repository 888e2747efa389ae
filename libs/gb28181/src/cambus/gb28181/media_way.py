"""What a session holds while it lasts: a number, a port, and what comes in at it."""

from __future__ import annotations

import asyncio

from cambus.gb28181.media_input import MediaInput
from cambus.gb28181.media_port import MediaPort
from cambus.gb28181.shared_port import SharedPort
from cambus.gb28181.ssrc import SsrcPool


class MediaWay:
    """The way the media of one session comes in.

    Args:
        ssrcs: where the number goes back to.
        ssrc: the number.
        media: what comes in.
        port: where.
        shared: the same, where it belongs to all sessions.
    """

    def __init__(
        self, ssrcs: SsrcPool, ssrc: int, media: MediaInput, port: MediaPort, shared: SharedPort | None = None
    ) -> None:
        self.ssrc = ssrc
        self.media = media
        self._ssrcs = ssrcs
        self._port = port
        self._shared = shared
        if shared is not None:
            media.latch.strict = True
            shared.register(ssrc, media)

    @property
    def number(self) -> int:
        """The number of the port."""
        return self._port.port

    def adopt(self, ssrc: int) -> None:
        """The device has chosen another number; at a port of all sessions, none that is another's (GB-145, GB-147)."""
        if self._shared is not None and self._shared.has(ssrc):
            return
        self.media.latch.ssrc = ssrc
        if self._shared is not None:
            self._shared.forget(self.media)
            self._shared.register(ssrc, self.media)

    async def connect(self, host: str, port: int, *, tries: int, pause_s: float) -> None:
        """Fetch the media over TCP. Raises MediaError `no-connection`."""
        await self._port.connect(host, port, sink=self.media, tries=tries, pause_s=pause_s)

    def send(self, packet: bytes, address: tuple[str, int] | None) -> bool:
        """Send a packet to the other side; whether it left."""
        return self._port.send(packet, address)

    def hold(self, *, held: bool) -> None:
        """Read its connection no more, or go on; a port of all sessions is read all the time."""
        if self._shared is None:
            self._port.hold(held=held)

    def close(self) -> None:
        """Give port and number back."""
        self.media.close()
        if self._shared is not None:
            self._shared.forget(self.media)
            self._port.disconnect(self.media)
        else:
            self._port.close()
        self._ssrcs.give_back(self.ssrc, asyncio.get_running_loop().time())
