"""How fast something large may go out."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cambus.connector.outflow import Outflow


class Clock:
    """A clock that goes on by sleeping alone."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50), st.integers(1, 1_000_000))
def test_no_more_than_the_rate_goes_out_after_the_first_piece(pieces: list[int], rate: int) -> None:
    clock = Clock()
    outflow = Outflow(rate, now=clock.now, sleep=clock.sleep)

    async def send() -> None:
        for piece in pieces:
            await outflow.take(piece)

    asyncio.run(send())
    assert clock.time - 100.0 >= sum(pieces[:-1]) / rate - 1e-6  # what sums of floats lose


async def test_a_pause_is_not_made_up_for() -> None:
    clock = Clock()
    outflow = Outflow(10, now=clock.now, sleep=clock.sleep)
    await outflow.take(10)
    clock.time += 60.0
    await outflow.take(10)
    began = clock.time
    await outflow.take(10)
    assert clock.time == began + 1.0


async def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    outflow = Outflow(None, now=clock.now, sleep=clock.sleep)
    for _ in range(10):
        await outflow.take(1 << 30)
    assert clock.time == 100.0


async def test_those_that_share_it_share_the_rate() -> None:
    outflow = Outflow(100_000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(outflow.take(5_000) for _ in range(4)))
    assert loop.time() - began >= 0.15 * 0.99
