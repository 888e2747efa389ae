"""Telling of campaigns: each step of their history is an event, told once, by whoever runs the campaign."""

from collections import Counter
from collections.abc import Iterable

from cambus.bus.connection import Bus
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands.upgrade_manager import SERVICE
from cambus.schemas.events.upgrade import CAMPAIGN_CHANGED, CampaignChanged
from cambus.schemas.ids import derived_event_id
from cambus.schemas.state.upgrades import UpgradeAttempt, UpgradeCampaign
from cambus.upgrade_manager.store import CampaignStore


async def tell(
    bus: Bus, store: CampaignStore, campaign: UpgradeCampaign, attempts: Iterable[UpgradeAttempt]
) -> None:
    """Publish what was not told yet, and note that it was: after a crash an event is told again under its old id.

    Raises:
        BusError: NATS refuses or does not answer.
    """
    untold = campaign.untold
    if not untold:
        return
    counts = dict(Counter(attempt.state.value for attempt in attempts))
    for step in untold:
        event = CampaignChanged(
            id=derived_event_id(step.at, campaign.id, step.number),
            device=SERVICE,
            at=step.at,
            campaign=campaign.id,
            number=step.number,
            change=step.change,
            state=campaign.state,
            text=step.text,
            counts=counts,
        )
        headers = {header.MESSAGE_ID: event.id, header.CONTENT_TYPE: MSGPACK}
        await bus.jetstream.publish(
            CAMPAIGN_CHANGED.subject(SERVICE), encode(event, MSGPACK), headers=headers
        )
    last = untold[-1].number
    await store.change_campaign(
        campaign.id, lambda each: each.model_copy(update={"told": max(each.told, last)})
    )
