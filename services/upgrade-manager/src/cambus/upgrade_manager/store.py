"""Campaigns and attempts in the bucket `cambus-upgrades`: every change by compare-and-set."""

from collections.abc import Callable

from cambus.bus.connection import Bus
from cambus.bus.errors import WrongRevision
from cambus.bus.kv import Entry, KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.state.upgrades import UpgradeAttempt, UpgradeCampaign


class CampaignStore:
    """What a manager remembers; nothing of it is only in memory."""

    def __init__(self, bus: Bus) -> None:
        self._campaigns: KeyValue[UpgradeCampaign] = KeyValue(bus, assets.KV_UPGRADES, UpgradeCampaign)
        self._attempts: KeyValue[UpgradeAttempt] = KeyValue(bus, assets.KV_UPGRADES, UpgradeAttempt)

    async def create(self, campaign: UpgradeCampaign) -> None:
        """Write a new campaign; its devices are queued when it first runs. Raises BusError, as all here."""
        await self._campaigns.create(keys.campaign(campaign.id), campaign)

    async def campaign(self, campaign_id: str) -> UpgradeCampaign | None:
        """One campaign, None if there is none."""
        entry = await self._campaigns.get(keys.campaign(campaign_id))
        return entry.value if entry is not None else None

    async def campaigns(self) -> list[UpgradeCampaign]:
        """Every campaign, latest first."""
        entries = await self._campaigns.items(f"{keys.CAMPAIGNS}>")
        return sorted((entry.value for entry in entries.values()), key=lambda each: each.id, reverse=True)

    async def attempts(self, campaign: UpgradeCampaign) -> dict[str, UpgradeAttempt]:
        """Each device's part, in the order of the campaign; one that has none yet is queued."""
        entries = await self._attempts.items(f"{keys.ATTEMPTS}{campaign.id}.*")
        known = {entry.value.device: entry.value for entry in entries.values()}
        return {
            device: known.get(device) or UpgradeAttempt(campaign=campaign.id, device=device)
            for device in campaign.devices
        }

    async def change_campaign(
        self, campaign_id: str, change: Callable[[UpgradeCampaign], UpgradeCampaign]
    ) -> UpgradeCampaign | None:
        """Apply a change to what is stored at that moment; the result, None if there is no such campaign."""
        key = keys.campaign(campaign_id)
        while True:
            entry = await self._campaigns.get(key)
            if entry is None:
                return None
            changed = change(entry.value)
            if changed == entry.value:
                return changed
            try:
                await self._campaigns.update(key, changed, entry.revision)
            except WrongRevision:
                continue
            return changed

    async def change_attempt(
        self, campaign_id: str, device: str, change: Callable[[UpgradeAttempt], UpgradeAttempt]
    ) -> UpgradeAttempt:
        """Apply a change to what is stored at that moment; the result, durable."""
        key = keys.attempt(campaign_id, device)
        while True:
            entry: Entry[UpgradeAttempt] | None = await self._attempts.get(key)
            before = entry.value if entry is not None else UpgradeAttempt(campaign=campaign_id, device=device)
            changed = change(before)
            if changed == before:
                return changed
            try:
                if entry is None:
                    await self._attempts.create(key, changed)
                else:
                    await self._attempts.update(key, changed, entry.revision)
            except WrongRevision:
                continue
            return changed
