"""How long campaigns are remembered: the bucket they are in is bounded, and refuses what does not fit."""

from collections.abc import Iterable

from cambus.schemas.state.upgrades import UpgradeCampaign

KEPT_CAMPAIGNS = 200
KEPT_DEVICES = 20_000
"""Devices of all campaigns that are over and kept; each takes less than two kilobytes."""

CROWDED = 0.5
"""The share of the bucket from which on fewer are kept: the other half is for campaigns that run."""


def outdated(campaigns: Iterable[UpgradeCampaign], *, crowded: bool) -> list[UpgradeCampaign]:
    """The campaigns to be forgotten: those that are over, but for the latest.

    Args:
        campaigns: all of them, latest first.
        crowded: the bucket is smaller than what is kept otherwise: one more goes, the oldest.
    """
    over = [campaign for campaign in campaigns if campaign.finished_at is not None]
    kept = devices = 0
    for campaign in over:
        devices += len(campaign.devices)
        if kept and (kept >= KEPT_CAMPAIGNS or devices > KEPT_DEVICES):
            break
        kept += 1
    if crowded and kept == len(over):
        kept = max(kept - 1, 1)
    return over[kept:]
