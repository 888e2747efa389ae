"""One loudspeaker of a device, which has invited us to fetch our sound (§8.5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from cambus.gb28181 import sdp
from cambus.gb28181.errors import MediaError
from cambus.gb28181.invitation import agree_again, follow
from cambus.gb28181.media_port import CONNECT_TRIES, connect_media
from cambus.gb28181.media_settings import MediaSettings, usable
from cambus.gb28181.media_wish import G711
from cambus.gb28181.open_dialog import say_bye
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.sdp import Description, Setup
from cambus.gb28181.sound_packets import SoundPackets, format_of
from cambus.sip.dialog import Dialog
from cambus.sip.events import RequestReceived

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES: Final = 64 * 1024
_ACTIVE_PORT: Final = 9
"""Where nothing listens: we connect (RFC 4145 §4.1)."""


class Loudspeaker:
    """Our end of one session a device has set up.

    Args:
        platform: whose device.
        settings: where sound is sent from.
        device: its code.
        event: its INVITE.
        ssrc: of our packets, where its offer has none.

    Attributes:
        ready: set once something can be heard.
        ended: set once it is over.
        dropped: packets that were not sent because the device does not read.
    """

    def __init__(
        self,
        platform: Gb28181Platform,
        settings: MediaSettings,
        device: str,
        event: RequestReceived,
        ssrc: int,
    ) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.dropped = 0
        self._platform = platform
        self._settings = settings
        self._device = device
        self._event = event
        self._offer = Description.parse(event.request.body)
        self._format = format_of(self._offer.formats)
        self._packets = SoundPackets(self._offer.ssrc or ssrc, self._format)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._dialog: Dialog | None = None
        self._answered = b""
        self._scope: asyncio.Timeout | None = None

    async def start(self, on_ready: Callable[[], None]) -> None:
        """Answer the INVITE, and get through to the device; returns once it is over. Never raises.

        Args:
            on_ready: called once something can be heard.
        """
        try:
            try:
                port = await self._open()
            except (OSError, MediaError) as error:
                logger.info("a broadcast finds no way to the device", extra={"reason": str(error)})
                self._platform.endpoint.respond(self._event.transaction, 488)
                return
            self._answer(port)
            async with asyncio.timeout(None) as self._scope:
                if self._setup == "active":
                    await self._connect()
                await self.ready.wait()
                on_ready()
                await self.ended.wait()
        except TimeoutError:
            return  # hung up
        except MediaError as error:
            logger.info("a device cannot be spoken to", extra={"device": self._device, "reason": error.text})
        finally:
            await self._close()

    def hang_up(self) -> None:
        """End it, however far it is."""
        self.ended.set()
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    def send(self, samples: bytes) -> None:
        """Send A-law."""
        for packet in self._packets.cut(samples):
            if self._udp is not None:
                self._udp.sendto(packet)
            elif self._tcp is not None and not self._tcp.is_closing():
                if self._tcp.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    self.dropped += 1
                else:
                    self._tcp.write(len(packet).to_bytes(2, "big") + packet)

    def connected(self, transport: asyncio.Transport) -> None:
        """The device is on the line; the first connection counts, and only one from where the device is."""
        peer = transport.get_extra_info("peername") or ("",)
        known = {self._event.peer.host, usable(self._offer.address)}
        if self._tcp is not None or peer[0] not in known:
            transport.abort()
            return
        self._tcp = transport
        self.ready.set()

    # --- setting up -------------------------------------------------------------------------------------

    @property
    def _setup(self) -> Setup | None:
        """What we do about the connection: the other thing than the device; None on UDP."""
        if not self._offer.tcp:
            return None
        return "active" if self._offer.setup == "passive" else "passive"

    async def _open(self) -> int:
        """A socket for the sound: the port the device is told. Raises OSError, MediaError."""
        loop, host = asyncio.get_running_loop(), self._settings.host
        if self._setup == "active":
            return _ACTIVE_PORT
        if self._setup == "passive":
            self._server = await loop.create_server(lambda: _Line(self), host, 0)
            return int(self._server.sockets[0].getsockname()[1])
        if not self._offer.port:
            raise MediaError("no-address", "the device does not say where it listens")
        self._udp, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(host, 0), remote_addr=(self._target(), self._offer.port)
        )
        self.ready.set()
        return int(self._udp.get_extra_info("sockname")[1])

    def _target(self) -> str:
        return self._settings.target(usable(self._offer.address), self._event.peer.host)

    def _answer(self, port: int) -> None:
        platform, transaction = self._platform, self._event.transaction
        answer = Description(
            platform.settings.code,
            self._settings.advertised,
            port,
            media="audio",
            tcp=self._offer.tcp,
            formats=(self._format,),
            direction="sendonly",
            setup=self._setup,
            ssrc=self._packets.ssrc,
            wanted=str(G711),
        )
        self._answered = answer.serialize()
        headers = [("Contact", platform.contact(self._event.peer)), ("Content-Type", sdp.CONTENT_TYPE)]
        response = platform.endpoint.respond(transaction, 200, headers=headers, body=self._answered)
        self._dialog = Dialog.taken(self._event.request, response.to_tag, self._event.peer)
        platform.in_dialog(self._dialog.key, self._request, device=self._device)

    async def _connect(self) -> None:
        """Raises MediaError."""
        pause_s = self._settings.connect_pause_s
        await connect_media(
            lambda: _Line(self), self._target(), self._offer.port, tries=CONNECT_TRIES, pause_s=pause_s
        )

    # --- the end ----------------------------------------------------------------------------------------

    def _request(self, event: RequestReceived) -> None:
        if event.request.method == "INVITE":
            agree_again(self._platform, event, self._answered)
            return
        self._platform.endpoint.respond(event.transaction, 200)
        if event.request.method == "BYE":
            self._forget()
            self.ended.set()

    def _forget(self) -> None:
        if self._dialog is not None:
            self._platform.in_dialog(self._dialog.key, None)
            self._dialog = None

    async def _close(self) -> None:
        """Hang up, unless the device has."""
        self.ended.set()
        for transport in (self._udp, self._tcp):
            if transport is not None:
                transport.close()
        if self._server is not None:
            self._server.close()
        dialog = self._dialog
        self._forget()
        if dialog is not None:
            follow(self._platform, self._device, dialog)
            await say_bye(self._platform, self._device, dialog)


class _Line(asyncio.Protocol):
    """A connection sound goes out on; what comes in on it is not listened to."""

    def __init__(self, loudspeaker: Loudspeaker) -> None:
        self._loudspeaker = loudspeaker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loudspeaker.connected(cast("asyncio.Transport", transport))
