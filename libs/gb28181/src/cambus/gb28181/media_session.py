"""All sessions of a platform: set up, kept, and ended, by this process or the next (§8, GB-140 to GB-153)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cambus.gb28181.errors import DeviceOffline, Refused
from cambus.gb28181.invitation import compose, invite, peer_of
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.media_input import Latch, MediaInput
from cambus.gb28181.media_order import SessionOrder, StreamDialect, Transport
from cambus.gb28181.media_port import MediaPort, PortRange
from cambus.gb28181.media_settings import MediaSettings
from cambus.gb28181.media_way import MediaWay
from cambus.gb28181.open_dialog import Orphans
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.running_session import MediaSession
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.shared_port import SharedPort
from cambus.gb28181.ssrc import SsrcPool
from cambus.media.mpegps import StreamUnit
from cambus.sip.peer import Peer

__all__ = [
    "MediaSession",
    "MediaSessions",
    "MediaSettings",
    "SessionOrder",
    "StreamDialect",
    "Transport",
]

logger = logging.getLogger(__name__)

OnUnits = Callable[[list[StreamUnit]], None]


class MediaSessions:
    """All sessions of one platform.

    Args:
        platform: whose devices.
        settings: where media is received.
        ssrcs: gives out the numbers of sessions.
        on_change: called whenever a session was opened or is over: what `to_json` gives has changed.
    """

    def __init__(
        self,
        platform: Gb28181Platform,
        settings: MediaSettings,
        ssrcs: SsrcPool | None = None,
        *,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.platform = platform
        self.settings = settings
        self.ssrcs = ssrcs or SsrcPool(platform.settings.domain)
        self.open_sessions: set[MediaSession] = set()
        self.on_change = on_change
        self._ports = PortRange(settings.ports)
        self._shared: SharedPort | None = None
        self._opening: dict[asyncio.Timeout, str] = {}
        self._orphans = Orphans(platform)
        self._sharing = asyncio.Lock()

    async def open(self, device: str, order: SessionOrder, on_units: OnUnits) -> MediaSession:
        """Set a session up.

        Args:
            device: its code.
            order: what is wanted.
            on_units: called with what comes; must not block.

        Raises:
            OutOfRange: the channel has no such encoder; nothing was sent.
            DeviceOffline: the device is not registered, or went meanwhile.
            Busy: it takes no further session.
            Refused, Unsupported: it does not want this one.
            Unreachable: it does not answer.
            MediaError: no port (`no-port`) or no number (`ssrc-exhausted`) is free, its address must not be
                connected to (`address-refused`), or cannot be (`no-connection`).
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._opening[scope] = device
                await self._orphans.end(device)
                return await self._open_or_udp(device, order, on_units)
        except TimeoutError:
            if scope.expired():
                raise DeviceOffline("the device went offline meanwhile") from None
            raise
        finally:
            self._opening.pop(scope, None)

    async def _open_or_udp(self, device: str, order: SessionOrder, on_units: OnUnits) -> MediaSession:
        try:
            return await self._open(device, order, on_units)
        except Refused as refusal:
            if refusal.status != 488 or order.transport == "udp":
                raise
            logger.info("the device takes no TCP; trying UDP", extra={"device": device})
            return await self._open(device, replace(order, transport="udp"), on_units)

    async def _open(self, device: str, order: SessionOrder, on_units: OnUnits) -> MediaSession:
        platform = self.platform
        peer, version = peer_of(platform, device), platform.device(device).version
        way = await self._way(order, peer, on_units)
        try:
            code = platform.settings.code
            offer = order.offer(code, self.settings.advertised, way.number, way.ssrc, version)
            request = compose(platform, order, peer, offer, order.subject(code, way.ssrc))
            invitation, answer = await invite(platform, device, request, peer)
        except BaseException:
            way.close()
            raise
        session = MediaSession(self, device, order, way, invitation, answer)
        self.open_sessions.add(session)
        self.changed()
        try:
            await session.begin(peer)
        except BaseException:
            await session.close()
            raise
        return session

    async def _way(self, order: SessionOrder, peer: Peer, on_units: OnUnits) -> MediaWay:
        """A number and a port."""
        settings, loop = self.settings, asyncio.get_running_loop()
        wants_shared = settings.shared_port and order.purpose is not Purpose.TALK
        shared = await self._shared_port() if wants_shared else None
        ssrc = self._number(order, shared)
        strict = settings.strict_ssrc if order.strict_ssrc is None else order.strict_ssrc
        media = MediaInput(on_units, Latch(ssrc, frozenset({peer.host}), strict=strict))
        try:
            if shared is not None:
                return MediaWay(self.ssrcs, ssrc, media, shared.socket, shared)
            port = MediaPort(media, host=settings.host)
            await port.open(self._ports.next())
        except BaseException:
            self.ssrcs.give_back(ssrc, loop.time())
            raise
        return MediaWay(self.ssrcs, ssrc, media, port)

    def _number(self, order: SessionOrder, shared: SharedPort | None) -> int:
        """A number no session has: at a port of all of them, none that a device has chosen for another (GB-147)."""
        now = asyncio.get_running_loop().time()
        chosen: list[int] = []
        try:
            while True:
                ssrc = self.ssrcs.take(now, history=order.history)
                if shared is None or not shared.has(ssrc):
                    return ssrc
                chosen.append(ssrc)
        finally:
            for each in chosen:
                self.ssrcs.give_back(each, now)

    async def _shared_port(self) -> SharedPort:
        async with self._sharing:
            if self._shared is None:
                shared = SharedPort(self.settings.host)
                await shared.socket.open([self.settings.shared_port])
                self._shared = shared
            return self._shared

    # --- while they last --------------------------------------------------------------------------------

    def of(self, device: str) -> list[MediaSession]:
        """The sessions of a device."""
        return [each for each in self.open_sessions if each.device == device]

    def offline(self, device: str) -> None:
        """The device went offline: its sessions end, and so do invitations under way (GB-054)."""
        for session in self.of(device):
            session.offline()
        for scope in [scope for scope, each in self._opening.items() if each == device]:
            if not scope.expired():
                scope.reschedule(asyncio.get_running_loop().time())

    def told(self, device: str, envelope: Envelope) -> bool:
        """A body outside a dialog that may be about a session: the only recording of its device (GB-128)."""
        history = [each for each in self.of(device) if each.order.history]
        return len(history) == 1 and history[0].told(envelope)

    def to_json(self) -> list[dict[str, Any]]:
        """All open dialogs as plain values: what `end_orphans` of another process needs (GB-153)."""
        return [*(each.to_json() for each in self.open_sessions), *self._orphans.to_json()]

    async def end_orphans(self, values: Iterable[Mapping[str, Any]]) -> None:
        """End sessions of a process that is no more.

        Those of a device that is not there are ended before it is next invited, or by `end_orphans_of`.

        Args:
            values: what its `to_json` gave; what cannot be read is passed over.
        """
        await asyncio.gather(*(self.end_orphans_of(device) for device in self._orphans.adopt(values)))

    async def end_orphans_of(self, device: str) -> None:
        """The device is there again: what another process left open with it is ended."""
        if await self._orphans.end(device):
            self.changed()

    def over(self, session: MediaSession) -> None:
        """A session is over, here at least."""
        self.open_sessions.discard(session)

    def changed(self) -> None:
        """What is open has changed."""
        if self.on_change is not None:
            self.on_change()

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(session.close() for session in list(self.open_sessions)))
        if self._shared is not None:
            self._shared.socket.close()
            self._shared = None
