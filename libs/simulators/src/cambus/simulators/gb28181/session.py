"""One media session of a device: its answer, its sender, and what the platform says in its dialog (§8.1 to §8.4)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from cambus.gb28181 import sdp
from cambus.gb28181.errors import GbError, ProtocolError
from cambus.gb28181.mansrtsp import LEGACY_CONTENT_TYPE, Answer, Control
from cambus.gb28181.media_output import MediaOutput
from cambus.gb28181.sdp import Description, PayloadFormat, Purpose, Setup
from cambus.gb28181.subject import Subject
from cambus.media.frame import Codec
from cambus.simulators.gb28181.device import Channel
from cambus.simulators.gb28181.packaging import Packager
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import Piece, Source
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.errors import SipError
from cambus.sip.events import AckReceived, RequestReceived, TransactionFailed

if TYPE_CHECKING:
    from cambus.simulators.gb28181.streams import Streams

logger = logging.getLogger(__name__)

Ending = Literal["bye", "bye-sent", "replaced", "given-up", "no-ack", "no-connection", "closed"]
MAX_REMEMBERED: Final = 2000
_LINGER_S: Final = 8.0
"""How long a device waits for the BYE once a recording is over."""
_GARBAGE_BYTES: Final = 64
_MAX_FAST: Final = 32.0
_RECEIVER_REPORT: Final = b"\x80\xc9\x00\x01"
_RAW_FORMATS: Final = {
    Codec.H264: PayloadFormat(98, "H264", 90_000),
    Codec.H265: PayloadFormat(99, "H265", 90_000),
}


_AAC_FORMAT: Final = PayloadFormat(102, "MPEG4-GENERIC", 8_000)
_PRIVATE_HEADER: Final = b"\x01\x00\x01" + bytes(253)
_HOSTS: Final = {"any_host": "0.0.0.0", "foreign_host": "192.0.2.99"}  # noqa: S104 - what some devices say
_STRANGE_LINES: Final = ("a=x-unheard-of:1", "b=AS:4000", "k=none", "nonsense", "a=range:npt=0-")


class Session:
    """One session.

    Args:
        streams: all of the device.
        event: the INVITE.
        channel: what is watched.
        offer: what the platform wants.
        source: what it gets.
        stream: which encoder.

    Attributes:
        sent: the last pieces that left.
        controls: what the platform told it, in order.
        ending: why it is over.
    """

    def __init__(
        self,
        streams: Streams,
        event: RequestReceived,
        channel: Channel,
        offer: Description,
        source: Source,
        stream: int,
    ) -> None:
        self.channel = channel
        self.offer = offer
        self.stream = stream
        self.call_id = event.request.call_id
        self.subject: Subject | None = None
        self.dialog: Dialog | None = None
        self.sent: deque[Piece] = deque(maxlen=MAX_REMEMBERED)
        self.sent_bytes = 0
        self.controls: list[Control] = []
        self.paused = False
        self.speed = float(offer.download_speed or 1) if offer.purpose is Purpose.DOWNLOAD else 1.0
        self.ending: Ending | None = None
        self.finished = False
        self._streams = streams
        self._event = event
        self._source = source
        self._quirks = streams.quirks
        self._profile = streams.device.profile
        self._answer_body = b""
        self._sender: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._sought = False
        self._anchor = (0.0, 0.0)
        self._moved = False
        self._swapped: bytes | None = None
        self._count = 0
        self._reported_s = 0.0
        self._framed = False
        offer = _understood(offer, self._quirks)
        usable = offer.address and not offer.address.startswith("0.")
        self.output = MediaOutput(
            offer, self._ssrc(), host=self._host, receiver=None if usable else event.peer.host
        )
        self.packager = Packager(self.output, self._profile, self._quirks, source.codec, source.sound)

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        return self.offer.purpose or Purpose.PLAY

    @property
    def position_s(self) -> float:
        """How far it is."""
        return self._source.position_s

    def as_json(self) -> dict[str, Any]:
        """For those who look."""
        return {
            "channel": self.channel.code,
            "purpose": self.purpose.value,
            "stream": self.stream,
            "position_s": round(self.position_s, 3),
            "bytes": self.sent_bytes,
            "paused": self.paused,
            "speed": self.speed,
        }

    @property
    def _host(self) -> str:
        return self._streams.host.agent.settings.host

    def _ssrc(self) -> int:
        if self._quirks.ssrc == "other" or self.offer.ssrc is None:
            return secrets.randbits(31) + 1
        return self.offer.ssrc + 1 if self._quirks.y == "other" else self.offer.ssrc

    # --- the answer -------------------------------------------------------------------------------------

    async def accept(self) -> None:
        """Answer the INVITE. Raises MediaError, SipError."""
        await self.output.open()
        agent, transaction = self._streams.host.agent, self._event.transaction
        contact = f"<sip:{self.channel.code}@{agent.address}>"
        for status, reason in self._profile.provisional:
            if status > 100:
                agent.endpoint.respond(transaction, status, reason=reason, headers=[("Contact", contact)])
        self.dialog = Dialog.taken(self._event.request, transaction.to_tag, self._event.peer)
        agent.in_dialog(self.dialog.key, self.incoming)
        self._answer_body = self._answer()
        self._respond_with_answer(self._event)

    def _respond_with_answer(self, event: RequestReceived) -> None:
        agent = self._streams.host.agent
        headers = [
            ("Contact", f"<sip:{self.channel.code}@{agent.address}>"),
            ("Content-Type", sdp.CONTENT_TYPE),
            ("User-Agent", self._profile.user_agent),
        ]
        if self._quirks.route_path:
            headers.append(("X-RoutePath", self._quirks.route_path))
        agent.endpoint.respond(event.transaction, 200, headers=headers, body=self._answer_body)

    def _answer(self) -> bytes:
        """The SDP of the answer, with its oddities."""
        quirks, offer = self._quirks, self.offer
        if quirks.answer == "empty":
            return b""
        tcp = quirks.answer == "tcp_for_udp" or (offer.tcp and quirks.answer != "udp_for_tcp")
        setup: Setup | None = offer.setup if quirks.answer == "same_setup" else self.output.setup
        if quirks.answer == "no_setup":
            setup = None
        history = self.purpose in {Purpose.PLAYBACK, Purpose.DOWNLOAD}
        shift = self._profile.time_shift_s if history else 0
        described = Description(
            self.channel.code if not history else self._streams.device.code,
            _HOSTS.get(quirks.answer, self._host),
            0 if quirks.answer == "port_0" else self.output.port,
            tcp=tcp,
            formats=self._formats(),
            direction="recvonly" if quirks.answer == "recvonly" else "sendonly",
            setup=setup,
            purpose=self.purpose,
            start=offer.start + shift if history else 0,
            end=offer.end + shift if history else 0,
            ssrc=self._y(),
            wanted=self._profile.wanted,
            file_size=self.file_size() if history and self.purpose is Purpose.DOWNLOAD else None,
            extra=self._lines(history=history),
        )
        return self._dressed(described.serialize(), history=history)

    def _formats(self) -> tuple[PayloadFormat, ...]:
        quirks = self._quirks
        if quirks.answer == "private_rtpmap":
            return (PayloadFormat(sdp.PS.number, "DAHUA", sdp.PS.rate),)
        video = _RAW_FORMATS[self._source.codec] if quirks.payload == "raw" else sdp.PS
        beside = self._source.sound is Codec.AAC and self.packager.beside
        return (video, _AAC_FORMAT) if beside else (video,)

    def _y(self) -> int | None:
        if self._quirks.y in {"absent", "long", "too_large"}:
            return None
        return self.output.ssrc if self._quirks.y == "other" else self.offer.ssrc

    def _lines(self, *, history: bool) -> tuple[str, ...]:
        lines = self._profile.lines
        if self._profile.secrets and history:
            lines += (f"a=username:{self._streams.device.code}", "a=password:zzgd1234")
        if self._quirks.answer == "strange_lines":
            lines += _STRANGE_LINES
        odd = {"long": "y=" + "12345" * 4, "too_large": "y=9999999999"}.get(self._quirks.y)
        return (*lines, odd) if odd is not None else lines

    def _dressed(self, body: bytes, *, history: bool) -> bytes:
        if self._profile.media_name and history:
            body = body.replace(f"s={self.purpose.value}".encode(), f"s={self._profile.media_name}".encode())
        if self._profile.name == "dahua_ipc":
            body = body.replace(b"\r\nc=IN", b"\r\ni=VCam Live Video\r\nc=IN", 1)
        return body

    def file_size(self) -> int:
        """Bytes of all of it."""
        source = self._source.copy()
        total, piece = 0, source.next()
        while piece is not None:
            total += self.packager.size(piece)
            piece = source.next()
        return total

    # --- what the platform says -------------------------------------------------------------------------

    def incoming(self, event: Incoming) -> None:
        """Something came in the dialog."""
        if isinstance(event, AckReceived):
            if self._sender is None and self.ending is None:
                self._sender = self._streams.host.own(self._run())
        elif isinstance(event, RequestReceived):
            self._request(event)
        elif isinstance(event, TransactionFailed):
            self._streams.over(self, "no-ack")
        else:
            self._streams.over(self, "given-up")

    def _request(self, event: RequestReceived) -> None:
        endpoint, method = self._streams.host.agent.endpoint, event.request.method
        if method == "INVITE":
            self._respond_with_answer(event)
        elif method == "INFO":
            self._info(event)
        else:
            endpoint.respond(event.transaction, 200)
            if method == "BYE":
                self._streams.over(self, "bye")
        self._streams.host.changed()

    def _info(self, event: RequestReceived) -> None:
        endpoint, quirks = self._streams.host.agent.endpoint, self._quirks
        if quirks.info == "never":
            return
        if quirks.info == "sip_error":
            endpoint.respond(event.transaction, 488)
            return
        legacy = event.request.content_type == LEGACY_CONTENT_TYPE.lower()
        try:
            control = Control.parse(event.request.body)
        except ProtocolError:
            endpoint.respond(event.transaction, 400)
            return
        self.controls.append(control)
        answer = Answer(451, "Parameter Not Understood")
        if quirks.info != "rtsp_error":
            answer = self._obey(control, legacy=legacy)
        body = b"" if quirks.info == "empty" else answer.serialize(control.cseq)
        kind = [("Content-Type", event.request.headers.get("Content-Type") or "")] if body else []
        endpoint.respond(event.transaction, 200, headers=kind, body=body)

    def _obey(self, control: Control, *, legacy: bool) -> Answer:
        scale = control.scale
        if control.method == "PAUSE":
            self.paused = True
        elif control.method == "PLAY":
            resuming = legacy and self.paused and not control.start_s
            if control.start_s is not None and not resuming:
                self._source.seek(control.start_s)
                self._sought = True
            if scale:
                limit = self._quirks.scale_limit or _MAX_FAST
                scale = max(-limit, min(scale, limit))
                self._source.backwards = scale < 0
                self.speed = abs(scale)
                self._source.ends_at_s = control.end_s if scale < 0 and control.end_s is not None else 0.0
            self.paused = False
        self._anchor_here()
        self._changed.set()
        told = scale if scale is not None and scale != control.scale else None
        backwards = control.end_s is not None and scale is not None and scale < 0
        return Answer(
            scale=told,
            rtp_info=self._profile.rtp_info or None,
            start_s=self._source.position_s if backwards else None,
            end_s=control.end_s if backwards else None,
        )

    # --- sending ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self.output.connect()
            self._anchor_here()
            if self._quirks.media != "never" and await self._send_all():
                self.finished = True
                await self._streams.tell_end(self)
                await asyncio.sleep(_LINGER_S)
                if not self._quirks.never_bye:
                    await self._streams.bye(self)
        except (GbError, SipError) as error:
            logger.debug("a stream broke off", extra={"reason": str(error)})
            self._streams.over(self, "no-connection")

    async def _send_all(self) -> bool:
        """Send until the end; whether it came to the end."""
        quirks = self._quirks
        while (piece := self._source.next()) is not None:
            if not await self._turn(piece.at_s):
                continue
            stops = quirks.media == "stops" or quirks.hang_up
            if stops and piece.at_s >= quirks.stop_at_s:
                if quirks.hang_up and not quirks.never_bye:
                    await self._streams.bye(self)
                return False
            length = self._source.duration_s
            if quirks.stall_at and length is not None and piece.at_s >= quirks.stall_at * length:
                return False
            if quirks.move_at_s and piece.at_s >= quirks.move_at_s and not self._moved:
                self._moved = True
                await self.output.move()
            self._send(piece)
        return self._source.duration_s is not None

    def _send(self, piece: Piece) -> None:
        quirks, random = self._quirks, self._streams.random
        packets = self.packager.packets(piece)
        self.sent.append(piece)
        self.sent_bytes += self.packager.size(piece) if quirks.payload == "ps" else len(piece.data)
        if quirks.loss_percent:
            packets = [each for each in packets if random.random() * 100 >= quirks.loss_percent]
        if quirks.disorder_packets:
            packets = self._disordered(packets)
        self._count += 1
        if quirks.garbage_every and self._count % quirks.garbage_every == 0:
            self.output.write_raw(random.randbytes(_GARBAGE_BYTES))
        if quirks.rtcp and piece.at_s >= self._reported_s:
            self._reported_s = piece.at_s + 1.0
            self._write([_RECEIVER_REPORT + self.output.ssrc.to_bytes(4, "big")])
        self._write(packets)
        self._streams.host.changed()

    def _write(self, packets: list[bytes]) -> None:
        """Send packets in the framing of the make."""
        framing = self._quirks.framing
        if framing == "length" or self.output.setup is None:
            self.output.write(packets)
            return
        head = b"" if framing == "interleaved" or self._framed else _PRIVATE_HEADER
        framed = [b"$\x00" + len(each).to_bytes(2, "big") + each for each in packets]
        self._framed = True
        self.output.write_raw(head + b"".join(framed))

    def _disordered(self, packets: list[bytes]) -> list[bytes]:
        out: list[bytes] = []
        for packet in packets:
            number = int.from_bytes(packet[2:4], "big")
            if number % 10 == 0 and self._swapped is None:
                self._swapped = packet
                continue
            out.append(packet)
            if number % 15 == 0:
                out.append(packet)
            if self._swapped is not None:
                out.append(self._swapped)
                self._swapped = None
        return out

    def _anchor_here(self) -> None:
        """From now on, media time runs from here."""
        self._anchor = (asyncio.get_running_loop().time(), self._source.position_s)

    async def _turn(self, at_s: float) -> bool:
        """Wait until a piece is due; whether it still is, after what the platform said meanwhile."""
        loop = asyncio.get_running_loop()
        while True:
            if self._sought:
                self._sought = False
                return False
            pace = self._quirks.pace * self.speed
            if not self.paused and not pace:
                await self._breathe()
                return not self._sought
            clock, media_s = self._anchor
            delay_s = None if self.paused else clock + abs(at_s - media_s) / pace - loop.time()
            if delay_s is not None and delay_s <= 0:
                return True
            try:
                async with asyncio.timeout(delay_s):
                    await self._changed.wait()
                self._changed.clear()
            except TimeoutError:
                return True

    async def _breathe(self) -> None:
        """As fast as possible is as fast as the receiver reads."""
        await asyncio.sleep(0)
        while not self.output.drained:  # noqa: ASYNC110 - a transport tells nobody but its protocol
            await asyncio.sleep(0.001)

    def stop(self, ending: Ending) -> None:
        """It is over."""
        self.ending = ending
        if self._sender is not None and self._sender is not asyncio.current_task():
            self._sender.cancel()
        if self.dialog is not None:
            self._streams.host.agent.in_dialog(self.dialog.key, None)
        self.output.close()


def _understood(offer: Description, quirks: Quirks) -> Description:
    """The offer as a device takes it that does something else about it."""
    if quirks.answer == "udp_for_tcp" and offer.tcp:
        return Description(offer.origin, offer.address, offer.port, ssrc=offer.ssrc)
    if quirks.answer == "tcp_for_udp":
        return replace(offer, tcp=True, setup="passive")
    if quirks.answer == "both_passive" and offer.tcp:
        return replace(offer, setup="active")
    return offer
