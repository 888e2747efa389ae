"""Sound to a device: it is told to fetch it, and then invites us (§8.5, GB-190 to GB-196)."""

from __future__ import annotations

import asyncio
import logging
import secrets
import struct
from collections.abc import Callable, Iterable
from typing import Final, cast

from cambus.gb28181 import sdp
from cambus.gb28181.errors import MediaError, Refused, Unconfirmed
from cambus.gb28181.manscdp.notices import Broadcast, BroadcastAnswer
from cambus.gb28181.media_settings import MediaSettings, may_connect
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.sdp import Description
from cambus.media.frame import Codec
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.sip.dialog import Dialog
from cambus.sip.errors import SipError
from cambus.sip.events import RequestReceived
from cambus.sip.fields import readable
from cambus.sip.uri import SipUri

logger = logging.getLogger(__name__)

PACKET_SAMPLES: Final = 160
"""20 ms of G.711."""
_HEADER = struct.Struct(">BBHII")
_CONNECT_TIMEOUT_S: Final = 3.0


class Broadcasts:
    """All broadcasts of one platform.

    Args:
        platform: whose devices.
        settings: where sound is sent from.
    """

    def __init__(self, platform: Gb28181Platform, settings: MediaSettings) -> None:
        self._platform = platform
        self._settings = settings
        self._waiting: dict[str, Speech] = {}
        platform.on_invite(self._invited)

    async def open(self, device: str, target: str) -> Speech:
        """Have a device fetch our sound.

        Args:
            device: its code.
            target: who is to be heard: an audio output, a channel or the device.

        Raises:
            Refused: the device does not want to.
            Unconfirmed: it did not say, or did not invite us in time.
        """
        if device in self._waiting:
            raise Refused("somebody else is about to speak through the device", status=486)
        speech = Speech(self._platform, self._settings, device)
        self._waiting[device] = speech
        try:
            await self._order(device, target)
            await self._fetched(speech)
        except BaseException:
            await speech.close()
            raise
        finally:
            self._waiting.pop(device, None)
        return speech

    async def _order(self, device: str, target: str) -> None:
        order = Broadcast(self._platform.settings.code, target)
        charset = self._platform.charset_of(device)
        answer = await self._platform.device(device).exchange(
            BroadcastAnswer.COMMAND,
            lambda sn: order.serialize(sn, None, charset=charset),
            self._platform.settings.times.broadcast_answer_s,
        )
        if answer.result is False:
            raise Refused("the device does not take the broadcast")

    async def _fetched(self, speech: Speech) -> None:
        try:
            async with asyncio.timeout(self._platform.settings.times.broadcast_invite_s):
                await speech.ready.wait()
        except TimeoutError:
            raise Unconfirmed("the device took the broadcast and never fetched it") from None

    def _invited(self, event: RequestReceived) -> None:
        """The INVITE of a device; one nobody waits for is refused (GB-193)."""
        code = SipUri.parse(event.request.from_.uri).user
        speech = self._waiting.get(code)
        if speech is None:
            speech = next((each for each in self._waiting.values() if each.is_from(event)), None)
        if speech is None:
            self._platform.endpoint.respond(event.transaction, 403)
            return
        speech.invited(event)


class Speech:
    """Our sound on its way to one device.

    Args:
        platform: whose device.
        settings: where sound is sent from.
        device: its code.

    Attributes:
        ready: set once the device can hear.
        ended: set once it has hung up.
    """

    def __init__(self, platform: Gb28181Platform, settings: MediaSettings, device: str) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._platform = platform
        self._settings = settings
        self._device = device
        self._listeners: list[_Listener] = []

    def is_from(self, event: RequestReceived) -> bool:
        """Whether a request comes from where the device is."""
        binding = self._platform.registrar.binding(self._device)
        return binding is not None and binding.peer.host == event.peer.host

    def invited(self, event: RequestReceived) -> None:
        """The device fetches the sound; a host may do so once for each of its loudspeakers."""
        offer = Description.parse(event.request.body)
        listener = _Listener(self._platform, self._settings, self._device, offer, event, self._left)
        self._listeners.append(listener)
        listener.start(self.ready)

    def send(self, samples: bytes) -> None:
        """Send G.711 A-law, 20 ms at a time, at the pace it is to be heard."""
        for listener in self._listeners:
            listener.send(samples)

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(listener.close() for listener in self._listeners))
        self._listeners.clear()

    def _left(self, listener: _Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self.ended.set()


class _Listener:
    """One loudspeaker."""

    def __init__(
        self,
        platform: Gb28181Platform,
        settings: MediaSettings,
        device: str,
        offer: Description,
        event: RequestReceived,
        on_left: Callable[[_Listener], None],
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._device = device
        self._offer = offer
        self._event = event
        self._on_left = on_left
        self._ssrc = offer.ssrc or secrets.randbits(32) or 1
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._ps = _only_ps(offer.formats)
        self._muxer = ProgramStreamMuxer(audio=Codec.PCMA)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._dialog: Dialog | None = None
        self._sent_first = False
        self._ready: asyncio.Event | None = None

    def start(self, ready: asyncio.Event) -> None:
        """Answer the INVITE, and get through to the device."""
        self._task = asyncio.create_task(self._start(ready), name="gb28181 broadcast")

    async def _start(self, ready: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        event, offer = self._event, self._offer
        try:
            port = await self._open()
        except (OSError, MediaError) as error:
            logger.info("a broadcast found no way", extra={"reason": str(error)})
            self._platform.endpoint.respond(event.transaction, 488)
            return
        setup: sdp.Setup | None = None
        if offer.tcp:
            setup = "active" if offer.setup == "passive" else "passive"
        answer = Description(
            self._platform.settings.code,
            self._settings.advertised,
            port,
            media="audio",
            tcp=offer.tcp,
            formats=(sdp.PS,) if self._ps else (sdp.PCMA,),
            direction="sendonly",
            setup=setup,
            ssrc=self._ssrc,
            wanted="v/////a/1/8/1",
        )
        contact = f"<sip:{self._platform.settings.code}@{self._platform.address}>"
        response = self._platform.endpoint.respond(
            event.transaction,
            200,
            headers=[("Contact", contact), ("Content-Type", sdp.CONTENT_TYPE)],
            body=answer.serialize(),
        )
        self._dialog = Dialog.taken(event.request, response.to_tag, event.peer)
        self._platform.in_dialog(self._dialog.key, self._request, device=self._device)
        if offer.tcp and setup == "active":
            await self._connect(loop)
        if self._udp is not None or self._tcp is not None:
            ready.set()
        else:
            self._ready = ready

    async def _open(self) -> int:
        """A socket for the sound: the port the device is told."""
        loop = asyncio.get_running_loop()
        if not self._offer.tcp:
            host = self._offer.address or self._event.peer.host
            if host.startswith("0.") or not self._offer.port:
                raise MediaError("no-address", "the device does not say where it listens")
            self._udp, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol,
                local_addr=(self._settings.host, 0),
                remote_addr=(host, self._offer.port),
            )
            return int(self._udp.get_extra_info("sockname")[1])
        if self._offer.setup == "passive":
            return 9  # we connect; nothing listens here (RFC 4145 §4.1)
        self._server = await loop.create_server(lambda: _Sink(self), self._settings.host, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        host, bound = self._offer.address, self._event.peer.host
        settings = self._settings
        if not may_connect(host, bound, settings.allowed_hosts, loopback=settings.allow_loopback):
            host = bound
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            await loop.create_connection(lambda: _Sink(self), host, self._offer.port)

    def connected(self, transport: asyncio.Transport) -> None:
        """The device is on the line."""
        self._tcp = transport
        if self._ready is not None:
            self._ready.set()

    def send(self, samples: bytes) -> None:
        """Send one packet."""
        marker = 0 if self._sent_first else 0x80
        self._sent_first = True
        type_ = sdp.PS.number if self._ps else sdp.PCMA.number
        payload = samples
        timestamp = self._timestamp & 0xFFFFFFFF
        if self._ps:
            timestamp = self._timestamp * 90 // 8 & 0xFFFFFFFF
            payload = self._muxer.sound(samples, timestamp)
            marker = 0x80
        packet = _HEADER.pack(0x80, marker | type_, self._sequence, timestamp, self._ssrc) + payload
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp += len(samples)
        if self._udp is not None:
            self._udp.sendto(packet)
        elif self._tcp is not None and not self._tcp.is_closing():
            self._tcp.write(len(packet).to_bytes(2, "big") + packet)

    def _request(self, event: RequestReceived) -> None:
        endpoint = self._platform.endpoint
        endpoint.respond(event.transaction, 200)
        if event.request.method == "BYE":
            self._release()
            self._on_left(self)

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        dialog = self._dialog
        self._release()
        if dialog is not None:
            try:
                await self._platform.endpoint.request(dialog.request("BYE"), dialog.peer, timeout_s=4.0)
            except SipError:
                logger.debug(
                    "a broadcast was not ended by the device", extra={"peer": readable(str(dialog.peer))}
                )

    def _release(self) -> None:
        if self._dialog is not None:
            self._platform.in_dialog(self._dialog.key, None)
            self._dialog = None
        for transport in (self._udp, self._tcp):
            if transport is not None:
                transport.close()
        if self._server is not None:
            self._server.close()


class _Sink(asyncio.Protocol):
    """A connection sound goes out on; what comes in on it is not listened to."""

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.connected(cast("asyncio.Transport", transport))


def _only_ps(formats: Iterable[sdp.PayloadFormat]) -> bool:
    numbers = {each.number for each in formats}
    return sdp.PS.number in numbers and sdp.PCMA.number not in numbers
