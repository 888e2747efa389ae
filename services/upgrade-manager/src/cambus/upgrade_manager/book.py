"""The attempts of one campaign, as the bus has them: read at once, followed, and changed through it."""

from collections.abc import Callable

from cambus.schemas.state.upgrades import CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.upgrade_manager.store import CampaignStore

Change = Callable[[UpgradeAttempt], UpgradeAttempt]


class AttemptBook:
    """What is written of each device of a campaign.

    Args:
        store: where it is written.
        campaign: the campaign.
        on_change: called when the state of a device has changed.
    """

    def __init__(
        self, store: CampaignStore, campaign: UpgradeCampaign, on_change: Callable[[], None]
    ) -> None:
        self._store = store
        self._campaign = campaign.id
        self._on_change = on_change
        self._revisions: dict[str, int] = {}
        self._watch = store.watch_attempts(campaign.id)
        self.attempts = {
            device: UpgradeAttempt(campaign=campaign.id, device=device) for device in campaign.devices
        }
        """Each device's part, in the order of the campaign."""
        self.synced = self._watch.synced

    async def follow(self) -> None:
        """Keep it current; runs until it is cancelled."""
        async for _, entry in self._watch:
            if entry is not None:
                self._learn(entry.value, entry.revision)

    async def change(self, device: str, change: Change) -> bool:
        """Change what is written of a device; whether that changed anything. Raises BusError."""
        attempt, revision, changed = await self._store.change_attempt(self._campaign, device, change)
        self._learn(attempt, revision)
        return changed

    async def goes_on(self) -> bool:
        """Whether the campaign still begins devices, by what is stored at this moment. Raises BusError."""
        campaign = await self._store.campaign(self._campaign)
        return campaign is not None and campaign.state is CampaignState.RUNNING

    async def claim(self, device: str) -> str | None:
        """Make a device this campaign's; the other campaign whose it is, if it is not. Raises BusError."""
        return await self._store.claim(self._campaign, device)

    def _learn(self, attempt: UpgradeAttempt, revision: int) -> None:
        known = self.attempts.get(attempt.device)
        if known is None or self._revisions.get(attempt.device, -1) >= revision:
            return
        self._revisions[attempt.device] = revision
        self.attempts[attempt.device] = attempt
        if known.state is not attempt.state:
            self._on_change()
