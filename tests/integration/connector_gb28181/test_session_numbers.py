"""Numbers of media sessions over several replicas."""

import asyncio

import pytest

from cambus.gb28181.errors import MediaError


async def pool(bench, instance):
    """The numbers a replica gives out, once it has a share."""
    media = bench.connectors[instance].service.signalling.media
    async with asyncio.timeout(30):
        while True:
            try:
                number = media.ssrcs.take(0.0, history=False)
            except MediaError:
                await asyncio.sleep(0.01)
                continue
            media.ssrcs.give_back(number, 0.0)
            return media.ssrcs


def all_of(numbers):
    found = set()
    while True:
        try:
            found.add(numbers.take(0.0, history=False))
        except MediaError:
            return found


async def test_two_replicas_never_give_out_the_same_number(bench):
    await bench.connector("one", gb28181_ssrc_shares=4)
    await bench.connector("two", gb28181_ssrc_shares=4)
    first, second = all_of(await pool(bench, "one")), all_of(await pool(bench, "two"))
    assert len(first) >= 2000
    assert len(second) >= 2000
    assert not first & second


async def test_more_numbers_than_the_standard_has_are_there_if_that_is_set(bench):
    await bench.connector("one", gb28181_ssrc_shares=4, gb28181_ssrc_wide=True)
    wide = await pool(bench, "one")
    assert len({wide.take(0.0, history=False) for _ in range(10_001)}) == 10_001


async def test_a_replica_without_a_share_sets_nothing_up(bench):
    await bench.connector("one", gb28181_ssrc_shares=1)
    await pool(bench, "one")
    await bench.connector("two", gb28181_ssrc_shares=1)
    with pytest.raises(MediaError, match="no share"):
        bench.connectors["two"].service.signalling.media.ssrcs.take(0.0, history=True)


async def test_the_share_of_a_replica_that_stopped_goes_to_another(bench):
    await bench.connector("one", gb28181_ssrc_shares=1)
    await pool(bench, "one")
    await bench.connector("two", gb28181_ssrc_shares=1)
    await bench.connectors["one"].stop()
    assert all_of(await pool(bench, "two"))
