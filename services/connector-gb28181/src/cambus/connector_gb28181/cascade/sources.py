"""Where the frames of a session come from: a live stream that is claimed, or a recording that is played (§12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from cambus.client.live_claim import LiveClaim
from cambus.client.tasks import end
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.feed import Feed
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.gb28181.mansrtsp import Answer, Control
from cambus.gb28181.sdp import Description
from cambus.schemas import subjects
from cambus.schemas.commands import live, recording
from cambus.schemas.errors import BadRequest, CambusError
from cambus.schemas.ids import StreamName
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

TOUCH_S: Final = 1.5
"""Between touches of a playback: a third of the shortest life one can have."""
STOP_TIMEOUT_S: Final = 3.0
MAX_SPAN_S: Final = 7 * 86_400
REFUSED: Final = Answer(451, "Parameter Not Understood")
_FAILED: Final = Answer(500, "Internal Server Error")
_SUB_LINES: Final = ("a=streamprofile:1", "a=stream:1", "a=streammode:sub", "a=streamnumber:1")


class Source(Protocol):
    """What a session shows."""

    @property
    def paused(self) -> bool:
        """Whether no frames are to be expected."""

    @property
    def route(self) -> str:
        """By which systems below the device it comes, once it is ready; empty where nobody says."""

    async def open(self) -> str | None:
        """Get it ready; the subject its frames will come on, None if it feeds them itself. Raises CambusError."""

    async def begin(self, feed: Feed) -> None:
        """The receiver is there."""

    async def obey(self, control: Control) -> Answer:
        """The platform controls it."""

    async def close(self) -> None:
        """Give it up; never raises."""


class LiveSource:
    """A live stream, held open by a claim like that of any viewer: the device sends it once for all (GB-244).

    Args:
        context: the link.
        node: the channel.
        stream: which encoder.
        claimant: a name nobody else claims under.
        on_lost: called when the device is gone for good.
    """

    paused = False

    def __init__(
        self,
        context: LinkContext,
        node: Node,
        stream: StreamName,
        claimant: str,
        on_lost: Callable[[], None],
    ) -> None:
        self._context = context
        self._node = node
        self._stream = stream
        self._claimed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_lost = on_lost
        self._claim = LiveClaim(
            context.client,
            node.device or "",
            node.channel or 0,
            stream,
            claimant,
            ttl_s=context.settings.claim_ttl_s,
            on_outcome=self._outcome,
        )
        self._holding: asyncio.Task[None] | None = None

    @property
    def route(self) -> str:
        """By which systems below the device it comes."""
        return self._claim.route

    def _outcome(self, error: CambusError | None) -> None:
        if not self._claimed.done():
            if error is None:
                self._claimed.set_result(None)
            else:
                self._claimed.set_exception(error)
        elif error is not None:
            self._on_lost()

    async def open(self) -> str:
        """Claim the stream. Raises CambusError."""
        self._holding = asyncio.create_task(self._claim.hold(), name="cascade claim")
        await self._claimed
        node = self._node
        return subjects.media_subject(node.device or "", node.channel or 0, self._stream)

    async def begin(self, feed: Feed) -> None:  # noqa: ARG002 - it is fed by the bus
        """Pictures begin with a keyframe: have one made."""
        request = live.LiveKeyframeRequest(channel=self._node.channel or 0, stream=self._stream)
        with suppress(CambusError):  # the next one comes by itself
            await self._context.call(self._node, live.KEYFRAME, request)

    async def obey(self, control: Control) -> Answer:  # noqa: ARG002 - there is nothing to control
        """Live is live."""
        return REFUSED

    async def close(self) -> None:
        """Give the claim up."""
        if self._holding is not None:
            await end(self._holding)
            await self._claim.release()
        if self._claimed.done() and not self._claimed.cancelled():
            self._claimed.exception()


class RecordingSource:
    """A recording of the device, played onto the bus (GB-245).

    Args:
        context: the link.
        node: the channel.
        offer: which span, and how fast.
        claimant: who watches, for the log.
    """

    def __init__(self, context: LinkContext, node: Node, offer: Description, claimant: str) -> None:
        self.paused = False
        self._context = context
        self._node = node
        self._offer = offer
        self._claimant = claimant
        self._session: recording.RecordingPlayReply | None = None
        self._touching: asyncio.Task[None] | None = None

    @property
    def route(self) -> str:
        """By which systems below the device it comes."""
        return self._session.route if self._session is not None else ""

    @property
    def _start(self) -> datetime:
        return datetime.fromtimestamp(self._offer.start, UTC)

    async def open(self) -> str:
        """Have the device get ready to play. Raises CambusError."""
        offer = self._offer
        if not 0 < offer.start < offer.end <= offer.start + MAX_SPAN_S:
            raise BadRequest("no span of time to play")
        request = recording.RecordingPlayRequest(
            channel=self._node.channel or 0,
            start=self._start,
            end=datetime.fromtimestamp(offer.end, UTC),
            speed=float(min(max(offer.download_speed or 1, 1), 16)),
            on_touch=True,
            claimant=self._claimant,
            ttl_s=self._context.settings.claim_ttl_s,
        )
        self._session = await self._context.call(self._node, recording.PLAY, request)
        return self._session.subject

    async def begin(self, feed: Feed) -> None:  # noqa: ARG002 - it is fed by the bus
        """The first touch begins it, and more keep it."""
        await self._call(recording.TOUCH, self._name())
        self._touching = asyncio.create_task(self._touch(), name="cascade playback")

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_S)
            with suppress(CambusError):  # away for a moment, or over: then its frames say so
                await self._call(recording.TOUCH, self._name())

    def _name(self) -> recording.RecordingSessionRequest:
        session = self._session.session if self._session is not None else ""
        return recording.RecordingSessionRequest(session=session)

    async def _call(self, spec: CommandSpec[Any, Any], request: Message) -> Any:
        return await self._context.call(self._node, spec, request)

    async def obey(self, control: Control) -> Answer:
        """Pause, go on, seek, play faster: as the bus has it (§8.4)."""
        try:
            if control.method == "PAUSE":
                await self._call(recording.PAUSE, self._name())
                self.paused = True
                return Answer()
            return await self._play(control)
        except CambusError as error:
            return _FAILED if error.retryable else REFUSED

    async def _play(self, control: Control) -> Answer:
        start, scale = control.start_s, control.scale
        if scale is not None and scale < 0 and control.has_range:
            return await self._reverse(control, scale)
        told = None
        if self.paused and scale is not None and not start and control.has_range:
            start, scale = None, None  # how devices before 2016 are told to go on: both, and from 0
        if start is not None:
            at = self._start + timedelta(seconds=start)
            if at.timestamp() >= self._offer.end:
                return Answer(457, "Invalid Range")
            name = self._name().session
            await self._call(recording.SEEK, recording.RecordingSeekRequest(session=name, at=at))
        if scale:
            if abs(scale) > 16:
                return REFUSED
            request = recording.RecordingSpeedRequest(session=self._name().session, speed=scale)
            reply: recording.RecordingSpeedReply = await self._call(recording.SPEED, request)
            told = reply.speed if reply.speed != scale else None
        if self.paused:
            await self._call(recording.RESUME, self._name())
            self.paused = False
        return Answer(scale=told)

    async def _reverse(self, control: Control, scale: float) -> Answer:
        """Backwards from one point to an earlier one (GB-132)."""
        points = (control.start_s, control.end_s)
        if any(each is not None and self._offer.start + each > self._offer.end for each in points):
            return Answer(457, "Invalid Range")
        if scale < -16:
            return REFUSED
        at, until = (None if each is None else self._start + timedelta(seconds=each) for each in points)
        request = recording.RecordingSpeedRequest(
            session=self._name().session, speed=scale, at=at, until=until
        )
        reply: recording.RecordingSpeedReply = await self._call(recording.SPEED, request)
        self.paused = False
        told = reply.speed if reply.speed != scale else None
        start_s, end_s = (
            None if each is None else (each - self._start).total_seconds() for each in (reply.at, reply.until)
        )
        return Answer(scale=told, start_s=start_s, end_s=end_s)

    async def close(self) -> None:
        """End the playback on the device."""
        if self._touching is not None:
            await end(self._touching)
        if self._session is None:
            return
        with suppress(CambusError):  # it ends by itself
            await self._context.client.call(
                recording.STOP, self._name(), device=self._node.device, timeout_s=STOP_TIMEOUT_S
            )


def stream_of(offer: Description, node: Node) -> StreamName:
    """Which encoder an offer wants, in any of the dialects; the main one where the channel has no other."""
    sub = offer.stream_number == 1 or any(line.strip().lower() in _SUB_LINES for line in offer.extra)
    third = offer.stream_number == 2
    streams = node.info.streams if node.info is not None else []
    if third and "third" in streams:
        return "third"
    return "sub" if (sub or third) and "sub" in streams else "main"
