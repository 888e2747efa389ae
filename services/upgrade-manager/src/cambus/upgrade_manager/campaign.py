"""Running one campaign: begin devices as the concurrency allows, look after those that have gone silent."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cambus.bus.client import BusClient
from cambus.bus.errors import BusError
from cambus.bus.kv import KeyValue
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import CambusError, DeadlineExceeded, Offline
from cambus.schemas.model import Empty
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.jobs import job_of
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.verdict import FAILURES, orphaned, with_changes

logger = logging.getLogger(__name__)

INFO_TIMEOUT_S = 10.0


class CampaignRunner:
    """Carries one campaign out. All state is in the store: it may be ended and run again anywhere.

    Args:
        campaign: what was ordered.
        store: where everything is remembered.
        client: speaks to the devices' connectors.
        presence: what is known of devices now.
        settings: intervals and deadlines.
        may_act: whether this process still holds the campaign; asked right before anything is sent.
    """

    def __init__(
        self,
        campaign: UpgradeCampaign,
        store: CampaignStore,
        client: BusClient,
        presence: KeyValue[Presence],
        settings: UpgradeManagerSettings,
        may_act: Callable[[], bool],
    ) -> None:
        self.id = campaign.id
        self._campaign = campaign
        self._store = store
        self._client = client
        self._presence = presence
        self._settings = settings
        self._may_act = may_act
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something changed: look now."""
        self._changed.set()

    async def run(self) -> None:
        """Until the campaign is over; outages of NATS are waited out."""
        while True:
            self._changed.clear()
            try:
                if await self._step():
                    return
            except BusError as error:
                logger.warning("a campaign waits for NATS", extra={"campaign": self.id, "reason": str(error)})
            try:
                async with asyncio.timeout(self._settings.look_interval_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _step(self) -> bool:
        """Look at everything once; whether the campaign is over."""
        campaign = await self._store.campaign(self.id)
        if campaign is None:
            return True
        self._campaign = campaign
        attempts = await self._store.attempts(campaign)
        open_ = {device: each for device, each in attempts.items() if not each.state.final}
        active = [each for each in open_.values() if each.state is not UpgradeState.QUEUED]
        await asyncio.gather(*(self._look_after(attempt) for attempt in active))
        failures = sum(attempt.state in FAILURES for attempt in attempts.values())
        stop = campaign.max_failures is not None and failures >= campaign.max_failures
        if campaign.state is not CampaignState.RUNNING or stop:
            await self._skip_queued(open_, stop=stop)
            open_ = {device: each for device, each in open_.items() if each.state is not UpgradeState.QUEUED}
        else:
            queued = [device for device, each in open_.items() if each.state is UpgradeState.QUEUED]
            room = max(campaign.concurrency - len(active), 0)
            await asyncio.gather(*(self._begin(device) for device in queued[:room]))
        if open_:
            return False
        await self._finish(stop=stop)
        return True

    async def _finish(self, *, stop: bool) -> None:
        now = datetime.now(UTC)

        def change(campaign: UpgradeCampaign) -> UpgradeCampaign:
            state = campaign.state
            if state is CampaignState.RUNNING:
                state = CampaignState.STOPPED if stop else CampaignState.FINISHED
            return campaign.model_copy(update={"state": state, "finished_at": campaign.finished_at or now})

        await self._store.change_campaign(self.id, change)
        logger.info("a campaign is over", extra={"campaign": self.id})

    async def _skip_queued(self, attempts: dict[str, UpgradeAttempt], *, stop: bool) -> None:
        text = "too many devices failed before" if stop else "the campaign was cancelled"
        for device, attempt in attempts.items():
            if attempt.state is UpgradeState.QUEUED:
                await self._change(device, UpgradeState.CANCELLED, reason="not-begun", text=text)

    # --- one device -------------------------------------------------------------------------------------

    async def _begin(self, device: str) -> None:
        """Order the upgrade at the device's connector; the order is on record before it goes out."""
        job = job_of(self.id, device)
        version = await self._version(device)
        if version is None:
            return  # away: its turn comes when it is back
        expected = self._campaign.firmware.version
        if expected is not None and version == expected and not self._campaign.force:
            await self._change(
                device, UpgradeState.SKIPPED, version_after=version, text="it runs that version"
            )
            return
        await self._change(
            device, UpgradeState.PREPARING, job=job, version_before=version, started_at=datetime.now(UTC)
        )
        await self._order(device, job)

    async def _order(self, device: str, job: str) -> None:
        if not self._may_act():
            return
        firmware: FirmwareRef = self._campaign.firmware
        request = upgrade.UpgradeStartRequest(
            job=job,
            object=firmware.object,
            sha256=firmware.sha256 or "",
            size_bytes=firmware.size_bytes or 0,
            force=self._campaign.force,
            expected_version=firmware.version,
            confirm=True,
        )
        try:
            await self._client.call(upgrade.START, request, device=device)
        except (Offline, DeadlineExceeded) as error:
            logger.info("a device waits", extra={"device": device, "job": job, "reason": error.reason})
        except CambusError as error:
            await self._change(
                device,
                UpgradeState.FAILED,
                reason=error.reason,
                text=error.text,
                device_code=error.device_code,
            )

    async def _look_after(self, attempt: UpgradeAttempt) -> None:
        """A device under way: cancel it if that is wanted, ask about it when it has gone silent."""
        now = datetime.now(UTC)
        if self._campaign.state is CampaignState.CANCELLED and not attempt.image_sent and attempt.job:
            await self._cancel(attempt.device, attempt.job)
        silent_s = (now - (attempt.updated_at or now)).total_seconds()
        if silent_s < self._settings.silence_s and attempt.state is not UpgradeState.PREPARING:
            return
        info = await self._ask(attempt.device)
        if info is not None and info.job == attempt.job and info.state is not None and not info.state.final:
            return
        if attempt.state is UpgradeState.PREPARING and attempt.job:
            if info is not None:
                await self._order(
                    attempt.device, attempt.job
                )  # the same job: joined if it is known after all
        elif info is not None or silent_s >= self._settings.silence_s:
            await self._judge(attempt, now)
        await self._give_up_late(attempt, now)

    async def _judge(self, attempt: UpgradeAttempt, now: datetime) -> None:
        version = await self._version(attempt.device)
        expected = self._campaign.firmware.version
        await self._store.change_attempt(
            self.id,
            attempt.device,
            lambda each: each if each.state.final else orphaned(each, version, expected, now),
        )

    async def _give_up_late(self, attempt: UpgradeAttempt, now: datetime) -> None:
        started = attempt.started_at or now
        if (now - started).total_seconds() < self._settings.device_deadline_s:
            return
        back = await self._version(attempt.device) is not None
        state = UpgradeState.UNKNOWN if back else UpgradeState.NOT_BACK
        await self._change(attempt.device, state, reason="deadline", text="it did not finish in time")

    async def _cancel(self, device: str, job: str) -> None:
        try:
            await self._client.call(upgrade.CANCEL, upgrade.UpgradeCancelRequest(job=job), device=device)
        except CambusError as error:
            logger.info("could not cancel", extra={"device": device, "job": job, "reason": error.reason})

    async def _ask(self, device: str) -> upgrade.UpgradeInfoReply | None:
        try:
            return await self._client.call(upgrade.INFO, Empty(), device=device, timeout_s=INFO_TIMEOUT_S)
        except CambusError:
            return None

    async def _version(self, device: str) -> str | None:
        """The firmware the device reports, None while it is away."""
        entry = await self._presence.get(device)
        return entry.value.software_version if entry is not None and entry.value.online else None

    async def _change(self, device: str, state: UpgradeState, **changes: object) -> None:
        now = datetime.now(UTC)
        await self._store.change_attempt(
            self.id,
            device,
            lambda each: each if each.state.final else with_changes(each, now, state=state, **changes),
        )
        self._changed.set()
