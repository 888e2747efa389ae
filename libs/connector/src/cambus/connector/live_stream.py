"""One live stream of one device: open while somebody claims it, opened again when it breaks."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from cambus.connector.backoff import Backoff, BackoffPolicy
from cambus.connector.claims import ClaimTable, TooManyClaimsError
from cambus.connector.driver import DeviceSession, DeviceStream
from cambus.connector.ending import end
from cambus.connector.errors import SessionEnd
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import FramePublisher
from cambus.media.frame import Frame, Kind
from cambus.schemas.errors import CambusError, Internal, NotFound, Offline, Overloaded

logger = logging.getLogger(__name__)

REOPENING: Final = BackoffPolicy(first_s=0.5, last_s=15.0, steady_s=30.0)
"""How soon a stream that broke off is opened again."""

WELCOME_S: Final = 1.0
"""Seconds in which those who join a running stream share the keyframe that is asked for on their behalf."""


class LiveStream:
    """The claims on one stream and, while the device has a session, the stream itself.

    Args:
        device: for the log.
        channel: counted from 0.
        stream: `main`, `sub` …
        publisher: where the frames go.
        linger_s: how long the stream stays open after its last claim.
        metrics: counts streams, claims and restarts.
        on_started: the first picture of the stream is on the bus; with that frame.
        on_closed: nobody wants it any more and it is closed; with the reason. Not called on `detach`.
    """

    def __init__(
        self,
        device: str,
        channel: int,
        stream: str,
        publisher: FramePublisher,
        *,
        linger_s: float,
        metrics: MediaMetrics,
        on_started: Callable[[Frame], Awaitable[None]],
        on_closed: Callable[[str], Awaitable[None]],
    ) -> None:
        self.channel = channel
        self.stream = stream
        self.publisher = publisher
        self.announced = False
        self._extra = {"device": device, "channel": channel, "stream": stream}
        self._table = ClaimTable(linger_s)
        self._metrics = metrics
        self._on_started = on_started
        self._on_closed = on_closed
        self._backoff = Backoff(REOPENING)
        self._changed = asyncio.Event()
        self._retry = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._source: DeviceStream | None = None
        self._outcome: asyncio.Future[None] | None = None
        self._failure: CambusError | None = None
        self._counted_claims = 0
        self._welcomed = -WELCOME_S

    @property
    def open(self) -> bool:
        """Whether the device sends it now."""
        return self._source is not None

    @property
    def route(self) -> str:
        """By which systems below the device it comes; empty where nobody says."""
        return "" if self._source is None else self._source.route

    @property
    def wanted(self) -> bool:
        """Whether somebody claims it, or did a moment ago."""
        wanted = self._table.wanted(_now())
        self._count_claims()
        return wanted

    # --- claims -----------------------------------------------------------------------------------------

    def claim(self, claimant: str, ttl_s: float) -> None:
        """Make or renew a claim.

        Raises:
            Overloaded: there are as many as one stream takes.
        """
        try:
            first = self._table.claim(claimant, ttl_s, _now())
        except TooManyClaimsError as error:
            raise Overloaded(str(error), reason="too-many-claims") from None
        if first:  # what an attempt met with that nobody waits for any more is no answer to this one
            self._failure = None
            self._retry.set()
        self._claims_changed()

    def claimed_by(self, claimant: str) -> bool:
        """Whether somebody holds a claim."""
        self._table.expire(_now())
        return claimant in self._table.claimants

    def touch(self, claimant: str, ttl_s: float) -> bool:
        """Renew a claim; False if there is none (any more)."""
        touched = self._table.touch(claimant, ttl_s, _now())
        self._claims_changed()
        return touched

    def release(self, claimant: str, *, linger: bool = True) -> None:
        """Give a claim up; no claim is no error."""
        self._table.release(claimant, _now(), linger=linger)
        self._claims_changed()

    def drop_claims(self) -> None:
        """Forget every claim, without a linger."""
        for claimant in self._table.claimants:
            self.release(claimant, linger=False)

    def _claims_changed(self) -> None:
        self._count_claims()
        self._changed.set()

    def _count_claims(self) -> None:
        self._metrics.claims(len(self._table) - self._counted_claims)
        self._counted_claims = len(self._table)

    # --- what others wait for ---------------------------------------------------------------------------

    async def opened(self) -> None:
        """Wait until the device sends the stream.

        Raises:
            CambusError: why the attempt under way failed, or the last one if the next is not due yet.
        """
        if self._source is not None:
            return
        if self._outcome is None:
            if self._failure is not None:
                raise self._failure
            self._outcome = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._outcome)

    async def request_keyframe(self) -> None:
        """Ask the encoder for a keyframe. Raises `NotFound` if the stream is not open, or why it will not."""
        if self._source is None:
            raise NotFound("the stream is not open; claim it first", reason="stream-not-open")
        await self._source.request_keyframe()

    async def welcome(self) -> None:
        """Somebody joins while it runs: ask for a keyframe to begin with, for the next may be minutes away.

        Encoders that give none on request are not minded.
        """
        source, now = self._source, _now()
        if source is None or now - self._welcomed < WELCOME_S:
            return
        self._welcomed = now
        with contextlib.suppress(CambusError):
            await source.request_keyframe()

    # --- sessions ---------------------------------------------------------------------------------------

    def attach(self, session: DeviceSession) -> None:
        """The device is online: keep the stream open as long as it is wanted."""
        if self._runner is None:
            name = "live {device}.{channel}.{stream}".format_map(self._extra)
            self._runner = asyncio.create_task(self._serve(session), name=name)

    async def detach(self) -> None:
        """The device is offline: close the stream; the claims live on."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await end(runner)

    async def _serve(self, session: DeviceSession) -> None:
        """Run the stream while it is wanted; once it is not, close it and say so."""
        try:
            while self.wanted:
                await self._while_wanted(session)
        except Exception:
            logger.exception("live stream failed", extra=self._extra)
            self.drop_claims()
        self._runner = None
        await self._on_closed("unclaimed")

    async def _while_wanted(self, session: DeviceSession) -> None:
        pump = asyncio.create_task(self._keep_open(session), name=f"pump {self._extra['device']}")
        unwanted = asyncio.create_task(self._until_unwanted(), name=f"claims {self._extra['device']}")
        try:
            await asyncio.wait({pump, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(pump, unwanted)
            await self.publisher.end()
            if not self.wanted or self._runner is None:
                self._settle(Offline("the stream was closed before it opened"))
                self._failure = None
        if not pump.cancelled() and (error := pump.exception()) is not None:
            raise error

    async def _until_unwanted(self) -> None:
        """Return when the last claim and the linger are over."""
        while self.wanted:
            self._changed.clear()
            timeout_at = self._table.next_timeout()
            try:
                async with asyncio.timeout_at(timeout_at):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _keep_open(self, session: DeviceSession) -> None:
        """Open the stream, feed the bus until it breaks off, open it again; for ever."""
        self._failure = None
        while True:
            if self._outcome is None:
                self._outcome = asyncio.get_running_loop().create_future()
            self._retry.clear()
            self._settle(await self._attempt(session))
            try:
                async with asyncio.timeout(self._backoff.failed(_now())):
                    await self._retry.wait()
            except TimeoutError:
                self._metrics.restarted()

    async def _attempt(self, session: DeviceSession) -> CambusError:
        """Open the stream once and feed the bus from it; return why it ended."""
        self.publisher.mark_discontinuity()
        try:
            self._source = await session.open_stream(self.channel, self.stream, self._on_frame)
            self._backoff.online(_now())
            self._settle(None)
            self._metrics.streams(1)
            await self._source.run()
            return Offline("the device ended the stream", reason="stream-ended")
        except CambusError as error:
            return error
        except SessionEnd as ended:
            logger.info("live stream broke off", extra={**self._extra, "reason": ended.reason.value})
            return Offline(ended.text, reason=ended.reason.value)
        except Exception:
            logger.exception("live stream failed", extra=self._extra)
            return Internal()
        finally:
            source, self._source = self._source, None
            if source is not None:
                self._metrics.streams(-1)
                await source.close()

    def _settle(self, failure: CambusError | None) -> None:
        """Tell those who wait for the stream how the attempt went."""
        outcome, self._outcome = self._outcome, None
        self._failure = failure
        if outcome is None or outcome.done():
            return
        if failure is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(failure)
            outcome.exception()  # nobody may be waiting: that is no defect to be logged

    async def _on_frame(self, frame: Frame) -> None:
        published = await self.publisher.publish(frame)
        if published and not self.announced and frame.kind is Kind.VIDEO:
            self.announced = True
            await self._on_started(frame)


def _now() -> float:
    return asyncio.get_running_loop().time()
