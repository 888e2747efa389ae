"""One session that has been set up: live, playback, download or talk, until its BYE (§8, GB-124 to GB-153)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from cambus.gb28181.codes import codes_of_path
from cambus.gb28181.errors import MediaError, ProtocolError
from cambus.gb28181.invitation import ROUTE_HEADER, agree_again, follow
from cambus.gb28181.manscdp.envelope import CONTENT_TYPES, Envelope
from cambus.gb28181.manscdp.notices import MEDIA_END, MediaStatus
from cambus.gb28181.media_order import SessionOrder
from cambus.gb28181.media_port import CONNECT_TRIES
from cambus.gb28181.media_settings import MediaSettings, usable
from cambus.gb28181.media_way import MediaWay
from cambus.gb28181.open_dialog import OpenDialog, say_bye
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.playback_control import PlaybackControl
from cambus.gb28181.sdp import Description
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Invitation
from cambus.sip.events import RequestReceived
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

ALMOST_ALL: Final = 0.97
_LOOK_S: Final = 0.5
_ENDINGS: Final = {
    "bye": "the device ended the session",
    "device-offline": "the device went offline",
    "closed": "the session was closed",
}


class Owner(Protocol):
    """What keeps sessions."""

    @property
    def platform(self) -> Gb28181Platform:
        """Whose devices."""

    @property
    def settings(self) -> MediaSettings:
        """Where media is received."""

    def over(self, session: MediaSession) -> None:
        """A session is over, here at least."""

    def changed(self) -> None:
        """What is open has changed."""


class MediaSession:
    """A session that has been set up.

    Args:
        owner: what keeps it.
        device: code of the device.
        order: what was wanted.
        way: where its media comes in.
        invitation: the answered INVITE.
        answer: the device's description.

    Attributes:
        media: what comes in, and counts of it.
        ssrc: what we gave it.
        route: codes of the systems it comes by, nearest first, where the device says so (GB-251).
        control: commands to a playback.
    """

    def __init__(
        self,
        owner: Owner,
        device: str,
        order: SessionOrder,
        way: MediaWay,
        invitation: Invitation,
        answer: Description,
    ) -> None:
        assert invitation.dialog is not None  # noqa: S101 - it was a 2xx
        self.device = device
        self.order = order
        self.media = way.media
        self.answer = answer
        self.ssrc = way.ssrc
        self.route = codes_of_path(invitation.response.headers.get(ROUTE_HEADER))
        self._owner = owner
        self._platform = owner.platform
        self._way = way
        self._offer = invitation.transaction.request.body
        self._dialog: Dialog = invitation.dialog
        self._ended = asyncio.Event()
        self._reason = "closed"
        self._closing = False
        self._connecting: asyncio.Task[None] | None = None
        self.control = PlaybackControl(self._platform, device, self._dialog, order)
        self._platform.in_dialog(self._dialog.key, self._request, device=device)

    @property
    def file_size(self) -> int | None:
        """Bytes of a download, if the device said so."""
        return self.answer.file_size

    @property
    def speed(self) -> float:
        """What a playback plays at, as the device says."""
        return self.control.speed

    @property
    def paused(self) -> bool:
        """Whether a playback is held."""
        return self.control.paused

    @property
    def progress(self) -> float:
        """How much of a recording has come, 0 to 1: by bytes where the device said how many, else by time (GB-129)."""
        size, length_s = self.file_size, self.order.length_s
        if size:
            return min(self.media.octets / size, 1.0)
        return min(self.media.span_s / length_s, 1.0) if length_s else 0.0

    def to_json(self) -> dict[str, Any]:
        """What another process needs to end it, as plain values (GB-153)."""
        return OpenDialog(self.device, self.order.channel, self._dialog).to_json()

    # --- watching ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Wait until it ends.

        Returning means that a recording came to its end.

        Raises:
            MediaError: it ended otherwise; `no-media`, `media-lost`, `bye`, `incomplete`, `unsupported-payload` …
        """
        times, loop = self._platform.settings.times, asyncio.get_running_loop()
        since = loop.time()
        while not self._ended.is_set():
            if self.media.failure is not None:
                raise self.media.failure
            if self.paused or self.media.held:
                since = loop.time()
            last, now = self.media.last_at, loop.time()
            if last is None and now - since > times.first_media_s:
                raise MediaError("no-media", f"no media came within {times.first_media_s:g} s")
            if last is not None and now - max(last, since) > times.media_loss_s:
                if self.order.history:
                    await self.media.settle()
                    self._came_to_an_end()
                    return
                raise MediaError("media-lost", f"no media came for {times.media_loss_s:g} s")
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._ended.wait()
            except TimeoutError:
                continue
        if self.order.history and self._reason in {"bye", "finished"}:
            await self.media.settle()
        if self.order.history and self._reason == "bye":
            self._came_to_an_end()
        elif self._reason != "finished":
            raise MediaError(self._reason, _ENDINGS.get(self._reason, self._reason))

    def _came_to_an_end(self) -> None:
        """No more of a recording comes, and the device has not said that this is all of it (GB-129)."""
        if self.progress < ALMOST_ALL:
            raise MediaError("incomplete", f"{self.progress:.0%} of the recording came")

    def offline(self) -> None:
        """The device went offline."""
        self._end("device-offline")

    def told(self, envelope: Envelope) -> bool:
        """A body about this session; whether it was one: the end of the recording (GB-128)."""
        if envelope.command.lower() != "mediastatus" or MediaStatus.parse(envelope).type != MEDIA_END:
            return False
        self._end("finished")
        return True

    def _request(self, event: RequestReceived) -> None:
        """The device says something in the dialog."""
        request, endpoint = event.request, self._platform.endpoint
        method = request.method
        if method == "BYE":
            endpoint.respond(event.transaction, 200)
            self._end("bye")
        elif method in {"MESSAGE", "NOTIFY"} and request.content_type in CONTENT_TYPES:
            endpoint.respond(event.transaction, 200)
            try:
                self.told(Envelope.parse(request.body))
            except ProtocolError:
                self._platform.counts["malformed"] += 1
        elif method == "INVITE":
            agree_again(self._platform, event, self._offer)
        else:
            known = method in {"INFO", "OPTIONS", "UPDATE"}
            endpoint.respond(event.transaction, 200 if known else 405)

    def _end(self, reason: str) -> None:
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    # --- control ----------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Hold a playback."""
        await self.control.pause()

    async def resume(self) -> None:
        """Go on."""
        await self.control.resume()

    async def seek(self, position_s: float) -> None:
        """Go on from a point, in seconds from the start of what was asked for. Raises OutOfRange."""
        await self.control.seek(position_s)

    async def set_speed(self, scale: float) -> float:
        """Play faster, slower or backwards; the speed the device says it plays at."""
        return await self.control.set_speed(scale)

    async def reverse(
        self, from_s: float | None = None, to_s: float | None = None, scale: float = -1.0
    ) -> float:
        """Play backwards from one point to an earlier one; see `PlaybackControl.reverse`."""
        return await self.control.reverse(from_s, to_s, scale)

    def hold(self, *, held: bool) -> None:
        """Take no more of what comes over TCP, or go on: a device that sends faster than is read has to wait."""
        self.media.held = held
        self._way.hold(held=held)

    def send(self, packet: bytes) -> bool:
        """Send an RTP packet of ours to the device, which only talk does; whether it left."""
        answer, host = self.answer, usable(self.answer.address) or self._dialog.peer.host
        return self._way.send(packet, (host, answer.port) if answer.port and not answer.tcp else None)

    # --- getting through --------------------------------------------------------------------------------

    async def begin(self, peer: Peer) -> None:
        """Deal with the answer. Raises MediaError where we are to connect and cannot."""
        answer, media = self.answer, self.media
        media.answered(answer.formats)
        address = usable(answer.address)
        media.latch.hosts |= {address} if address else set()
        if answer.ssrc is not None:
            self._way.adopt(answer.ssrc)
        transport, setup = self.order.transport, answer.setup
        if not answer.tcp or not answer.port or transport == "udp":
            return
        if transport == "tcp-active" and setup != "active":
            await self._connect(address, peer)
        elif transport == "tcp-active":  # our own word repeated; it may connect all the same
            self._connect_soon(address, peer, after_s=0.0, tries=CONNECT_TRIES)
        elif setup != "active":
            self._connect_soon(address, peer, after_s=self._owner.settings.active_after_s, tries=1)

    async def _connect(self, address: str, peer: Peer, tries: int = CONNECT_TRIES) -> None:
        """Fetch the media from the device: from its own address and no other (GB-142, GB-143)."""
        settings = self._owner.settings
        target = settings.target(address, peer.host)
        await self._way.connect(target, self.answer.port, tries=tries, pause_s=settings.connect_pause_s)

    def _connect_soon(self, address: str, peer: Peer, *, after_s: float, tries: int) -> None:
        work = self._connect_after(address, peer, after_s, tries)
        self._connecting = asyncio.create_task(work, name="gb28181 media")

    async def _connect_after(self, address: str, peer: Peer, after_s: float, tries: int) -> None:
        """The device answers as if it waited too: if nothing comes, we connect (§8.3)."""
        try:
            async with asyncio.timeout(after_s):
                await self.media.started()
        except TimeoutError:
            try:
                await self._connect(address, peer, tries)
            except MediaError as error:
                logger.info("both sides wait for media", extra={"device": self.device, "reason": error.text})

    # --- the end ----------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End it on both sides; never raises, may be called twice."""
        if self._closing:
            return
        self._closing = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        silent = self._ended.is_set() and self._reason in {"bye", "device-offline"}
        finished = self._ended.is_set() and self._reason == "finished"
        self._end("closed")
        self._way.close()
        self._owner.over(self)
        if not silent:
            if self.order.history and not finished:
                await self.control.tear_down()
            follow(self._platform, self.device, self._dialog)
            await say_bye(self._platform, self.device, self._dialog)
        self._platform.in_dialog(self._dialog.key, None)
        self._owner.changed()
