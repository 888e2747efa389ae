"""One device of a campaign: ordering its upgrade once, and finding out what became of it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cambus.client.calling import BusClient
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, Offline
from cambus.schemas.model import Empty
from cambus.schemas.state.upgrades import UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.book import AttemptBook
from cambus.upgrade_manager.fitness import misfit
from cambus.upgrade_manager.images import Images
from cambus.upgrade_manager.jobs import job_of
from cambus.upgrade_manager.planning import ask_one, facts_of
from cambus.upgrade_manager.roster import Roster
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.sightings import Sighting, Sightings
from cambus.upgrade_manager.verdict import (
    SETTLING,
    Look,
    Wanted,
    answered,
    ended,
    held_up,
    judged,
    ordered,
    put_back,
)

logger = logging.getLogger(__name__)

INFO_TIMEOUT_S = 10.0


class DeviceUpgrades:
    """Deals with single devices of a campaign, each call with one. All state is in the book.

    Args:
        campaign: what was ordered; replaced when it is cancelled.
        book: what is written of each device.
        sightings: what is seen of them.
        roster: what is written of them.
        images: looks at the image before each use.
        client: speaks to their connectors.
        settings: deadlines.
        may_act: whether this process still holds the campaign; asked right before anything is sent.
    """

    def __init__(
        self,
        campaign: UpgradeCampaign,
        book: AttemptBook,
        sightings: Sightings,
        roster: Roster,
        images: Images,
        client: BusClient,
        settings: UpgradeManagerSettings,
        may_act: Callable[[], bool],
    ) -> None:
        self.campaign = campaign
        self._book = book
        self._sightings = sightings
        self._roster = roster
        self._images = images
        self._client = client
        self._settings = settings
        self._may_act = may_act

    # --- its turn ---------------------------------------------------------------------------------------

    def can_begin(self, attempt: UpgradeAttempt, now: datetime) -> bool:
        """Whether a queued device is there, and did not refuse or break off just now."""
        sighting = self._sightings.of(attempt.device)
        if sighting is None or (attempt.retry_at is not None and now < attempt.retry_at):
            return False
        refused_now = (
            attempt.session == sighting.session and _silent_s(attempt, now) < self._settings.silence_s
        )
        return not refused_now

    async def begin(self, device: str, max_bytes_per_s: int | None) -> None:
        """Order the upgrade at the device's connector; the order is on record before it goes out.

        Args:
            device: which.
            max_bytes_per_s: how fast the image may be sent; None for as fast as it goes.

        Raises:
            ImageGone: the image is no longer what was ordered.
            BusError: NATS refuses or does not answer.
        """
        sighting = self._sightings.of(device)
        if sighting is None or not self._may_act():
            return
        if await self._needs_none(device, sighting):
            return
        if await self._is_claimed(device) or not await self._book.goes_on():
            return  # the latter since it was its turn: after a pause nobody wants to see a device begun
        session, version = sighting.session, sighting.version
        job, now = "", datetime.now(UTC)

        def order(attempt: UpgradeAttempt) -> UpgradeAttempt:
            nonlocal job
            job = job_of(self.campaign.id, device, attempt.tries)
            return ordered(attempt, now, job=job, session=session, version=version)

        if await self._book.change(device, order):
            await self._order(device, job, session, max_bytes_per_s)

    async def _is_claimed(self, device: str) -> bool:
        """Whether the device is another campaign's; if not it is this one's from now on."""
        other = await self._book.claim(device)
        if other is None:
            return False
        now, delay_s = datetime.now(UTC), self._settings.silence_s
        await self._book.change(device, lambda each: held_up(each, now, other=other, delay_s=delay_s))
        return True

    async def _needs_none(self, device: str, sighting: Sighting) -> bool:
        """Whether a device whose turn it is is to be left alone: by what it is at this moment."""
        expected = self.campaign.firmware.version
        image = await self._images.check(self.campaign.firmware)
        if self.campaign.force:
            return False
        if expected is not None and sighting.version == expected:
            await self._skip(device, "same-version", "it runs that version", version=expected)
            return True
        answer = await ask_one(self._client, device)
        if answer.reason == "unsupported":
            await self._skip(device, "unsupported", "its connector can not upgrade it")
            return True
        why = misfit(facts_of(self._roster.of(device), sighting.presence, answer), image.about)
        if why is not None:
            await self._skip(device, why.reason, why.text)
        return why is not None

    async def _skip(self, device: str, reason: str, text: str, *, version: str | None = None) -> None:
        """End a device's part before it was begun: well where it runs what was ordered, else without a verdict."""
        now = datetime.now(UTC)
        state = UpgradeState.SKIPPED if version is not None else UpgradeState.CANCELLED

        def skip(attempt: UpgradeAttempt) -> UpgradeAttempt:
            if attempt.state is not UpgradeState.QUEUED:
                return attempt
            return ended(attempt, now, state, reason=reason, text=text, version_after=version)

        await self._book.change(device, skip)

    async def _order(self, device: str, job: str, session: str, max_bytes_per_s: int | None) -> None:
        """Send the order, good for this session only: one that arrives much too late finds another.

        An error that may be retried says that nothing was done. Where nobody can tell, the attempt stays as it is;
        a conflict that will not pass is a job the connector has begun before: then only the version tells.
        """
        if not self._may_act():
            return
        firmware = self.campaign.firmware
        request = upgrade.UpgradeStartRequest(
            job=job,
            session=session,
            object=firmware.object,
            sha256=firmware.sha256 or "",
            size_bytes=firmware.size_bytes or 0,
            force=self.campaign.force,
            expected_version=firmware.version,
            max_bytes_per_s=max_bytes_per_s,
            confirm=True,
        )
        facts = {"device": device, "job": job}
        try:
            await self._client.call(upgrade.START, request, device=device)
        except CambusError as error:
            facts["reason"] = error.reason
            if error.retryable:
                logger.info("an upgrade waits for its next turn", extra=facts)
                await self._put_back(device, reason=error.reason, text=error.text)
            elif isinstance(error, Conflict):
                logger.warning("an upgrade was begun before", extra=facts)
                await self._answered(device)
            elif isinstance(error, DeadlineExceeded | Offline):
                logger.warning("it is unknown whether an upgrade began", extra=facts)
            else:
                logger.warning("a device refuses an upgrade", extra=facts)
                await self._refused(device, error)
        else:
            logger.info("an upgrade began", extra=facts)
            await self._answered(device)

    async def _answered(self, device: str) -> None:
        now = datetime.now(UTC)
        await self._book.change(device, lambda each: answered(each, now))

    async def _put_back(self, device: str, *, reason: str, text: str) -> None:
        now = datetime.now(UTC)
        await self._book.change(device, lambda each: put_back(each, now, reason=reason, text=text))

    async def _refused(self, device: str, error: CambusError) -> None:
        now = datetime.now(UTC)
        await self._book.change(
            device,
            lambda each: ended(
                each,
                now,
                UpgradeState.FAILED,
                reason=error.reason,
                text=error.text,
                device_code=error.device_code,
            ),
        )

    # --- under way --------------------------------------------------------------------------------------

    def needs_attention(self, attempt: UpgradeAttempt, now: datetime) -> bool:
        """Whether a device under way has been silent for so long that somebody should ask."""
        return _silent_s(attempt, now) >= self._settings.silence_s

    async def attend(self, attempt: UpgradeAttempt) -> None:
        """Find out what became of a device under way.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        info = await self._ask(attempt.device)
        sighting = self._sightings.of(attempt.device)
        known = info is not None and info.job == attempt.job
        since = attempt.started_at
        if info is not None and known and (info.state is None or not info.state.final):
            since = attempt.updated_at  # under way: its events tell the rest, as long as there are any
        elif info is not None and sighting is not None:
            if not known and attempt.state is UpgradeState.PREPARING and attempt.session == sighting.session:
                await self._order_lost(attempt)
                return
            await self._judge(attempt, info.software_version or sighting.version, sighting)
        await self._give_up_late(attempt, since, there=sighting is not None)

    async def _order_lost(self, attempt: UpgradeAttempt) -> None:
        """Let it wait for another turn: its connector is the one that was asked, and would know the job."""
        if self.needs_attention(attempt, datetime.now(UTC)):  # not one that is just on its way
            text = "its connector never got the order"
            await self._put_back(attempt.device, reason="order-lost", text=text)

    async def _judge(self, attempt: UpgradeAttempt, version: str, sighting: Sighting) -> None:
        now, wanted = datetime.now(UTC), Wanted.of(self.campaign, self.campaign.firmware.version)
        there_s = (now - sighting.since).total_seconds()
        look = Look(version, sighting.session, there_s, _silent_s(attempt, now))
        settle_s = self._settings.settle_s
        await self._book.change(
            attempt.device, lambda each: judged(each, look, wanted, now, settle_s=settle_s)
        )

    async def _give_up_late(self, attempt: UpgradeAttempt, since: datetime | None, *, there: bool) -> None:
        now = datetime.now(UTC)
        patience_s = self._settings.device_deadline_s
        patience_s += self.campaign.stable_s if attempt.reason == SETTLING else 0
        if now - (since or now) < timedelta(seconds=patience_s):
            return
        state = UpgradeState.UNKNOWN if there else UpgradeState.NOT_BACK
        await self._book.change(
            attempt.device,
            lambda each: ended(each, now, state, reason="deadline", text="it did not finish in time"),
        )

    async def cancel(self, attempt: UpgradeAttempt) -> None:
        """End an upgrade whose image is not wholly sent; `upgrade.finished` tells what came of it."""
        if attempt.job is None or attempt.image_sent or not self._may_act():
            return
        request = upgrade.UpgradeCancelRequest(job=attempt.job)
        try:
            await self._client.call(upgrade.CANCEL, request, device=attempt.device)
        except CambusError as error:
            facts = {"device": attempt.device, "job": attempt.job, "reason": error.reason}
            logger.info("could not cancel an upgrade", extra=facts)

    async def _ask(self, device: str) -> upgrade.UpgradeInfoReply | None:
        """What the device's connector says; None if there is none, or it cannot say."""
        try:
            return await self._client.call(upgrade.INFO, Empty(), device=device, timeout_s=INFO_TIMEOUT_S)
        except CambusError:
            return None


def _silent_s(attempt: UpgradeAttempt, now: datetime) -> float:
    """Seconds since anything was written of a device; endless if nothing ever was."""
    return (now - attempt.updated_at).total_seconds() if attempt.updated_at is not None else float("inf")
