import asyncio

from cambus.alarm_router.returned import Returned


async def test_what_comes_again_goes_on_in_the_order_of_the_stream() -> None:
    returned, order = Returned(settle_s=0.01), []

    async def come(device: str, seq: int) -> None:
        await returned.in_order(device, seq)
        order.append((device, seq))

    await asyncio.gather(*(come("a", seq) for seq in (3, 1, 2)), *(come("b", seq) for seq in (5, 4)))
    assert [seq for device, seq in order if device == "a"] == [1, 2, 3]
    assert [seq for device, seq in order if device == "b"] == [4, 5]


async def test_one_that_is_cancelled_stops_nobody() -> None:
    returned = Returned(settle_s=0.01)
    waiting = [asyncio.create_task(returned.in_order("a", seq)) for seq in (1, 2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait_for(waiting[1], 10)
    assert waiting[0].cancelled()
    await asyncio.wait_for(returned.in_order("a", 3), 10)
