"""Sound leaves as evenly as it is heard (GB-190)."""

import asyncio

import pytest

from cambus.connector_gb28181.talk import AHEAD_S, Pace

PACKET = bytes(160)


async def left_at(pace, packets):
    """When each packet may leave, in milliseconds from now."""
    clock = asyncio.get_running_loop().time
    begun, times = clock(), []
    for _ in range(packets):
        await pace.turn()
        times.append(round((clock() - begun) * 1000))
    return times


async def test_a_packet_leaves_every_20_ms_but_for_the_few_that_may_be_ahead():
    times = await left_at(Pace(), 100)
    ahead = round(AHEAD_S / 0.02)
    assert times[:ahead] == [0] * ahead
    assert times[ahead:] == pytest.approx([20 * number for number in range(1, 101 - ahead)], abs=1)


async def test_who_was_silent_for_long_is_not_caught_up_with():
    pace = Pace()
    await left_at(pace, 10)
    await asyncio.sleep(5)
    times = await left_at(pace, 50)
    assert times[-1] == pytest.approx(50 * 20 - AHEAD_S * 1000, abs=1)


async def test_sound_is_cut_into_packets_and_its_rest_filled_up():
    pace = Pace()
    assert pace.cut(bytes(400)) == [PACKET, PACKET]
    assert pace.cut(bytes(79)) == []
    assert pace.cut(b"\x01") == [bytes(159) + b"\x01"]
    assert pace.rest() == b""
    pace.cut(b"\x02")
    assert pace.rest() == b"\x02" + b"\xd5" * 159
