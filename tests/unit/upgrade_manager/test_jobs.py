"""The names of jobs: stable, tokens, and told apart from those of others."""

import pytest

from cambus.schemas.ids import is_token, new_ulid
from cambus.upgrade_manager.jobs import campaign_of, job_of


@pytest.mark.parametrize("device", ["gate-1", "34020000001320000001", "x" * 64])
def test_a_job_names_its_campaign_and_fits_a_token(device: str) -> None:
    campaign = new_ulid()
    job = job_of(campaign, device)
    assert is_token(job)
    assert job == job_of(campaign, device)
    assert campaign_of(job) == campaign


def test_devices_with_long_names_have_jobs_of_their_own() -> None:
    campaign = new_ulid()
    assert job_of(campaign, "x" * 63 + "1") != job_of(campaign, "x" * 63 + "2")


@pytest.mark.parametrize("job", ["", "manual", "x" * 26, "01KGE5C8QXG1Z5X0N3V7M4T2RB"])
def test_jobs_of_others_belong_to_no_campaign(job: str) -> None:
    assert campaign_of(job) is None
