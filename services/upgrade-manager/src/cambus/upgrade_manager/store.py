"""Campaigns and attempts in the bucket `cambus-upgrades`: every change by compare-and-set."""

from collections.abc import Callable

from cambus.bus.connection import Bus
from cambus.client.errors import WrongRevision
from cambus.client.kv import Entry, KeyValue, Watch
from cambus.schemas import assets, keys
from cambus.schemas.state.upgrades import UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState

PURGE_TIMEOUT_S = 30.0


class CampaignStore:
    """What a manager remembers; nothing of it is only in memory. Every method raises BusError."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._campaigns: KeyValue[UpgradeCampaign] = KeyValue(bus, assets.KV_UPGRADES, UpgradeCampaign)
        self._attempts: KeyValue[UpgradeAttempt] = KeyValue(bus, assets.KV_UPGRADES, UpgradeAttempt)
        self._ended = bus.metrics.counter(
            "upgrade_devices_total",
            "Devices of campaigns whose part has ended, by how",
            {"state": [state.value for state in UpgradeState if state.final]},
        )

    # --- campaigns --------------------------------------------------------------------------------------

    async def create(self, campaign: UpgradeCampaign) -> None:
        """Write a new campaign; its devices are queued as long as nothing else is written of them."""
        await self._campaigns.create(keys.campaign(campaign.id), campaign)

    async def campaign(self, campaign_id: str) -> UpgradeCampaign | None:
        """One campaign, None if there is none."""
        entry = await self._campaigns.get(keys.campaign(campaign_id))
        return entry.value if entry is not None else None

    async def campaigns(self) -> list[UpgradeCampaign]:
        """Every campaign, latest first."""
        entries = await self._campaigns.items(f"{keys.CAMPAIGNS}>")
        return sorted((entry.value for entry in entries.values()), key=lambda each: each.id, reverse=True)

    def watch_campaign(self, campaign_id: str) -> Watch[UpgradeCampaign]:
        """Follow one campaign."""
        return self._campaigns.watch(keys.campaign(campaign_id))

    async def change_campaign(
        self, campaign_id: str, change: Callable[[UpgradeCampaign], UpgradeCampaign]
    ) -> UpgradeCampaign | None:
        """Apply a change to what is stored at that moment; the result, None if there is no such campaign."""
        key = keys.campaign(campaign_id)
        while (entry := await self._campaigns.get(key)) is not None:
            changed = change(entry.value)
            if changed == entry.value:
                return changed
            try:
                await self._campaigns.update(key, changed, entry.revision)
            except WrongRevision:
                continue
            return changed
        return None

    async def forget(self, campaign_id: str) -> None:
        """Drop a campaign and all that is known of its devices, without leaving a trace."""
        for key in (f"{keys.ATTEMPTS}{campaign_id}.*", keys.campaign(campaign_id)):
            body = {"filter": f"$KV.{assets.KV_UPGRADES}.{key}"}
            await self._bus.jetstream.call(
                f"STREAM.PURGE.KV_{assets.KV_UPGRADES}", body, timeout_s=PURGE_TIMEOUT_S
            )

    async def fullness(self) -> float:
        """How much of the bucket is taken, from 0 to 1; 0 for one without a bound."""
        info = await self._bus.jetstream.call(f"STREAM.INFO.KV_{assets.KV_UPGRADES}")
        most = int(info["config"].get("max_bytes", 0))
        return int(info["state"]["bytes"]) / most if most > 0 else 0.0

    # --- attempts ---------------------------------------------------------------------------------------

    async def attempts(self, campaign: UpgradeCampaign) -> dict[str, UpgradeAttempt]:
        """Each device's part, in the order of the campaign; one that has none yet is queued."""
        entries = await self._attempts.items(f"{keys.ATTEMPTS}{campaign.id}.*")
        known = {entry.value.device: entry.value for entry in entries.values()}
        return {
            device: known.get(device) or UpgradeAttempt(campaign=campaign.id, device=device)
            for device in campaign.devices
        }

    async def attempts_of(self, device: str) -> list[UpgradeAttempt]:
        """A device's part in every campaign that is known, latest first."""
        entries = await self._attempts.items(f"{keys.ATTEMPTS}*.{device}")
        found = (entry.value for entry in entries.values())
        return sorted(found, key=lambda each: each.campaign, reverse=True)

    async def unresolved(self) -> dict[str, UpgradeAttempt]:
        """The devices whose last upgrade ended so that nobody knows how, until an operator decides."""
        entries = await self._attempts.items(f"{keys.UNRESOLVED}*")
        found: dict[str, UpgradeAttempt] = {}
        for entry in entries.values():
            noted = entry.value
            now = await self._attempts.get(keys.attempt(noted.campaign, noted.device))
            if (
                now is None or now.value.state is UpgradeState.UNKNOWN
            ):  # else a note that was not removed in time
                found[noted.device] = noted
        return found

    async def resolved(self, device: str, campaign_id: str) -> None:
        """Forget that nobody knows; a note about another campaign stays."""
        key = keys.unresolved_upgrade(device)
        entry = await self._attempts.get(key)
        if entry is not None and entry.value.campaign == campaign_id:
            try:
                await self._attempts.delete(key, entry.revision)
            except WrongRevision:
                return

    async def claim(self, campaign_id: str, device: str) -> str | None:
        """Make a device this campaign's, so that no other may order anything of it.

        Two campaigns over one device are refused, but two that are ordered at the same moment do not see each other.
        Whoever is first keeps the device until its part is over, and it is known how; what is read here may be older
        than what is so, and errs towards waiting.

        Returns:
            The campaign whose it is, None if it is this one's now.
        """
        key = keys.upgrade_claim(device)
        ours = UpgradeAttempt(campaign=campaign_id, device=device)
        while True:
            entry = await self._attempts.get(key)
            try:
                if entry is None:
                    await self._attempts.create(key, ours)
                elif (other := entry.value.campaign) == campaign_id:
                    return None
                elif await self._holds(other, device):
                    return other
                else:
                    await self._attempts.update(key, ours, entry.revision)
            except WrongRevision:
                continue
            return None

    async def _holds(self, campaign_id: str, device: str) -> bool:
        """Whether a campaign that has claimed a device is not done with it."""
        entry = await self._attempts.get(keys.attempt(campaign_id, device))
        if entry is None:
            return await self._campaigns.get(keys.campaign(campaign_id)) is not None
        return not entry.value.state.final or entry.value.state is UpgradeState.UNKNOWN

    def watch_attempts(self, campaign_id: str) -> Watch[UpgradeAttempt]:
        """Follow the attempts of one campaign."""
        return self._attempts.watch(f"{keys.ATTEMPTS}{campaign_id}.*")

    async def change_attempt(
        self, campaign_id: str, device: str, change: Callable[[UpgradeAttempt], UpgradeAttempt]
    ) -> tuple[UpgradeAttempt, int, bool]:
        """Apply a change to what is stored at that moment.

        Returns:
            What is stored now, durable; its revision; and whether it was this call that wrote it.
        """
        key = keys.attempt(campaign_id, device)
        while True:
            entry: Entry[UpgradeAttempt] | None = await self._attempts.get(key)
            before = entry.value if entry is not None else UpgradeAttempt(campaign=campaign_id, device=device)
            changed = change(before)
            if changed == before:
                return before, entry.revision if entry is not None else 0, False
            if changed.state is UpgradeState.UNKNOWN:
                await self._attempts.put(keys.unresolved_upgrade(device), changed)  # before it is so
            try:
                if entry is None:
                    revision = await self._attempts.create(key, changed)
                else:
                    revision = await self._attempts.update(key, changed, entry.revision)
            except WrongRevision:
                continue
            if changed.state.final and not before.state.final:
                self._ended(changed.state.value).inc()
            return changed, revision, True
