"""Of two processes under one name the older gives way, and which that is no clock decides."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.members import Members, NameTakenError, this_replica
from cambus.client.kv import Entry

LATER = timedelta(hours=1)


@pytest.fixture
async def ours(bus, unique):
    """We have said once that we live."""
    await ensure_assets(bus)
    members = Members(bus, this_replica("doorbell", unique, "1"), ttl_s=5)
    await members._write(5)
    return members


def hear(members, revision, *, epoch, started):
    other = this_replica("doorbell", members.name, "1").model_copy(update={"since": started, "epoch": epoch})
    members.heard(f"replica.doorbell.{members.name}", Entry("key", other, revision, datetime.now(UTC)))


@pytest.mark.parametrize("off", [-LATER, LATER])
async def test_a_run_that_spoke_before_us_is_older_whatever_its_clock_says(ours, off):
    started = datetime.now(UTC) + off
    hear(ours, ours._epoch - 1, epoch=None, started=started)
    hear(ours, ours._epoch + 1, epoch=ours._epoch - 5, started=started)


@pytest.mark.parametrize("off", [-LATER, LATER])
@pytest.mark.parametrize("first", [True, False])
async def test_a_run_that_spoke_after_us_is_younger_whatever_its_clock_says(ours, off, first):
    with pytest.raises(NameTakenError, match="CAMBUS_INSTANCE"):
        hear(
            ours,
            ours._epoch + 9,
            epoch=None if first else ours._epoch + 4,
            started=datetime.now(UTC) + off,
        )


async def test_before_our_first_word_everybody_is_older(bus, unique):
    members = Members(bus, this_replica("doorbell", unique, "1"), ttl_s=5)
    hear(members, 10_000, epoch=None, started=datetime.now(UTC) + LATER)


async def test_our_own_word_is_no_other_run(ours):
    mine = ours._replica.model_copy(update={"epoch": ours._epoch})
    ours.heard("key." + ours.name, Entry("key", mine, ours._epoch + 50, datetime.now(UTC)))
