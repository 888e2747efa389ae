"""The course of a campaign as a whole: wave after wave, held up, stopped or over. Each change is on record first."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import Counter

from cambus.bus.metrics import Family, Metrics
from cambus.schemas.state.upgrades import CampaignChange, CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.upgrade_manager.book import AttemptBook
from cambus.upgrade_manager.history import with_step
from cambus.upgrade_manager.sightings import Sightings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.waves import Span, is_through, present, shortfall, spans, stop_reason

logger = logging.getLogger(__name__)

OVER = frozenset({CampaignState.STOPPED, CampaignState.CANCELLED, CampaignState.FINISHED})
STOPS = ("failures", "wave", "image")


def stop_counts(metrics: Metrics) -> Family[Counter]:
    """What counts the campaigns of a replica that were ended for them."""
    return metrics.counter(
        "upgrade_stops_total", "Campaigns that stopped or paused by themselves, by why", {"cause": STOPS}
    )


class Course:
    """Decides what a campaign does next.

    Args:
        campaign: what was ordered.
        store: where it is written.
        book: what is written of each device.
        sightings: what is seen of them.
        metrics: counts campaigns that stopped or paused by themselves.
        on_change: called with the campaign when it was changed here.
    """

    def __init__(
        self,
        campaign: UpgradeCampaign,
        store: CampaignStore,
        book: AttemptBook,
        sightings: Sightings,
        metrics: Metrics,
        on_change: Callable[[UpgradeCampaign], None],
    ) -> None:
        self.id = campaign.id
        self.spans = spans(campaign, len(campaign.devices))
        self._store = store
        self._book = book
        self._sightings = sightings
        self._on_change = on_change
        self._stops = stop_counts(metrics)

    def wave(self, campaign: UpgradeCampaign) -> Span:
        """The wave that is under way."""
        return present(self.spans, campaign.wave)

    def may_begin(self, campaign: UpgradeCampaign) -> frozenset[str]:
        """The devices that may have their turn: those of this wave, and those of earlier ones that were away."""
        return frozenset(campaign.devices[: self.wave(campaign).stop])

    async def go_on(self, campaign: UpgradeCampaign) -> None:
        """Stop the campaign if too much went wrong, or let the next wave begin if this one is through.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        if campaign.state in OVER:
            return
        if reason := stop_reason(campaign, self._book.attempts.values()):
            await self._stop(reason, "failures")
            return
        if campaign.state is CampaignState.RUNNING:
            await self._end_wave(campaign)

    async def _end_wave(self, campaign: UpgradeCampaign) -> None:
        span, now = self.wave(campaign), datetime.now(UTC)
        attempts = [
            self._book.attempts[device]
            for device in campaign.devices[span.start : span.stop]
            if device in self._book.attempts
        ]
        if not is_through(span.rule, attempts, self._is_there):
            return
        if campaign.soak_until is None:
            if reason := shortfall(span, attempts, lambda _: True):
                await self._stop(reason, "wave")
            elif span.rule.soak_s:
                until = now + timedelta(seconds=span.rule.soak_s)
                await self._soak(span, until)
            else:
                await self._next_wave(span)
        elif now >= campaign.soak_until:
            if reason := shortfall(span, attempts, self._is_good):
                await self._stop(reason, "wave")
            else:
                await self._next_wave(span)

    def _is_there(self, device: str) -> bool:
        return self._sightings.of(device) is not None

    def _is_good(self, attempt: UpgradeAttempt) -> bool:
        """Whether a device that succeeded is there with the version it came back with."""
        sighting = self._sightings.of(attempt.device)
        return sighting is not None and attempt.version_after in {None, "", sighting.version}

    # --- changes ----------------------------------------------------------------------------------------

    async def _soak(self, span: Span, until: datetime) -> None:
        text = f"{span.name} of {len(self.spans)} is through; watched until {until:%Y-%m-%d %H:%M:%S} UTC"
        await self._change(
            lambda each: each.wave == span.number and each.soak_until is None,
            CampaignChange.SOAKING,
            text,
            soak_until=until,
        )

    async def _next_wave(self, span: Span) -> None:
        if span.number >= len(self.spans):
            return
        coming = self.spans[span.number]
        count = coming.stop - coming.start
        await self._change(
            lambda each: each.wave == span.number,
            CampaignChange.WAVE_BEGUN,
            f"wave {coming.number} of {len(self.spans)}: {count} device{'' if count == 1 else 's'}",
            wave=coming.number,
            soak_until=None,
        )

    async def _stop(self, reason: str, cause: str) -> None:
        if await self._change(
            lambda each: each.state not in OVER,
            CampaignChange.STOPPED,
            reason,
            state=CampaignState.STOPPED,
            note=reason,
        ):
            self._stops(cause).inc()
            logger.warning("a campaign stops", extra={"campaign": self.id, "reason": reason})

    async def hold_up(self, reason: str) -> None:
        """Pause the campaign because its image cannot be used: nothing is lost, and people have to look."""
        if await self._change(
            lambda each: each.state is CampaignState.RUNNING,
            CampaignChange.PAUSED,
            reason,
            state=CampaignState.PAUSED,
            note=reason,
        ):
            self._stops("image").inc()
            logger.warning("a campaign is paused", extra={"campaign": self.id, "reason": reason})

    async def finish(self) -> None:
        """Note that every device's part is over."""
        now = datetime.now(UTC)

        def finish(campaign: UpgradeCampaign) -> UpgradeCampaign:
            if campaign.finished_at is not None:
                return campaign
            over = campaign.state in OVER
            state = campaign.state if over else CampaignState.FINISHED
            text = "every device's part is over"
            return with_step(campaign, now, CampaignChange.FINISHED, text, finished_at=now, state=state)

        changed = await self._store.change_campaign(self.id, finish)
        if changed is not None:
            self._on_change(changed)
        logger.info("a campaign is over", extra={"campaign": self.id})

    async def _change(
        self,
        still: Callable[[UpgradeCampaign], bool],
        change: CampaignChange,
        text: str,
        **changes: Any,
    ) -> bool:
        """Change the campaign as it is stored, if that still applies; whether it did."""
        now = datetime.now(UTC)
        applied = False

        def apply(campaign: UpgradeCampaign) -> UpgradeCampaign:
            nonlocal applied
            applied = campaign.finished_at is None and still(campaign)
            return with_step(campaign, now, change, text, **changes) if applied else campaign

        changed = await self._store.change_campaign(self.id, apply)
        if changed is not None:
            self._on_change(changed)
        return applied
