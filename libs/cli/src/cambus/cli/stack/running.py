"""Running a stack until somebody stops it: the first signal ends it in order, the second at once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_told(work: Callable[[], Awaitable[None]], *, on_stop: Callable[[], None]) -> None:
    """Do the work until it ends or a signal comes; then it is cancelled, and finishes what it must.

    Args:
        work: runs for ever; what it opened it closes when it is cancelled.
        on_stop: told of the first signal.
    """
    task = asyncio.ensure_future(work())
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            on_stop()
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
