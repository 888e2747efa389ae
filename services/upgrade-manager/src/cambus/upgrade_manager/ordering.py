"""The commands that order a campaign, or ask what one would do."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.commands.upgrade_manager import CampaignOrder, Planned, PlannedDevice
from cambus.schemas.errors import BadRequest, CambusError, Conflict, NotFound
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.rollout import RolloutRules
from cambus.schemas.state.upgrades import CampaignChange, UpgradeCampaign
from cambus.upgrade_manager.history import with_step
from cambus.upgrade_manager.images import Images
from cambus.upgrade_manager.planning import Plan, Planner
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.waves import spans
from cambus.upgrade_manager.windows import is_open, opens_at

MAX_DEVICES = 10_000
NAMED = 5


class Ordering:
    """Answers `upgrade.plan` and `upgrade.start`.

    Args:
        store: where campaigns are.
        images: looks at images.
        planner: looks at devices.
        on_change: called when there is a new campaign.
    """

    def __init__(
        self, store: CampaignStore, images: Images, planner: Planner, on_change: Callable[[], None]
    ) -> None:
        self._store = store
        self._images = images
        self._planner = planner
        self._on_change = on_change

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.UPGRADE_PLAN, self.plan)
        endpoints.add(commands.UPGRADE_START, self.start)

    async def plan(self, _: CallContext, request: commands.PlanRequest) -> commands.PlanReply:
        """What a campaign would do; nothing is sent but questions.

        Raises:
            NotFound: There is no such image.
            BadRequest: A device stands twice, its windows never open, or the image is not the one that was meant.
        """
        _check_order(request)
        firmware, image = await self._images.look_up(request.firmware)
        plan = await self._planner.plan(request, firmware, image.about)
        waves = spans(request, len(plan.members))
        numbers = {device: span.number for span in waves for device in plan.members[span.start : span.stop]}
        shown = plan.devices[request.first : request.first + request.limit]
        problem = _problem(request, plan)
        return commands.PlanReply(
            firmware=firmware,
            image=image.about,
            counts=_counts(plan.devices),
            waves=[span.stop - span.start for span in waves],
            devices=[each.model_copy(update={"wave": numbers.get(each.device)}) for each in shown],
            problems=[] if problem is None else [problem.text],
        )

    async def start(self, _: CallContext, request: commands.CampaignStartRequest) -> commands.UpgradeRef:
        """Order a campaign; it is on record when this returns.

        Raises:
            NotFound: There is no such image, or no such device.
            BadRequest: A device stands twice, its windows never open, the image is not the one that was meant, or
                damaged, or for none of the devices.
            Conflict: Another campaign is at work on one of the devices, or nobody knows how its last one ended.
        """
        _check_order(request)
        firmware, image = await self._images.look_up(request.firmware)
        await self._images.read_whole(firmware)
        plan = await self._planner.plan(request, firmware, image.about)
        problem = _problem(request, plan)
        if problem is not None:
            raise problem
        now = datetime.now(UTC)
        campaign = UpgradeCampaign(
            **{name: getattr(request, name) for name in RolloutRules.model_fields},
            id=new_ulid(),
            firmware=firmware,
            devices=plan.members,
            left_out=plan.left_out,
            created_at=now,
            note=request.note,
        )
        waves = len(spans(campaign, len(campaign.devices)))
        text = (
            f"{firmware.object} to {_counted(len(campaign.devices), 'device')} in {_counted(waves, 'wave')}"
        )
        if request.note:
            text += f": {request.note}"
        campaign = with_step(campaign, now, CampaignChange.ORDERED, text)
        await self._store.create(campaign)
        self._on_change()
        return commands.UpgradeRef(
            campaign=campaign.id, devices=len(campaign.devices), left_out=campaign.left_out
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _check_order(order: CampaignOrder) -> None:
    if len(set(order.devices)) != len(order.devices):
        raise BadRequest("devices: a device stands twice")
    if not order.devices and order.selection is None:
        raise BadRequest("devices: wanted some by name, or a selection")
    if not is_open(order, now := datetime.now(UTC)) and opens_at(order, now) is None:
        raise BadRequest("windows: none is longer than window_margin_s; no device would ever be begun")


def _problem(order: CampaignOrder, plan: Plan) -> CambusError | None:
    """Why the campaign cannot be ordered as it is.

    Who names a device wants it upgraded, and is told if it cannot be; of a selection the rest is simply left out.
    """
    named = set(order.devices)
    out = [each for each in plan.devices if each.planned is Planned.OUT and each.device in named]
    if unknown := [each.device for each in out if each.reason == "no-such-device"]:
        return NotFound(f"devices: there is no {_some(unknown)}", reason="no-such-device")
    for reason in ("other-campaign", "unresolved"):
        if found := [each for each in out if each.reason == reason]:
            names = _some(each.device for each in found)
            return Conflict(f"devices: {names}: {found[0].text}", reason=reason, retryable=False)
    if out:
        names = _some(each.device for each in out)
        return BadRequest(f"devices: {names}: {out[0].text}", reason=out[0].reason)
    if len(plan.members) > MAX_DEVICES:
        return BadRequest(f"selection: {len(plan.members)} devices; at most {MAX_DEVICES} at once")
    if not plan.members:
        reasons = ", ".join(f"{count} {reason}" for reason, count in plan.left_out.items())
        text = "no device is left" + (f": {reasons}" if reasons else "; none was chosen")
        return BadRequest(text, reason="no-device-left")
    return None


def _counts(devices: Iterable[PlannedDevice]) -> dict[str, int]:
    counts = {planned.value: 0 for planned in Planned}
    for each in devices:
        counts[each.planned.value] += 1
    return counts


def _some(devices: Iterable[str]) -> str:
    """A few of the devices, for a sentence."""
    named = sorted(devices)
    return ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
