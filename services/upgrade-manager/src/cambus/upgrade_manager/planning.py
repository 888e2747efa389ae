"""What a campaign would do with each device: who is in, who is not, and why not."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.commands import upgrade
from cambus.schemas.commands.upgrade_manager import CampaignOrder, Planned, PlannedDevice
from cambus.schemas.errors import CambusError, Offline, Unsupported
from cambus.schemas.matching import fits_one
from cambus.schemas.model import Empty
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.rollout import DeviceSelection
from cambus.schemas.state.upgrades import FirmwareRef
from cambus.upgrade_manager.fitness import DeviceFacts, misfit
from cambus.upgrade_manager.store import CampaignStore

ASKED_AT_ONCE = 64
ASK_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the connector of a device said when asked what firmware fits.

    Attributes:
        info: the answer, if there is one.
        reason: why the device can not be upgraded now: `unsupported`, `unheld` or `silent`.
    """

    info: upgrade.UpgradeInfoReply | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign would do.

    Attributes:
        devices: each device, those that are part of it first and in its order.
        members: the names of those that would be part of it.
    """

    devices: list[PlannedDevice]
    members: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> dict[str, int]:
        """How many are no part of it, by reason."""
        members = set(self.members)
        return dict(Counter(each.reason for each in self.devices if each.device not in members))


class Planner:
    """Makes plans.

    Args:
        bus: the connection.
        client: asks the devices' connectors.
        store: where campaigns are.
    """

    def __init__(self, bus: Bus, client: BusClient, store: CampaignStore) -> None:
        self._client = client
        self._store = store
        self._devices = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._presence = KeyValue(bus, assets.KV_PRESENCE, Presence)

    async def plan(self, order: CampaignOrder, firmware: FirmwareRef, image: FirmwareImage) -> Plan:
        """Look at every device there is. Raises BusError."""
        records = {key: entry.value for key, entry in (await self._devices.items()).items()}
        present = {key: entry.value for key, entry in (await self._presence.items()).items()}
        names = _chosen(order, records, present)
        asked = [name for name in names if name in present and present[name].online]
        view = _View(
            order, firmware, image, records, present, await self._ask(asked), await self._taken(), {}
        )
        view.unresolved.update(
            {device: noted.campaign for device, noted in (await self._store.unresolved()).items()}
        )
        found = [view.of(name) for name in names]
        # Who runs the version already is part of it only where it was asked for by name.
        named = set(order.devices)
        rank = {Planned.READY: 0, Planned.WAITS: 0, Planned.DONE: 0, Planned.OUT: 1}
        if order.canary is not None:  # which is to tell something: so those first that are there
            rank |= {Planned.WAITS: 1, Planned.OUT: 2}
        found.sort(key=lambda each: rank[each.planned])
        members = [
            each.device
            for each in found
            if each.planned in {Planned.READY, Planned.WAITS}
            or (each.planned is Planned.DONE and each.device in named)
        ]
        return Plan(found, members)

    async def _taken(self) -> dict[str, str]:
        """The devices other campaigns are at work on, with their names."""
        return {
            device: campaign.id
            for campaign in await self._store.campaigns()
            if campaign.finished_at is None
            for device in campaign.devices
        }

    async def _ask(self, devices: list[str]) -> dict[str, Answer]:
        """Ask the connectors of some devices what firmware fits, so many at a time."""
        room = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(device: str) -> Answer:
            async with room:
                return await ask_one(self._client, device)

        return dict(zip(devices, await asyncio.gather(*map(ask, devices)), strict=True))


async def ask_one(client: BusClient, device: str) -> Answer:
    """Ask the connector of a device what firmware fits."""
    try:
        info = await client.call(upgrade.INFO, Empty(), device=device, timeout_s=ASK_TIMEOUT_S)
        return Answer(info, "" if info.supported else "unsupported")
    except Unsupported:
        return Answer(reason="unsupported")
    except Offline:
        return Answer(reason="unheld")
    except CambusError:
        return Answer(reason="silent")


def _chosen(
    order: CampaignOrder, records: Mapping[str, DeviceRecord], present: Mapping[str, Presence]
) -> list[str]:
    """The devices an order means, those it names first, each once."""
    names = dict.fromkeys(order.devices)
    if order.selection is not None:
        for name in sorted({*records, *present}):
            if _is_selected(order.selection, name, records.get(name), present.get(name)):
                names.setdefault(name)
    return list(names)


def _is_selected(
    selection: DeviceSelection, name: str, record: DeviceRecord | None, presence: Presence | None
) -> bool:
    tags = record.tags if record is not None else ()
    protocol = record.protocol if record is not None else presence.protocol if presence is not None else None
    return (
        selection.match.covers(name, tags=tags, protocol=protocol)
        and not any(fnmatchcase(name, pattern) for pattern in selection.without)
        and fits_one(presence.model if presence is not None else "", selection.models)
        and fits_one(presence.software_version if presence is not None else "", selection.versions)
    )


@dataclass(slots=True)
class _View:
    """Everything that is known when a plan is made."""

    order: CampaignOrder
    firmware: FirmwareRef
    image: FirmwareImage
    records: Mapping[str, DeviceRecord]
    present: Mapping[str, Presence]
    answers: Mapping[str, Answer]
    taken: Mapping[str, str]
    unresolved: dict[str, str]

    def of(self, name: str) -> PlannedDevice:
        """What would be done with a device."""
        facts = facts_of(self.records.get(name), self.present.get(name), self.answers.get(name))
        planned, reason, text = self._verdict(name, facts)
        return PlannedDevice(
            device=name,
            planned=planned,
            reason=reason,
            text=text,
            protocol=facts.protocol,
            model=facts.model,
            version=facts.version,
            hardware=facts.hardware,
        )

    def _verdict(self, name: str, facts: DeviceFacts) -> tuple[Planned, str, str]:
        if (barred := self._barred(name)) is not None:
            return Planned.OUT, *barred
        presence = _described(self.present.get(name))
        if presence is not None and not self.order.force:
            if facts.version and facts.version == self.firmware.version:
                return Planned.DONE, "same-version", "it runs that version"
            if (why := misfit(facts, self.image)) is not None:
                return Planned.OUT, why.reason, why.text
        away = self._away(presence, self._reason(name))
        return (Planned.WAITS, *away) if away is not None else (Planned.READY, "", "")

    def _barred(self, name: str) -> tuple[str, str] | None:
        """Why a device can be no part of a campaign, whatever it is."""
        record, known = self.records.get(name), name in self.present
        taken, unresolved = self.taken.get(name), self.unresolved.get(name)
        for applies, reason, text in (
            (record is None and not known, "no-such-device", "there is no such device"),
            (record is not None and not record.enabled, "disabled", "it is disabled"),
            (taken is not None, "other-campaign", f"campaign {taken} is at work on it"),
            (unresolved is not None, "unresolved", _unresolved_text(unresolved, name)),
            (self._reason(name) == "unsupported", "unsupported", "its connector can not upgrade it"),
        ):
            if applies:
                return reason, text
        return None

    @staticmethod
    def _away(presence: Presence | None, reason: str) -> tuple[str, str] | None:
        """Why a device can not be begun now."""
        if presence is None:
            return "never-seen", "it was never online; what it is will be looked at then"
        if not presence.online:
            return "offline", f"it is {presence.state}"
        texts = {
            "unheld": "it is online, but no connector holds it now",
            "silent": "its connector does not answer",
        }
        return (reason, texts[reason]) if reason in texts else None

    def _reason(self, name: str) -> str:
        """Why there is no answer of its connector, if there is none."""
        answer = self.answers.get(name)
        return "" if answer is None else answer.reason


def _unresolved_text(campaign: str | None, device: str) -> str:
    return f"nobody knows how its last upgrade ended: cambusctl upgrade resolve {campaign} {device}"


def _described(presence: Presence | None) -> Presence | None:
    """What is known of a device, unless that is only that it is awaited."""
    if presence is None or presence.online:
        return presence
    return presence if presence.model or presence.vendor or presence.software_version else None


def facts_of(record: DeviceRecord | None, presence: Presence | None, answer: Answer | None) -> DeviceFacts:
    """What is known of a device."""
    info = answer.info if answer is not None else None
    seen_protocol = presence.protocol if presence is not None else ""
    return DeviceFacts(
        protocol=record.protocol if record is not None else seen_protocol,
        vendor=(info.vendor if info is not None else "") or (presence.vendor if presence is not None else ""),
        model=(presence.model if presence is not None else "") or (info.model if info is not None else ""),
        version=(info.software_version if info is not None else "")
        or (presence.software_version if presence is not None else ""),
        hardware=info.hardware if info is not None else "",
    )
