"""The commands that tell how campaigns are, and what devices went through."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.client.kv import Entry, KeyValue
from cambus.schemas import assets
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.bandwidth import Bandwidth
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.waves import present, spans
from cambus.upgrade_manager.windows import is_open, opens_at

MAX_ATTEMPTS_SHOWN = 1000
MAX_EXPLAINED = 100


class Reporting:
    """Answers `upgrade.status` and `upgrade.history`.

    Args:
        bus: the connection.
        store: where campaigns are.
        bandwidth: what all of them share.
    """

    def __init__(self, bus: Bus, store: CampaignStore, bandwidth: Bandwidth) -> None:
        self._store = store
        self._bandwidth = bandwidth
        self._presence = KeyValue(bus, assets.KV_PRESENCE, Presence)

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.UPGRADE_STATUS, self.status)
        endpoints.add(commands.UPGRADE_HISTORY, self.history)

    async def status(
        self, _: CallContext, request: commands.CampaignStatusRequest
    ) -> commands.CampaignStatusReply:
        """How one campaign is, device by device, or how the latest are.

        Raises:
            NotFound: There is no such campaign.
        """
        if request.campaign is None:
            latest = (await self._store.campaigns())[: request.limit]
            return commands.CampaignStatusReply(
                campaigns=[await self._status(campaign, None) for campaign in latest]
            )
        campaign = await self._store.campaign(request.campaign)
        if campaign is None:
            raise NotFound(f"there is no campaign {request.campaign}", reason="no-such-campaign")
        return commands.CampaignStatusReply(campaigns=[await self._status(campaign, request.first)])

    async def _status(self, campaign: UpgradeCampaign, first: int | None) -> commands.CampaignStatus:
        """One campaign; with its devices from the `first` on, or without them."""
        known = await self._store.attempts(campaign)
        shown = [] if first is None else list(known.values())[first : first + MAX_ATTEMPTS_SHOWN]
        shared = await self._bandwidth.shared()
        return commands.CampaignStatus(
            campaign=campaign,
            counts=dict(Counter(attempt.state.value for attempt in known.values())),
            waits_for=waits_for(campaign, known, datetime.now(UTC))
            or self._squeezed(campaign, known, shared),
            shared=shared,
            attempts=await self._explained(shown),
        )

    def _squeezed(
        self,
        campaign: UpgradeCampaign,
        attempts: Mapping[str, UpgradeAttempt],
        shared: commands.SharedBandwidth | None,
    ) -> str:
        """Whether it waits for other campaigns' transfers, for people; empty if not."""
        wanted = self._bandwidth.share_of(campaign)
        queued = any(each.state is UpgradeState.QUEUED for each in attempts.values())
        if shared is None or wanted is None or campaign.state is not CampaignState.RUNNING or not queued:
            return ""
        if shared.taken_bytes_per_s + wanted <= shared.max_bytes_per_s:
            return ""
        return f"bandwidth, of which the {shared.transfers} transfers under way take all there is"

    async def _explained(self, attempts: list[UpgradeAttempt]) -> list[UpgradeAttempt]:
        """The attempts, the first of those that wait with what they wait for."""
        waiting = [each.device for each in attempts if each.state is UpgradeState.QUEUED and not each.text]
        waiting = waiting[:MAX_EXPLAINED]
        found = await asyncio.gather(*(self._presence.get(device) for device in waiting))
        texts = {device: _why_waiting(entry) for device, entry in zip(waiting, found, strict=True)}
        return [each.model_copy(update={"text": texts.get(each.device, each.text)}) for each in attempts]

    async def history(self, _: CallContext, request: commands.HistoryRequest) -> commands.HistoryReply:
        """What upgrades a device went through, as far as their campaigns are still known."""
        attempts = (await self._store.attempts_of(request.device))[: request.limit]
        names = {attempt.campaign for attempt in attempts}
        found = await asyncio.gather(*(self._store.campaign(name) for name in names))
        firmware = {campaign.id: campaign.firmware for campaign in found if campaign is not None}
        return commands.HistoryReply(
            upgrades=[
                commands.DeviceUpgrade(firmware=firmware.get(attempt.campaign), attempt=attempt)
                for attempt in attempts
            ]
        )


def waits_for(campaign: UpgradeCampaign, attempts: Mapping[str, UpgradeAttempt], now: datetime) -> str:
    """What the campaign as a whole waits for, for people; empty if its devices just have their turns."""
    if campaign.finished_at is not None:
        return ""
    left = [each for each in attempts.values() if not each.state.final]
    queued = sum(each.state is UpgradeState.QUEUED for each in left)
    if campaign.state is CampaignState.PAUSED:
        under_way = f"; {len(left) - queued} under way go on" if len(left) > queued else ""
        return f"to be resumed{under_way}"
    if campaign.state is not CampaignState.RUNNING:
        return f"the {len(left) - queued} that are under way" if len(left) > queued else ""
    if campaign.soak_until is not None and now < campaign.soak_until:
        wave = present(spans(campaign, len(campaign.devices)), campaign.wave)
        return f"the end of the soak of {wave.name}, {campaign.soak_until:%Y-%m-%d %H:%M:%S} UTC"
    if queued and not is_open(campaign, now):
        opens = opens_at(campaign, now)
        return f"its window, {opens:%a %Y-%m-%d %H:%M} UTC" if opens else "a window that never comes"
    return ""


def _why_waiting(presence: Entry[Presence] | None) -> str:
    if presence is None:
        return "waits for the device, which was never there"
    if not presence.value.online:
        return f"waits for the device, which is {presence.value.state}"
    return "waits for its turn"
