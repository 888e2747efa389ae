"""One relayed stream: subscription, claim and hub, alive while somebody watches and a little longer."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.live_claim import PASSING, LiveClaim
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame
from cambus.media_relay.hub import FormatFactory, HubLimits, StreamHub
from cambus.media_relay.key import StreamKey
from cambus.media_relay.keyframe_requests import KeyframeRequests
from cambus.media_relay.output import Output
from cambus.media_relay.playback_hold import PlaybackHold
from cambus.media_relay.sound_feed import SoundFeed
from cambus.media_relay.stalls import Stall, StallWatch
from cambus.media_relay.viewer import Closed
from cambus.schemas.errors import CambusError, DeadlineExceeded, ErrorCode, NotFound, Offline, Unsupported

Known = Callable[[str], bool]
"""Whether there is a device of this name."""


_SOUND_WAIT_S: Final = 1.0


class RelayedStream:
    """Runs from `run()` until nobody has used it for `linger_s`.

    Args:
        bus: the frames come from here.
        client: claims through this.
        key: which stream.
        claimant: name of this process's claims.
        make_format: builds the hub's output formats.
        limits: the hub's bounds.
        known: whether a device exists; one that does not is `NotFound` rather than `Offline`.
        claim_ttl_s: how long a claim lives unrenewed.
        linger_s: how long the claim is kept after the last viewer.
        executor: where sound is transcoded.
        stalled_after_s: a live source that sends nothing for so long stands still.
    """

    def __init__(
        self,
        bus: Bus,
        client: BusClient,
        key: StreamKey,
        claimant: str,
        *,
        make_format: FormatFactory,
        limits: HubLimits,
        known: Known,
        claim_ttl_s: float,
        linger_s: float,
        executor: Executor,
        stalled_after_s: float = 10.0,
    ) -> None:
        self.key = key
        self.keyframes = KeyframeRequests(client, key, self._needs_keyframe)
        self.hub = StreamHub(make_format, limits, self._make_feed, want_keyframe=self.keyframes.want)
        self.stall = StallWatch(stalled_after_s)
        self._executor = executor
        self._bus = bus
        self._claim = LiveClaim(
            client,
            key.device,
            key.channel,
            key.encoder,
            claimant,
            ttl_s=claim_ttl_s,
            on_outcome=self._on_claim,
        )
        self._lost_group: Frame | None = None
        self._playback = PlaybackHold(client, key, lambda: self._users > 0, self._on_playback)
        self._known = known
        self._linger_s = linger_s
        self._users = 0
        self._use_changed = asyncio.Event()
        self._waiters: set[asyncio.Future[None]] = set()
        self._tick: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._tick_at: float | None = None
        self._trouble: CambusError | None = None
        self.started_at = self._claimed_at = time.monotonic()
        self.closing = False

    @property
    def users(self) -> int:
        """Connections that hold the stream open, watching or about to."""
        return self._users

    @property
    def claimed(self) -> bool:
        """Whether the device has been asked to send, successfully."""
        return self._claim.held

    def retain(self) -> None:
        """Keep the stream running; `release` undoes it."""
        self._users += 1
        self._use_changed.set()

    def release(self) -> None:
        """One user less; after the last the stream lingers, then ends."""
        self._users -= 1
        self._use_changed.set()

    def check(self, now: float) -> Stall | None:
        """Close viewers whose peers have stalled; tell of a source that now stands still."""
        self.hub.check()
        silent_s = now - max(self._claimed_at, self.hub.last_frame_at or 0.0)
        # A playback may be held, and then sends nothing with good reason.
        if not self.stall.check(silent_s, expected=self.key.live and self.claimed and self._users > 0):
            return None
        return Stall(self.key, silent_s, self.hub.last_wall_us)

    def wake(self) -> None:
        """Claim again at once: the device has come back."""
        self._claim.wake()

    def ask_keyframe(self) -> None:
        """A viewer has lost the picture for good: a new keyframe is wanted, unless one comes by itself."""
        self._lost_group = self.hub.group[0] if self.hub.group else None
        self.keyframes.want()

    async def run(self) -> None:
        """Subscribe, claim and relay until unused for the linger; cancelling ends it at once."""
        try:
            subscription = await self._bus.subscribe(
                self.key.subject, lambda message: self._receive(message.data)
            )
            try:
                await self._run_claimed()
            finally:
                await subscription.close()
        finally:
            self.closing = True
            if self._ending is not None:
                self._ending.cancel()
            self._fail(Offline("the relay is stopping", reason="stopping"))
            self.hub.stop(Closed.SHUTDOWN)
            if self._tick is not None:
                self._tick.cancel()

    async def ready(self, timeout_s: float) -> None:
        """Wait until viewers can join.

        Raises:
            CambusError: what the connector said: `Offline`, `NotFound`, …; `DeadlineExceeded` if no picture
                came in time; `Unsupported` for a video codec without an output.
        """
        if self.hub.ready:
            if self._trouble is not None and self._trouble.code not in PASSING:
                raise self._trouble  # what is cached is of the past
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            if self._trouble is not None:
                raise self._trouble from None
            raise DeadlineExceeded("the device sent no picture in time", reason="no-picture") from None
        finally:
            self._waiters.discard(waiter)

    async def prepare(self, output: Output) -> None:
        """Have the sound of an output at hand before a viewer joins, if that does not take long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SOUND_WAIT_S):
                await self.hub.prepare(output)

    async def _run_claimed(self) -> None:
        hold = self._claim.hold() if self.key.live else self._playback.hold()
        holding = asyncio.create_task(hold, name=f"claim {self.key}")
        unused = asyncio.create_task(self._until_unused(), name=f"linger {self.key}")
        asking = asyncio.create_task(self.keyframes.run(), name=f"keyframes {self.key}")
        try:
            await asyncio.wait({holding, unused, asking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.closing = True
            for task in (holding, unused, asking):
                task.cancel()
            outcomes = await asyncio.gather(holding, unused, asking, return_exceptions=True)
            if self.key.live:
                await self._claim.release()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _needs_keyframe(self) -> bool:
        """Whether somebody would see nothing without one, or can not begin for long; a playback has what it has."""
        group = self.hub.group
        lost = bool(group) and group[0] is self._lost_group
        return self.key.live and self._users > 0 and (self.hub.blind or lost or self.hub.keyframe_due)

    async def _until_unused(self) -> None:
        while True:
            self._use_changed.clear()
            if self._users:
                await self._use_changed.wait()
                continue
            linger_s = self._linger_s if self.hub.last_frame_at is not None else 0.0
            try:
                async with asyncio.timeout(linger_s):
                    await self._use_changed.wait()
            except TimeoutError:
                if not self._users:
                    return

    def _receive(self, data: bytes) -> None:
        """Runs in the read loop of the connection: from here to the viewers' sockets nothing waits."""
        hub = self.hub
        hub.receive(data, time.monotonic())
        if self._waiters:
            if hub.ready:
                self._succeed()
            elif hub.unsupported is not None:
                self._fail(Unsupported(f"no output carries {hub.unsupported.name} video", reason="codec"))
        if hub.ended:
            hub.ended = False
            self._on_end()
        self._arm()

    def _make_feed(self, source: AudioConfig, codec: Codec) -> SoundFeed:
        return SoundFeed(source, codec, partial(self._on_sound, codec), self._executor)

    def _on_sound(self, codec: Codec, frames: Sequence[Frame]) -> None:
        self.hub.push_sound(codec, frames, time.monotonic())
        self._arm()

    def _arm(self) -> None:
        """Set the timer anew if the hub wants to be called at another time; a needless wake-up costs more."""
        at = self.hub.next_timeout()
        if at == self._tick_at:
            return
        self._tick_at = at
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if at is not None:
            delay_s = max(0.0, at - time.monotonic())
            self._tick = asyncio.get_running_loop().call_later(delay_s, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = self._tick_at = None
        self.hub.tick(time.monotonic())
        if self.hub.ready:
            self._succeed()
        self._arm()

    def _on_end(self) -> None:
        """The sender said that this was the last frame."""
        if self.key.live:
            self._claim.wake()
        else:
            self.closing = True  # who comes now is told that it is over
            if self.hub.transcoding:
                self._ending = asyncio.create_task(self._finish(), name=f"end {self.key}")
            else:
                self.hub.finish()

    async def _finish(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SOUND_WAIT_S):
                await self.hub.finish_sounds()
        self.hub.finish()

    def _on_claim(self, error: CambusError | None) -> None:
        self._trouble = error
        if error is None:
            self._claimed_at = time.monotonic()
            return
        if error.code is ErrorCode.OFFLINE and not self._known(self.key.device):
            error = NotFound("there is no such device", reason="no-such-device")
        elif error.code in {ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN}:
            # The device refused its connector; a viewer must not take that for a question about himself.
            error = Offline(f"the device does not let Cambus in: {error.text}", reason=error.reason)
        self._trouble = error
        if error.code not in PASSING:
            self._fail(error)

    def _on_playback(self, error: CambusError) -> None:
        """Nobody knows the playback; frames of that name may come all the same, from a microphone for one."""
        self._trouble = error
        if self.hub.last_frame_at is None:
            self._fail(error)
        elif self.key.of_recorder:  # whoever played it died, for it did not say that it is over
            self.closing = True
            self.hub.close(Closed.SOURCE_LOST)

    def _succeed(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, error: CambusError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
