"""What is written down of an upgrade before its image goes out, for whoever holds the device afterwards."""

import pytest

from cambus.bus.assets import ensure_assets
from cambus.connector.upgrades import BegunUpgrade
from cambus.schemas.errors import Conflict
from cambus.schemas.upgrades import UpgradeState


@pytest.fixture
async def begun(bus, device):
    await ensure_assets(bus)
    return BegunUpgrade(bus, device)


async def test_a_job_is_begun_once_it_is_written_down_whoever_asks(bus, device, begun):
    assert await begun.last() is None
    assert not await begun.is_begun("job-1")
    await begun.mark("job-1", version_before="V1", expected_version="V2")
    other = BegunUpgrade(bus, device)
    assert await other.is_begun("job-1")
    assert not await other.is_begun("job-2")
    last = await other.last()
    assert (last.job, last.version_before, last.expected_version) == ("job-1", "V1", "V2")
    assert not last.state.final


async def test_one_job_that_reached_two_replicas_is_begun_by_one(bus, device, begun):
    await begun.mark("job-1")
    with pytest.raises(Conflict) as refused:
        await BegunUpgrade(bus, device).mark("job-1")
    assert (refused.value.reason, refused.value.retryable) == ("job-already-begun", False)


async def test_only_one_of_two_replicas_writes_the_end_down(bus, device, begun):
    await begun.mark("job-1")
    other = BegunUpgrade(bus, device)
    assert await begun.note("job-1", image_sent=True)
    assert await other.note("job-1", state=UpgradeState.SUCCEEDED)
    assert not await begun.note("job-1", state=UpgradeState.FAILED)
    last = await begun.last()
    assert (last.state, last.image_sent) == (UpgradeState.SUCCEEDED, True)


async def test_what_goes_on_with_an_older_job_is_not_written_over_a_newer_one(begun):
    await begun.mark("job-1")
    await begun.mark("job-2")
    assert not await begun.note("job-1", image_sent=True)
    assert (await begun.last()).image_sent is False


async def test_two_that_begin_in_the_same_moment_do_not_both(bus, device, begun, monkeypatch):
    async def nothing_yet(key):
        return None

    monkeypatch.setattr(begun._attempts, "get", nothing_yet)
    await BegunUpgrade(bus, device).mark("job-2")
    with pytest.raises(Conflict) as refused:
        await begun.mark("job-1")
    assert refused.value.reason == "upgrade-under-way"
