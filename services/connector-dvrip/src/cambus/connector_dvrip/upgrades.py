"""The firmware upgrade of one device: one at a time, never the same job twice, over the device's restart.

Before the first byte goes out the job is written down in `cambus-upgrades`. A connector that starts anew in the middle
finds it there and refuses the job: whether the image went out then only the device's version can tell.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cambus.bus.errors import WrongRevision
from cambus.bus.kv import KeyValue
from cambus.bus.objects import ObjectStore
from cambus.connector.ending import end as finish
from cambus.connector_dvrip.upgrade_run import UpgradeEnd, UpgradeRun
from cambus.schemas import keys
from cambus.schemas.assets import KV_UPGRADES
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import Conflict, NotFound
from cambus.schemas.events import upgrade as upgrade_events
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState

if TYPE_CHECKING:
    from cambus.connector_dvrip.device import DvripDevice

logger = logging.getLogger(__name__)

PROGRESS_STEP: Final = 5.0
"""Percent between two events of progress."""


@dataclass(slots=True)
class _Job:
    """The present upgrade, or the last one."""

    request: UpgradeStartRequest
    state: UpgradeState = UpgradeState.PREPARING
    percent: float | None = None
    newest: tuple[UpgradeState, float] = (UpgradeState.QUEUED, 0.0)
    untold: deque[tuple[UpgradeState, float | None]] = field(default_factory=deque)


class Upgrades:
    """The upgrades of one device.

    Args:
        device: the device.
    """

    def __init__(self, device: "DvripDevice") -> None:
        self._device = device
        self._job: _Job | None = None
        self._run: UpgradeRun | None = None
        self._attempts = KeyValue(device.context.bus, KV_UPGRADES, UpgradeAttempt)
        self._changed = asyncio.Event()
        self._telling = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether an upgrade is under way: nothing else may be asked of the device that changes it."""
        return self._job is not None and not self._job.state.final

    @property
    def job(self) -> str | None:
        """The present job, or the last one."""
        return None if self._job is None else self._job.request.job

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
            Conflict: another one is under way, or a download is, or the job was begun before this process.
        """
        if self._is_known(request.job):
            return True
        if await self._begun_before(request.job):
            raise Conflict(
                f"upgrade {request.job} was begun before; only the version tells how it ended",
                reason="job-already-begun",
                retryable=False,
            )
        if self._is_known(request.job):  # while we were asking
            return True
        session = self._device.session
        if session is not None and session.slot.holder is not None:
            raise Conflict("the device is sending a download", reason="download-under-way")
        self._job = _Job(request)
        self._device.context.hooks.spawn(self._carry_out(self._job), "upgrade")
        return False

    def cancel(self, job: str) -> None:
        """End an upgrade before its last byte.

        Raises:
            NotFound: there is no such job.
            Conflict: it is too late.
        """
        if self._job is None or self._job.request.job != job:
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

    async def _carry_out(self, job: _Job) -> None:
        """Run a job and tell how it goes and how it ended."""
        context = self._device.context
        context.hooks.upgrading(active=True)
        run = self._run = UpgradeRun(
            self._device,
            job.request,
            ObjectStore(context.bus, job.request.bucket),
            on_state=lambda state, percent: self._moved(job, state, percent),
            mark_begun=lambda: self._mark_begun(job.request.job),
        )
        telling = asyncio.create_task(self._tell(job), name=f"upgrade progress {self._device.id}")
        try:
            end = await run.run()
        except asyncio.CancelledError:
            await self._finish(job, run.cut_off())
            raise
        except Exception:
            logger.exception("upgrade failed", extra={"device": self._device.id})
            await self._finish(job, run.cut_off())
        else:
            await self._tell_noted(job)  # the end comes last
            await self._finish(job, end)
        finally:
            await finish(telling)
            self._run = None
            context.hooks.upgrading(active=False)

    async def _finish(self, job: _Job, end: UpgradeEnd) -> None:
        job.state, job.percent = end.state, 100.0 if end.state is UpgradeState.SUCCEEDED else job.percent
        extra = {
            "device": self._device.id,
            "job": job.request.job,
            "state": end.state.value,
            "reason": end.reason,
        }
        logger.info("upgrade over", extra=extra)
        await self._device.context.events.tell(
            upgrade_events.FINISHED,
            job=job.request.job,
            state=end.state,
            version_before=end.version_before,
            version_after=end.version_after,
            reason=end.reason,
            text=end.text,
            device_code=end.device_code,
            image_sent=end.image_sent,
        )

    def _moved(self, job: _Job, state: UpgradeState, percent: float | None) -> None:
        """Note each new state, and progress in steps; there are few enough of both to keep all."""
        job.state, job.percent = state, percent
        told_state, told_percent = job.newest
        if state is not told_state or (percent or 0.0) - told_percent >= PROGRESS_STEP:
            job.newest = (state, percent or 0.0)
            job.untold.append((state, percent))
            self._changed.set()

    async def _tell(self, job: _Job) -> None:
        """Publish what is noted as it comes, until cancelled."""
        while True:
            await self._tell_noted(job)
            self._changed.clear()
            await self._changed.wait()

    async def _tell_noted(self, job: _Job) -> None:
        """Publish what is noted by now, in order."""
        async with self._telling:
            while job.untold:
                state, percent = job.untold[0]
                sent = None
                if state is UpgradeState.TRANSFERRING and percent is not None:
                    sent = round(job.request.size_bytes * percent / 100)
                await self._device.context.events.tell(
                    upgrade_events.PROGRESSED,
                    job=job.request.job,
                    state=state,
                    percent=percent,
                    sent_bytes=sent,
                )
                job.untold.popleft()

    # --- what survives us -------------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return keys.upgrade_job(self._device.id)

    async def _begun_before(self, job: str) -> bool:
        entry = await self._attempts.get(self._key)
        return entry is not None and entry.value.job == job

    async def _mark_begun(self, job: str) -> None:
        """Write down that this job's image is about to go out.

        Raises:
            Conflict: somebody else has begun one in the same moment.
            BusError: it can not be written down: then nothing may be sent.
        """
        now = datetime.now(UTC)
        value = UpgradeAttempt(
            campaign=job[:64],
            device=self._device.id,
            job=job,
            state=UpgradeState.TRANSFERRING,
            started_at=now,
            updated_at=now,
        )
        entry = await self._attempts.get(self._key)
        try:
            if entry is None:
                await self._attempts.create(self._key, value)
            else:
                await self._attempts.update(self._key, value, entry.revision)
        except WrongRevision:
            raise Conflict(
                "another upgrade was begun in the same moment", reason="upgrade-under-way"
            ) from None
