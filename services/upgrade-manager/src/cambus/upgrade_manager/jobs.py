"""The name of one device's upgrade in one campaign: stable, so that asking again never begins a second one."""

import hashlib

from cambus.schemas.ids import is_token

ULID_LENGTH = 26


def job_of(campaign: str, device: str, tries: int = 0) -> str:
    """The job: the campaign and the device, or a digest of it where that would be too long for a token.

    Args:
        campaign: the campaign.
        device: the device.
        tries: how often it was tried before: each try has a job of its own.
    """
    # No device's name ends so that it could be taken for another's second try: of that there is a digest.
    job = f"{campaign}-{device}"
    if tries == 0 and is_token(job):
        return job
    facts = f"{device} {tries}" if tries else device
    return f"{campaign}-{hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()}"


def campaign_of(job: str) -> str | None:
    """The campaign a job belongs to; None for a job that somebody else began."""
    campaign, dash = job[:ULID_LENGTH], job[ULID_LENGTH : ULID_LENGTH + 1]
    return campaign if dash == "-" and is_token(campaign) else None
