"""A stack runs until it is told to stop, and a second time at once."""

import asyncio
import os
import signal

import pytest

from cambus.cli.stack.running import until_told


class Work:
    """Runs for ever; at the end it tidies up, for ever too if it is `stubborn`."""

    def __init__(self, *, stubborn=False):
        self.stubborn = stubborn
        self.begun = asyncio.Event()
        self.tidying = asyncio.Event()
        self.tidied = False

    async def __call__(self):
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.tidying.set()
            if self.stubborn:
                await asyncio.Event().wait()
            self.tidied = True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_in_order(number):
    work, told = Work(), []
    running = asyncio.ensure_future(until_told(work, on_stop=lambda: told.append("stopping")))
    await work.begun.wait()
    os.kill(os.getpid(), number)
    await running
    assert (work.tidied, told) == (True, ["stopping"])


async def test_a_second_signal_ends_it_at_once():
    work, told = Work(stubborn=True), []
    running = asyncio.ensure_future(until_told(work, on_stop=lambda: told.append("stopping")))
    await work.begun.wait()
    os.kill(os.getpid(), signal.SIGINT)
    await work.tidying.wait()
    os.kill(os.getpid(), signal.SIGINT)
    await running
    assert (work.tidied, told) == (False, ["stopping"])


async def test_what_fails_is_not_hidden_and_the_handlers_go():
    async def fail():
        raise RuntimeError("did not start")

    with pytest.raises(RuntimeError, match="did not start"):
        await until_told(fail, on_stop=lambda: None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_being_cancelled_from_inside_is_passed_on():
    work = Work()
    running = asyncio.ensure_future(until_told(work, on_stop=lambda: None))
    await work.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.tidied
