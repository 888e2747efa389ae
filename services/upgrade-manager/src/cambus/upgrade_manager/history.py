"""What happened to a campaign: written into it with the change itself; pure."""

from datetime import datetime
from typing import Any

from cambus.schemas.state.upgrades import MAX_STEPS, CampaignChange, CampaignStep, UpgradeCampaign


def with_step(
    campaign: UpgradeCampaign, now: datetime, change: CampaignChange, text: str = "", **changes: Any
) -> UpgradeCampaign:
    """The campaign with some fields changed and that noted; what is not told yet is never dropped."""
    number = campaign.steps[-1].number + 1 if campaign.steps else 1
    steps = [*campaign.steps, CampaignStep(number=number, at=now, change=change, text=text[:1000])]
    return campaign.model_copy(update={**changes, "steps": steps[-MAX_STEPS:]})
