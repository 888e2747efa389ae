"""Sessions: live video, playback and download, from the INVITE to the BYE (§8, GB-124 to GB-153)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Literal

from cambus.gb28181 import sdp
from cambus.gb28181.errors import DeviceOffline, MediaError, OutOfRange, ProtocolError, Refused, Unreachable
from cambus.gb28181.manscdp.envelope import CONTENT_TYPES, Envelope
from cambus.gb28181.manscdp.notices import MEDIA_END, MediaStatus
from cambus.gb28181.mansrtsp import CONTENT_TYPE, LEGACY_CONTENT_TYPE, Answer, Control
from cambus.gb28181.media_input import Latch, MediaInput, may_connect
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.remote_device import FIRST_CSEQ
from cambus.gb28181.sdp import Description, Purpose
from cambus.gb28181.ssrc import SsrcPool, write_y
from cambus.gb28181.subject import Subject
from cambus.media.mpegps import StreamUnit
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Invitation
from cambus.sip.errors import SipError, TransactionTimeout
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

ACTIVE_AFTER_S: Final = 3.0
"""If both sides wait for the other to connect, we do after so long."""
ALMOST_ALL: Final = 0.97
_LOOK_S: Final = 0.5
_BYE_TIMEOUT_S: Final = 4.0

Transport = Literal["udp", "tcp-passive", "tcp-active"]


class StreamDialect(Enum):
    """How a device is told which encoder is wanted (GB-154); the value is the line, with the number to fill in."""

    STREAM_NUMBER = "a=streamnumber:{}"
    STREAM_PROFILE = "a=streamprofile:{}"
    STREAM = "a=stream:{}"
    STREAM_MODE = "a=streamMode:{}"
    NONE = ""

    def line(self, number: int) -> str | None:
        """The line of SDP, None without one."""
        template: str = self.value
        if self is StreamDialect.STREAM_MODE:
            return template.format("SUB" if number else "MAIN")
        return template.format(number) or None


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """What is wanted.

    Attributes:
        channel: the code of what is watched.
        purpose: live, playback or download.
        transport: of the media; `tcp-passive` has the device connect to us.
        stream: which encoder, 0 for the main one; None says nothing about it.
        dialect: how that is said.
        start: of a recording, UNIX seconds.
        end: of it.
        source_type: of a recording in the `u=` line: 0 all, 1 manual, 2 alarm, 3 time.
        download_speed: multiple of real time.
        legacy_control: speak the RTSP of devices before 2016 to it.
    """

    channel: str
    purpose: Purpose = Purpose.PLAY
    transport: Transport = "tcp-passive"
    stream: int | None = None
    dialect: StreamDialect = StreamDialect.STREAM_NUMBER
    start: int = 0
    end: int = 0
    source_type: int = 0
    download_speed: int | None = None
    legacy_control: bool = False

    @property
    def history(self) -> bool:
        """Whether it is about a recording."""
        return self.purpose in {Purpose.PLAYBACK, Purpose.DOWNLOAD}


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media is received.

    Attributes:
        host: address to listen on.
        advertised: the address devices send to; never a wildcard.
        ports: ports to choose from; any free one if empty.
        allowed_hosts: addresses beside a device's own that it may have us connect to.
        allow_loopback: let those be on this host; for tests.
        strict_ssrc: take nothing whose SSRC is not what was agreed.
    """

    host: str = "127.0.0.1"
    advertised: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    allow_loopback: bool = False
    strict_ssrc: bool = False


class MediaSession:
    """A session that has been set up.

    Args:
        sessions: what made it.
        device: code of the device.
        order: what was wanted.
        media: where it comes in.
        invitation: the answered INVITE.
        answer: the device's description.
        ssrc: what we gave it.
    """

    def __init__(
        self,
        sessions: MediaSessions,
        device: str,
        order: SessionOrder,
        media: MediaInput,
        invitation: Invitation,
        answer: Description,
        ssrc: int,
    ) -> None:
        assert invitation.dialog is not None  # noqa: S101 - it was a 2xx
        self.device = device
        self.order = order
        self.media = media
        self.answer = answer
        self.ssrc = ssrc
        self.speed = 1.0
        self.paused = False
        self._sessions = sessions
        self._platform = sessions.platform
        self._dialog: Dialog = invitation.dialog
        self._ended = asyncio.Event()
        self._reason = "closed"
        self._cseq = FIRST_CSEQ if order.legacy_control else 0
        self._order_lock = asyncio.Lock()
        self._platform.in_dialog(self._dialog.key, self._request)

    @property
    def file_size(self) -> int | None:
        """Bytes of a download, if the device said so."""
        return self.answer.file_size

    # --- watching ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Wait until it ends.

        Returning means that a recording came to its end.

        Raises:
            MediaError: it ended otherwise; `no-media`, `media-lost`, `bye`, `incomplete`, `unsupported-payload` …
        """
        times, loop = self._platform.settings.times, asyncio.get_running_loop()
        begun = loop.time()
        while not self._ended.is_set():
            if self.media.failure is not None:
                raise self.media.failure
            last, now = self.media.last_at, loop.time()
            if last is None and now - begun > times.first_media_s:
                raise MediaError("no-media", f"no media came within {times.first_media_s:g} s")
            if last is not None and not self.paused and now - last > times.media_loss_s:
                if self.order.history:
                    self._came_to_an_end()
                    return
                raise MediaError("media-lost", f"no media came for {times.media_loss_s:g} s")
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._ended.wait()
            except TimeoutError:
                continue
        if self.order.history and self._reason == "bye":
            self._came_to_an_end()
            return
        if self._reason != "finished":
            raise MediaError(self._reason, _ENDINGS.get(self._reason, self._reason))

    def _came_to_an_end(self) -> None:
        """No more of a recording comes, and the device has not said that this is all of it (GB-129)."""
        if self.progress < ALMOST_ALL:
            raise MediaError("incomplete", f"{self.progress:.0%} of the recording came")

    @property
    def progress(self) -> float:
        """How much of a recording has come, 0 to 1: by bytes where the device said how many, else by time (GB-129)."""
        size, length_s = self.file_size, self.order.end - self.order.start
        if size:
            return min(self.media.octets / size, 1.0)
        return min(self.media.span_s / length_s, 1.0) if length_s > 0 else 0.0

    def offline(self) -> None:
        """The device went offline."""
        self._end("device-offline")

    def _request(self, event: RequestReceived) -> None:
        """The device says something in the dialog."""
        request, endpoint = event.request, self._platform.endpoint
        method = request.method
        if method == "BYE":
            endpoint.respond(event.transaction, 200)
            self._end("finished" if self._reason == "finished" else "bye")
        elif method in {"MESSAGE", "NOTIFY"} and request.content_type in CONTENT_TYPES:
            endpoint.respond(event.transaction, 200)
            try:
                self.told(Envelope.parse(request.body))
            except ProtocolError:
                self._platform.counts["malformed"] += 1
        elif method == "INVITE":  # a refresh, with nothing new
            endpoint.respond(event.transaction, 200)
        else:
            endpoint.respond(event.transaction, 200 if method in {"INFO", "OPTIONS", "UPDATE"} else 405)

    def told(self, envelope: Envelope) -> bool:
        """A body about this session; whether it was one: the end of the recording (GB-128)."""
        if envelope.command.lower() != "mediastatus" or MediaStatus.parse(envelope).type != MEDIA_END:
            return False
        self._end("finished")
        return True

    def _end(self, reason: str) -> None:
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    # --- control ----------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Hold a playback."""
        await self._control(Control("PAUSE", self._next_cseq()))
        self.paused = True

    async def resume(self) -> None:
        """Go on."""
        await self._control(Control("PLAY", self._next_cseq(), has_range=True))
        self.paused = False

    async def seek(self, position_s: float) -> None:
        """Go on from a point, in seconds from the start of what was asked for. Raises OutOfRange."""
        if position_s < 0 or (self.order.end and position_s > self.order.end - self.order.start):
            raise OutOfRange("position_s", f"{position_s:g} is outside of the recording")
        await self._control(Control("PLAY", self._next_cseq(), start_s=position_s, has_range=True))
        self.paused = False

    async def set_speed(self, scale: float) -> float:
        """Play faster, slower or backwards; the speed the device says it plays at."""
        if not scale or abs(scale) > 32:
            raise OutOfRange("scale", f"{scale:g} is no speed")
        answer = await self._control(Control("PLAY", self._next_cseq(), scale=float(scale)))
        self.speed = answer.scale if answer.scale is not None else float(scale)
        self.paused = False
        return self.speed

    async def _control(self, control: Control) -> Answer:
        """Send an INFO; a failure is one of this command, not of the session (GB-126)."""
        legacy = self.order.legacy_control
        body = control.serialize(legacy=legacy)
        request = self._dialog.request(
            "INFO", headers=[("Content-Type", LEGACY_CONTENT_TYPE if legacy else CONTENT_TYPE)], body=body
        )
        async with self._order_lock:
            try:
                response = await self._platform.endpoint.request(
                    request, self._dialog.peer, timeout_s=self._platform.settings.times.query_s
                )
            except TransactionTimeout:
                raise Unreachable(f"the device does not answer {control.method}") from None
            except SipError as error:
                raise Unreachable(str(error)) from None
        failure = failure_of(response)
        if failure is not None:
            raise failure
        answer = Answer.parse(response.body)
        if answer.status >= 400:
            raise Refused(f"the device refuses {control.method}: {answer.status} {answer.reason}")
        return answer

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    # --- the end ----------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End it on both sides; never raises, may be called twice."""
        await self._sessions.release(self)
        if self._ended.is_set() and self._reason in {"bye", "device-offline"}:
            return
        self._end("closed")
        if self.order.history:
            teardown = Control("TEARDOWN", self._next_cseq()).serialize(legacy=self.order.legacy_control)
            await self._say("INFO", [("Content-Type", CONTENT_TYPE)], teardown)
        await self._say("BYE")

    async def _say(
        self, method: str, headers: list[tuple[str, str]] | None = None, body: bytes = b""
    ) -> None:
        try:
            request = self._dialog.request(method, headers=headers or [], body=body)
            await self._platform.endpoint.request(request, self._dialog.peer, timeout_s=_BYE_TIMEOUT_S)
        except SipError as error:
            logger.debug("a session was not closed by the device", extra={"reason": str(error)})

    def forget(self) -> None:
        """The dialog is over."""
        self._platform.in_dialog(self._dialog.key, None)


_ENDINGS: Final = {
    "bye": "the device ended the session",
    "device-offline": "the device went offline",
    "closed": "the session was closed",
}


class MediaSessions:
    """All sessions of one platform.

    Args:
        platform: whose devices.
        settings: where media is received.
        ssrcs: gives out the numbers of sessions.
    """

    def __init__(
        self, platform: Gb28181Platform, settings: MediaSettings, ssrcs: SsrcPool | None = None
    ) -> None:
        self.platform = platform
        self.settings = settings
        self.ssrcs = ssrcs or SsrcPool(platform.settings.domain)
        self.open_sessions: set[MediaSession] = set()

    async def open(
        self, device: str, order: SessionOrder, on_units: Callable[[list[StreamUnit]], None]
    ) -> MediaSession:
        """Set a session up.

        Raises:
            DeviceOffline: the device is not registered.
            Busy: it takes no further session.
            Refused: it does not want this one.
            Unreachable: it does not answer.
            MediaError: no port or no number is free, or its address must not be connected to.
        """
        try:
            return await self._open(device, order, on_units)
        except Refused as refusal:
            if refusal.status != 488 or order.transport == "udp":
                raise
            logger.info("the device takes no TCP; trying UDP", extra={"device": device})
            return await self._open(device, replace(order, transport="udp"), on_units)

    async def _open(
        self, device: str, order: SessionOrder, on_units: Callable[[list[StreamUnit]], None]
    ) -> MediaSession:
        peer = self._peer(device)
        loop = asyncio.get_running_loop()
        ssrc = self.ssrcs.take(loop.time(), history=order.history)
        latch = Latch(ssrc, frozenset({peer.host}), strict=self.settings.strict_ssrc)
        media = MediaInput(on_units, latch, host=self.settings.host, ports=self.settings.ports)
        try:
            await media.open()
            session = await self._invite(device, order, peer, media, ssrc)
        except BaseException:
            await media.close()
            self.ssrcs.give_back(ssrc, loop.time())
            raise
        self.open_sessions.add(session)
        return session

    async def _invite(
        self, device: str, order: SessionOrder, peer: Peer, media: MediaInput, ssrc: int
    ) -> MediaSession:
        offer = self._offer(order, media.port, ssrc)
        request = self._request(order, peer, offer, ssrc)
        endpoint = self.platform.endpoint
        try:
            invitation = await endpoint.invite(request, peer, timeout_s=self.platform.settings.times.invite_s)
        except TransactionTimeout:
            raise Unreachable("the device does not answer the INVITE") from None
        except SipError as error:
            raise Unreachable(str(error)) from None
        failure = failure_of(invitation.response)
        if failure is not None:
            raise failure
        endpoint.acknowledge(invitation)
        try:
            answer = Description.parse(invitation.response.body)
        except ProtocolError:
            answer = Description("", "", 0, formats=(), purpose=None)  # what is received will tell
        session = MediaSession(self, device, order, media, invitation, answer, ssrc)
        try:
            await self._begin(session, peer)
        except BaseException:
            await session.close()
            raise
        return session

    async def _begin(self, session: MediaSession, peer: Peer) -> None:
        answer, media = session.answer, session.media
        media.answered(answer.formats)
        media.latch.hosts |= (
            {answer.address} if answer.address and not answer.address.startswith("0.") else set()
        )
        if answer.ssrc is not None:
            media.latch.ssrc = answer.ssrc
        if session.order.transport == "tcp-active" and answer.tcp and answer.port:
            await self._connect(session, peer)

    async def _connect(self, session: MediaSession, peer: Peer) -> None:
        """Fetch the media from the device: from its own address and no other (GB-143)."""
        settings, answer = self.settings, session.answer
        host = answer.address
        loopback = settings.allow_loopback
        if not may_connect(host, peer.host, settings.allowed_hosts, loopback=loopback):
            host = peer.host
            if not may_connect(host, peer.host, settings.allowed_hosts, loopback=loopback):
                raise MediaError("address-refused", f"media is not fetched from {host}")
        await session.media.connect(host, answer.port)

    def _peer(self, device: str) -> Peer:
        registrar = self.platform.registrar
        binding = registrar.binding(device)
        if binding is None or not registrar.online(device):
            raise DeviceOffline("the device is not registered")
        return binding.peer

    def _offer(self, order: SessionOrder, port: int, ssrc: int) -> Description:
        tcp = order.transport != "udp"
        line = order.dialect.line(order.stream) if order.stream is not None else None
        return Description(
            self.platform.settings.code,
            self.settings.advertised,
            port,
            tcp=tcp,
            formats=(sdp.PS, sdp.H264, sdp.MPEG4, sdp.H265),
            direction="recvonly",
            setup=("passive" if order.transport == "tcp-passive" else "active") if tcp else None,
            purpose=order.purpose,
            source=f"{order.channel}:{order.source_type}" if order.history else None,
            start=order.start,
            end=order.end,
            ssrc=ssrc,
            wanted="",
            download_speed=order.download_speed,
            extra=(line,) if line is not None else (),
        )

    def _request(self, order: SessionOrder, peer: Peer, offer: Description, ssrc: int) -> Request:
        request = self.platform.compose("INVITE", order.channel, peer, sequence=FIRST_CSEQ)
        tag = f"{int(order.history)}{write_y(ssrc)[1:]}"
        subject = Subject(order.channel, tag, self.platform.settings.code, "0")
        request.headers.add("Subject", str(subject))
        request.headers.add("Content-Type", sdp.CONTENT_TYPE)
        request.body = offer.serialize()
        return request

    # --- while they last --------------------------------------------------------------------------------

    def of(self, device: str) -> list[MediaSession]:
        """The sessions of a device."""
        return [each for each in self.open_sessions if each.device == device]

    def offline(self, device: str) -> None:
        """The device went offline: its sessions end (GB-054)."""
        for session in self.of(device):
            session.offline()

    def told(self, device: str, envelope: Envelope) -> bool:
        """A body outside a dialog that may be about a session: the only recording of its device (GB-128)."""
        history = [each for each in self.of(device) if each.order.history]
        return len(history) == 1 and history[0].told(envelope)

    async def release(self, session: MediaSession) -> None:
        """Give port and number back."""
        if session in self.open_sessions:
            self.open_sessions.discard(session)
            self.ssrcs.give_back(session.ssrc, asyncio.get_running_loop().time())
        session.forget()
        await session.media.close()

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(session.close() for session in list(self.open_sessions)))
