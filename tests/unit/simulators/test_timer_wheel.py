"""One wheel for all devices of a loop."""

import asyncio

from cambus.dvrip.device_timers import Timers
from cambus.dvrip.server_wheel import TICK_S, shared_wheel


async def test_calls_are_made_in_order_never_early_and_only_once():
    loop, wheel = asyncio.get_running_loop(), shared_wheel()
    assert shared_wheel() is wheel
    made, done = [], asyncio.Event()
    start = loop.time()
    for delay in (0.06, 0.02, 0.04):
        wheel.at(start + delay, lambda delay=delay: made.append((delay, loop.time() - start)))
    cancelled = wheel.at(start + 0.03, lambda: made.append(("cancelled", 0)))
    cancelled.cancel()
    wheel.at(start + 0.08, done.set)
    await asyncio.wait_for(done.wait(), 10)
    assert [delay for delay, _ in made] == [0.02, 0.04, 0.06]
    assert all(at >= delay - TICK_S for delay, at in made)


async def test_a_call_may_add_calls_and_an_idle_wheel_holds_nothing():
    loop, wheel = asyncio.get_running_loop(), shared_wheel()
    done = asyncio.Event()

    def again(left):
        if left:
            wheel.at(loop.time(), lambda: again(left - 1))
        else:
            done.set()

    again(5)
    await asyncio.wait_for(done.wait(), 10)
    assert wheel._slots == {}


def test_timers_run_in_order_of_time_and_later_additions_wait_for_the_next_run():
    timers, made = Timers(), []
    timers.at(2.0, made.append)
    timers.at(1.0, lambda now: (made.append(-1), timers.at(now, made.append)))
    gone = timers.at(0.5, made.append)
    gone.cancel()
    assert timers.next_timeout() == 1.0
    timers.run(2.5)
    assert made == [-1, 2.5]
    assert timers.next_timeout() == 2.5
    timers.run(3.0)
    assert made == [-1, 2.5, 3.0]
    assert timers.next_timeout() is None
