"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors

import pytest


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: what it was to wait for is added to the loop's clock."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def select(self, timeout=None):
        if timeout is None:  # no timer is set: only another thread can go on
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The standard loop on a clock that starts at 1000 s."""

    def __init__(self):
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def loop():
    """The loop of the test, for its clock."""
    return asyncio.get_running_loop()
