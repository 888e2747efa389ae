"""The firmware upgrade of one device: one at a time, never the same job twice, over the device's restart.

Before the first byte goes out the job is written down in `cambus-upgrades`. A connector that starts anew in the middle
finds it there and refuses the job: whether the image went out then only the device's version can tell, unless the
protocol lets an upgrade be taken up again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cambus.bus.connection import Bus
from cambus.client.errors import WrongRevision
from cambus.client.kv import KeyValue
from cambus.connector.context import DeviceContext
from cambus.connector.ending import end as finish
from cambus.schemas import keys
from cambus.schemas.assets import KV_UPGRADES
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import Conflict, NotFound
from cambus.schemas.events import upgrade as upgrade_events
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState

logger = logging.getLogger(__name__)

PROGRESS_STEP: Final = 5.0
"""Percent between two events of progress."""

OnState = Callable[[UpgradeState, float | None], None]
"""Told of each state and its percent; does not block."""

MarkBegun = Callable[[], Awaitable[None]]
"""Writes down that the image is about to go out. Raises Conflict or BusError if that can not be written."""


@dataclass(frozen=True, slots=True)
class UpgradeEnd:
    """How an upgrade ended; the fields of `upgrade.finished`."""

    state: UpgradeState
    version_before: str
    version_after: str | None = None
    reason: str = ""
    text: str = ""
    device_code: str | None = None
    image_sent: bool = False


class UpgradeRun(Protocol):
    """One upgrade, as a protocol carries it out."""

    @property
    def resumable(self) -> bool:
        """Whether it is taken up again when this connector gives the device up in the middle."""

    async def run(self) -> UpgradeEnd | None:
        """Upgrade the device; None if its end is told by somebody else."""

    def cancel(self) -> None:
        """Send no more."""

    def cut_off(self) -> UpgradeEnd:
        """How the upgrade ended if nobody looks after it any more."""


MakeRun = Callable[[UpgradeStartRequest, OnState, MarkBegun], UpgradeRun]


@dataclass(slots=True)
class _Job:
    """The present upgrade, or the last one."""

    name: str
    size_bytes: int | None
    state: UpgradeState = UpgradeState.PREPARING
    percent: float | None = None
    newest: tuple[UpgradeState, float] = (UpgradeState.QUEUED, 0.0)
    untold: deque[tuple[UpgradeState, float | None]] = field(default_factory=deque)
    moved: asyncio.Event = field(default_factory=asyncio.Event)


class Upgrades:
    """The upgrades of one device.

    Args:
        context: the surroundings of the device.
        make_run: makes the work of an order.
        may_begin: raises Conflict if the device can take no upgrade now.

    Attributes:
        begun: what is written down of the last one.
    """

    def __init__(
        self, context: DeviceContext, make_run: MakeRun, *, may_begin: Callable[[], None] = lambda: None
    ) -> None:
        self._context = context
        self._make_run = make_run
        self._may_begin = may_begin
        self._job: _Job | None = None
        self._run: UpgradeRun | None = None
        self.begun = BegunUpgrade(context.bus, context.device)
        self._telling = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether an upgrade is under way: nothing else may be asked of the device that changes it."""
        return self._job is not None and not self._job.state.final

    @property
    def job(self) -> str | None:
        """The present job, or the last one."""
        return None if self._job is None else self._job.name

    @property
    def state(self) -> UpgradeState | None:
        """Where it is, or how it ended."""
        return None if self._job is None else self._job.state

    @property
    def percent(self) -> float | None:
        """How far that state is."""
        return None if self._job is None else self._job.percent

    async def start(self, request: UpgradeStartRequest) -> bool:
        """Begin an upgrade; True if this very job is known already: nothing is sent anew.

        Raises:
            Conflict: another one is under way, or something else, or the job was begun before this process, or meant
                for another session.
        """
        if self._is_known(request.job):
            return True
        if await self.begun.is_begun(request.job):
            raise _begun_before(request.job)
        if self._is_known(request.job):  # while we were asking
            return True
        if request.session not in ("", self._context.hooks.session_name()):
            text = "the order is for an earlier session of the device; nothing was done"
            raise Conflict(text, reason="other-session")
        self._may_begin()
        job = self._job = _Job(request.job, request.size_bytes)
        run = self._make_run(request, self._moves(job), lambda: self.begun.mark(request.job))
        self._context.hooks.spawn(self._carry_out(job, run), "upgrade")
        return False

    def take_up(self, name: str, state: UpgradeState, make: Callable[[OnState], UpgradeRun]) -> None:
        """Go on with an upgrade that was begun before this process and had come so far, unless there is one."""
        if not self.busy:
            job = self._job = _Job(name, None, state)
            self._context.hooks.spawn(self._carry_out(job, make(self._moves(job))), "upgrade")

    def cancel(self, job: str) -> None:
        """End an upgrade before its last byte.

        Raises:
            NotFound: there is no such job.
            Conflict: it is too late.
        """
        if self._job is None or self._job.name != job:
            raise NotFound(f"there is no upgrade {job}", reason="no-such-job")
        if self._job.state not in (UpgradeState.PREPARING, UpgradeState.TRANSFERRING) or self._run is None:
            raise Conflict("the image is sent; nothing can be taken back", reason="too-late", retryable=False)
        self._run.cancel()

    def _is_known(self, job: str) -> bool:
        """Whether this job is the present one, or the last. Raises Conflict if another is under way."""
        if self.job == job:
            return True
        if self.busy:
            raise Conflict(f"upgrade {self.job} is under way", reason="upgrade-under-way")
        return False

    # --- inside -----------------------------------------------------------------------------------------

    async def _carry_out(self, job: _Job, run: UpgradeRun) -> None:
        """Run a job and tell how it goes and how it ended."""
        hooks, device = self._context.hooks, self._context.device
        hooks.upgrading(active=True)
        self._run = run
        telling = asyncio.create_task(self._tell(job), name=f"upgrade progress {device}")
        try:
            end = await run.run()
        except asyncio.CancelledError:
            if run.resumable:
                self._job = None
            else:
                await self._finish(job, run.cut_off())
            raise
        except Exception:
            logger.exception("upgrade failed", extra={"device": device})
            await self._finish(job, run.cut_off())
        else:
            await self._tell_noted(job)  # the end comes last
            if end is None:
                self._job = None
            else:
                await self._finish(job, end)
        finally:
            await finish(telling)
            self._run = None
            hooks.upgrading(active=False)

    async def _finish(self, job: _Job, end: UpgradeEnd) -> None:
        job.state, job.percent = end.state, 100.0 if end.state is UpgradeState.SUCCEEDED else job.percent
        extra = {
            "device": self._context.device,
            "job": job.name,
            "state": end.state.value,
            "reason": end.reason,
        }
        logger.info("upgrade over", extra=extra)
        await self._context.events.tell(
            upgrade_events.FINISHED,
            job=job.name,
            state=end.state,
            version_before=end.version_before,
            version_after=end.version_after,
            reason=end.reason,
            text=end.text,
            device_code=end.device_code,
            image_sent=end.image_sent,
        )

    def _moves(self, job: _Job) -> OnState:
        """Notes each new state, and progress in steps; there are few enough of both to keep all."""

        def moved(state: UpgradeState, percent: float | None) -> None:
            job.state, job.percent = state, percent
            told_state, told_percent = job.newest
            if state is not told_state or (percent or 0.0) - told_percent >= PROGRESS_STEP:
                job.newest = (state, percent or 0.0)
                job.untold.append((state, percent))
                job.moved.set()

        return moved

    async def _tell(self, job: _Job) -> None:
        """Publish what is noted as it comes, until cancelled."""
        while True:
            await self._tell_noted(job)
            job.moved.clear()
            await job.moved.wait()

    async def _tell_noted(self, job: _Job) -> None:
        """Publish what is noted by now, in order."""
        async with self._telling:
            while job.untold:
                state, percent = job.untold[0]
                sent = None
                if state is UpgradeState.TRANSFERRING and None not in (percent, job.size_bytes):
                    sent = round((job.size_bytes or 0) * (percent or 0.0) / 100)
                await self._context.events.tell(
                    upgrade_events.PROGRESSED, job=job.name, state=state, percent=percent, sent_bytes=sent
                )
                job.untold.popleft()


def _begun_before(job: str) -> Conflict:
    text = f"upgrade {job} was begun before; only the version tells how it ended"
    return Conflict(text, reason="job-already-begun", retryable=False)


class BegunUpgrade:
    """What is written down of the upgrade of a device that was begun last: it survives us.

    Args:
        bus: the connection.
        device: the device.
    """

    def __init__(self, bus: Bus, device: str) -> None:
        self._device = device
        self._attempts = KeyValue(bus, KV_UPGRADES, UpgradeAttempt)

    @property
    def _key(self) -> str:
        return keys.upgrade_job(self._device)

    async def last(self) -> UpgradeAttempt | None:
        """What is written. Raises BusError."""
        entry = await self._attempts.get(self._key)
        return None if entry is None else entry.value

    async def is_begun(self, job: str) -> bool:
        """Whether this job was begun, by whomever. Raises BusError."""
        last = await self.last()
        return last is not None and last.job == job

    async def mark(self, job: str, **facts: Any) -> None:
        """Write down that this job's image is about to go out.

        Raises:
            Conflict: somebody else has begun one in the same moment, or this very one.
            BusError: it can not be written down: then nothing may be sent.
        """
        now = datetime.now(UTC)
        value = UpgradeAttempt(
            campaign=job[:64],
            device=self._device,
            job=job,
            state=UpgradeState.TRANSFERRING,
            started_at=now,
            updated_at=now,
            **facts,
        )
        entry = await self._attempts.get(self._key)
        if (
            entry is not None and entry.value.job == job
        ):  # since `is_begun`: another replica has the order, too
            raise _begun_before(job)
        try:
            if entry is None:
                await self._attempts.create(self._key, value)
            else:
                await self._attempts.update(self._key, value, entry.revision)
        except WrongRevision:
            raise Conflict(
                "another upgrade was begun in the same moment", reason="upgrade-under-way"
            ) from None

    async def note(self, job: str, **changes: Any) -> bool:
        """Write down how it goes on; False if it is over, or another was begun since. Raises BusError."""
        while True:
            entry = await self._attempts.get(self._key)
            if entry is None or entry.value.job != job or entry.value.state.final:
                return False
            value = entry.value.model_copy(update={**changes, "updated_at": datetime.now(UTC)})
            try:
                await self._attempts.update(self._key, value, entry.revision)
            except WrongRevision:
                continue
            return True
