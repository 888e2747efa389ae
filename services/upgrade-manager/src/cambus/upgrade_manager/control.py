"""The commands by which people hold a campaign up, end it, and decide where nobody can know."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import Conflict, NotFound
from cambus.schemas.model import Done
from cambus.schemas.state.upgrades import CampaignChange, CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.history import with_step
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.verdict import decided, tried_again

OPEN = frozenset({CampaignState.RUNNING, CampaignState.PAUSED})


class CampaignControl:
    """Answers `upgrade.pause`, `.resume`, `.cancel` and `.resolve`.

    Args:
        store: where campaigns are.
        on_change: called when a campaign was changed.
    """

    def __init__(self, store: CampaignStore, on_change: Callable[[], None]) -> None:
        self._store = store
        self._on_change = on_change

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.UPGRADE_PAUSE, self.pause)
        endpoints.add(commands.UPGRADE_RESUME, self.resume)
        endpoints.add(commands.UPGRADE_CANCEL, self.cancel)
        endpoints.add(commands.UPGRADE_RESOLVE, self.resolve)

    async def pause(self, _: CallContext, request: commands.CampaignPauseRequest) -> Done:
        """Begin no more devices for now; what is under way goes on.

        Raises:
            NotFound: There is no such campaign.
            Conflict: It is over, or about to be.
        """
        wanted = {"state": CampaignState.PAUSED, "note": request.note or "paused by an operator"}
        await self._turn(request, {CampaignState.RUNNING}, CampaignChange.PAUSED, wanted)
        return Done()

    async def resume(self, _: CallContext, request: commands.CampaignResumeRequest) -> Done:
        """Go on with a campaign that was paused.

        Raises:
            NotFound: There is no such campaign.
            Conflict: It is over, or about to be.
        """
        wanted = {"state": CampaignState.RUNNING, "note": request.note}
        await self._turn(request, {CampaignState.PAUSED}, CampaignChange.RESUMED, wanted)
        return Done()

    async def cancel(self, _: CallContext, request: commands.CampaignCancelRequest) -> Done:
        """End a campaign: nothing more is begun, and what is not wholly sent is ended.

        One that has stopped by itself is cancelled as well, as long as there are devices under way.

        Raises:
            NotFound: There is no such campaign.
            Conflict: It is over.
        """
        wanted = {"state": CampaignState.CANCELLED, "note": request.note or "cancelled by an operator"}
        sources = {*OPEN, CampaignState.STOPPED}
        await self._turn(request, sources, CampaignChange.CANCELLED, wanted)
        return Done()

    async def _turn(
        self,
        request: commands.CampaignRequest,
        sources: set[CampaignState],
        change: CampaignChange,
        wanted: dict[str, Any],
    ) -> None:
        """Bring a campaign into a state it can come into; one that is there already stays as it is."""
        now = datetime.now(UTC)

        def turn(campaign: UpgradeCampaign) -> UpgradeCampaign:
            if campaign.state not in sources or campaign.finished_at is not None:
                return campaign
            return with_step(campaign, now, change, request.note, **wanted)

        campaign = await self._store.change_campaign(request.campaign, turn)
        if campaign is None:
            raise _unknown(request.campaign)
        if campaign.state is not wanted["state"]:
            text = f"campaign {request.campaign} is {campaign.state}"
            raise Conflict(text, reason="campaign-over", retryable=False)
        self._on_change()

    async def resolve(self, _: CallContext, request: commands.ResolveRequest) -> Done:
        """Decide how the upgrade of a device ended of which nobody knows.

        Raises:
            NotFound: There is no such campaign, or the device is no part of it.
            Conflict: It is known how it ended, or it is to be tried again in a campaign that is over.
        """
        again = request.decision == "retry"
        campaign = await self._store.campaign(request.campaign)
        if campaign is None:
            await self._resolve_forgotten(request)
            return Done()
        if request.device not in campaign.devices:
            raise NotFound(f"{request.device} is no part of that campaign", reason="no-such-device")
        if again and (campaign.state not in OPEN or campaign.finished_at is not None):
            raise _over(f"campaign {request.campaign} is over")
        now, was = datetime.now(UTC), UpgradeState.UNKNOWN

        def decide(attempt: UpgradeAttempt) -> UpgradeAttempt:
            nonlocal was
            was = attempt.state
            if was is not UpgradeState.UNKNOWN:
                return attempt
            if not again:
                return decided(attempt, UpgradeState(request.decision), request.note, now)
            note = f"retry: {request.note}" if request.note else "retry"
            changes = {"reason": "decided", "text": "tried again by an operator", "decision": note}
            return tried_again(attempt, now, delay_s=0, **changes)

        await self._store.change_attempt(request.campaign, request.device, decide)
        if was is not UpgradeState.UNKNOWN:
            text = f"{request.device} is {was}: there is nothing to decide"
            raise Conflict(text, reason="nothing-to-decide", retryable=False)
        await self._store.resolved(request.device, request.campaign)
        self._on_change()
        return Done()

    async def _resolve_forgotten(self, request: commands.ResolveRequest) -> None:
        """Decide about a device whose campaign is not remembered any more: without this no other could have it.

        Raises:
            NotFound: nothing is open there.
            Conflict: there is no campaign in which it could be tried again.
        """
        noted = (await self._store.unresolved()).get(request.device)
        if noted is None or noted.campaign != request.campaign:
            raise _unknown(request.campaign)
        if request.decision == "retry":
            raise _over(f"campaign {request.campaign} is over and forgotten")
        await self._store.resolved(request.device, request.campaign)


def _over(what: str) -> Conflict:
    text = f"{what}: decide `failed`, and order a new one"
    return Conflict(text, reason="campaign-over", retryable=False)


def _unknown(campaign: str) -> NotFound:
    return NotFound(f"there is no campaign {campaign}", reason="no-such-campaign")
