"""The commands of upgrade-manager."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.kv import Entry, KeyValue
from cambus.bus.objects import ObjectDamaged, ObjectStore
from cambus.schemas import assets
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import BadRequest, Conflict, NotFound
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.store import CampaignStore

MAX_ATTEMPTS_SHOWN = 1000
MAX_EXPLAINED = 100
NAMED = 5


class UpgradeCommands:
    """Answers `svc.upgrade-manager.…`.

    Args:
        bus: the connection.
        store: where campaigns are.
        firmware: where images are.
        on_change: called when there is a new campaign.
    """

    def __init__(
        self, bus: Bus, store: CampaignStore, firmware: ObjectStore, on_change: Callable[[], None]
    ) -> None:
        self._store = store
        self._firmware = firmware
        self._on_change = on_change
        self._devices = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._presence = KeyValue(bus, assets.KV_PRESENCE, Presence)

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.UPGRADE_START, self.start)
        endpoints.add(commands.UPGRADE_STATUS, self.status)
        endpoints.add(commands.UPGRADE_CANCEL, self.cancel)

    async def start(self, _: CallContext, request: commands.CampaignStartRequest) -> commands.UpgradeRef:
        """Order a campaign; it is on record when this returns.

        Raises:
            NotFound: There is no such image, or no such device.
            BadRequest: A device stands twice, or the image is not the one that was meant, or damaged.
            Conflict: Another campaign is at work on one of the devices.
        """
        if len(set(request.devices)) != len(request.devices):
            raise BadRequest("devices: a device stands twice")
        firmware = await self._checked(request.firmware)
        await self._check_devices(request.devices)
        campaign = UpgradeCampaign(
            id=new_ulid(),
            firmware=firmware,
            devices=request.devices,
            concurrency=request.concurrency,
            force=request.force,
            max_failures=request.max_failures,
            created_at=datetime.now(UTC),
        )
        await self._store.create(campaign)
        self._on_change()
        return commands.UpgradeRef(campaign=campaign.id)

    async def _check_devices(self, devices: Iterable[str]) -> None:
        wanted = set(devices)
        unknown = wanted - set(await self._devices.keys()) - set(await self._presence.keys())
        if unknown:
            raise NotFound(f"devices: there is no {_some(unknown)}", reason="no-such-device")
        for campaign in await self._store.campaigns():
            if campaign.finished_at is None and (taken := wanted & set(campaign.devices)):
                raise Conflict(f"devices: campaign {campaign.id} is at work on {_some(taken)}")

    async def _checked(self, firmware: FirmwareRef) -> FirmwareRef:
        stored = await self._firmware.info(firmware.object)
        if stored is None:
            raise NotFound(
                f"there is no image {firmware.object} in {self._firmware.bucket}", reason="no-such-image"
            )
        if firmware.sha256 not in {None, stored.sha256}:
            raise BadRequest("firmware.sha256: the stored image has another digest")
        if firmware.size_bytes not in {None, stored.bytes} or stored.bytes == 0:
            raise BadRequest(f"firmware.size_bytes: the stored image has {stored.bytes} bytes")
        try:
            async for _ in self._firmware.get(firmware.object):
                pass
        except (ObjectDamaged, KeyError) as error:
            raise BadRequest(f"firmware.object: {error}", reason="image-damaged") from None
        return firmware.model_copy(update={"sha256": stored.sha256, "size_bytes": stored.bytes})

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
                campaigns=[await self._status(campaign, attempts=False) for campaign in latest]
            )
        campaign = await self._store.campaign(request.campaign)
        if campaign is None:
            raise NotFound(f"there is no campaign {request.campaign}")
        return commands.CampaignStatusReply(campaigns=[await self._status(campaign, attempts=True)])

    async def _status(self, campaign: UpgradeCampaign, *, attempts: bool) -> commands.CampaignStatus:
        known = await self._store.attempts(campaign)
        shown = list(known.values())[:MAX_ATTEMPTS_SHOWN] if attempts else []
        return commands.CampaignStatus(
            campaign=campaign,
            counts=dict(Counter(attempt.state.value for attempt in known.values())),
            attempts=await self._explained(shown),
        )

    async def _explained(self, attempts: list[UpgradeAttempt]) -> list[UpgradeAttempt]:
        """The attempts, the first of those that wait with what they wait for."""
        waiting = [each.device for each in attempts if each.state is UpgradeState.QUEUED and not each.text]
        waiting = waiting[:MAX_EXPLAINED]
        found = await asyncio.gather(*(self._presence.get(device) for device in waiting))
        texts = {device: _why_waiting(entry) for device, entry in zip(waiting, found, strict=True)}
        return [each.model_copy(update={"text": texts.get(each.device, each.text)}) for each in attempts]

    async def cancel(self, _: CallContext, request: commands.CampaignCancelRequest) -> Done:
        """End a campaign: nothing more is begun, and what is not wholly sent is ended.

        Raises:
            NotFound: There is no such campaign.
        """

        def change(campaign: UpgradeCampaign) -> UpgradeCampaign:
            if campaign.state is not CampaignState.RUNNING:
                return campaign
            return campaign.model_copy(update={"state": CampaignState.CANCELLED})

        if await self._store.change_campaign(request.campaign, change) is None:
            raise NotFound(f"there is no campaign {request.campaign}")
        return Done()


def _why_waiting(presence: Entry[Presence] | None) -> str:
    if presence is None:
        return "waits for the device, which was never there"
    if not presence.value.online:
        return f"waits for the device, which is {presence.value.state}"
    return "waits for its turn"


def _some(devices: Iterable[str]) -> str:
    """A few of the devices, for a sentence."""
    named = sorted(devices)
    return ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
