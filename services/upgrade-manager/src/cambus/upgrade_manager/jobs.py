"""The name of one device's upgrade in one campaign: stable, so that asking again never begins a second one."""

import hashlib

from cambus.schemas.ids import is_token

ULID_LENGTH = 26


def job_of(campaign: str, device: str) -> str:
    """The job: the campaign and the device, or a digest of it where that would be too long for a token."""
    job = f"{campaign}-{device}"
    if is_token(job):
        return job
    return f"{campaign}-{hashlib.blake2b(device.encode(), digest_size=16).hexdigest()}"


def campaign_of(job: str) -> str | None:
    """The campaign a job belongs to; None for a job that somebody else began."""
    campaign, dash = job[:ULID_LENGTH], job[ULID_LENGTH : ULID_LENGTH + 1]
    return campaign if dash == "-" and is_token(campaign) else None
