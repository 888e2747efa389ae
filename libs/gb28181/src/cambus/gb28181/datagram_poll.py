"""All media sockets of one event loop, read together every few milliseconds.

A loop that is woken for each datagram spends more on waking than on reading. Here it is woken once for whatever has
come to any of hundreds of sockets in the meantime.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

PAUSE_S: Final = 0.005
"""Between two looks while something comes; delay against work."""
MAX_BATCH: Final = 512
_DATAGRAM_BYTES: Final = 65_536

Batch = list[tuple[bytes, tuple[Any, ...]]]
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, DatagramPoll] = WeakKeyDictionary()


class DatagramPoll:
    """The sockets of one loop; it holds nothing while there are none."""

    def __init__(self) -> None:
        self._selector: selectors.BaseSelector | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> DatagramPoll:
        """That of a loop."""
        found = _loops.get(loop)
        if found is None:
            found = _loops[loop] = cls()
        return found

    def add(self, receiver: socket.socket, take: Callable[[Batch], None]) -> None:
        """Read a socket that does not block; `take` is called with what has come."""
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
            self._wait()
        self._selector.register(receiver, selectors.EVENT_READ, take)

    def remove(self, receiver: socket.socket) -> None:
        """Read it no more; to be called before it is closed."""
        selector = self._selector
        if selector is None:
            return
        selector.unregister(receiver)
        if not selector.get_map():
            self._stop(selector)

    def _wait(self) -> None:
        """Be woken by the next datagram; where a selector cannot be waited for, look again soon."""
        fileno = getattr(self._selector, "fileno", None)
        if fileno is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._look)
        else:
            asyncio.get_running_loop().add_reader(fileno(), self._woken)

    def _woken(self) -> None:
        if self._selector is not None:
            asyncio.get_running_loop().remove_reader(self._selector.fileno())  # type: ignore[attr-defined]  # it was waited for
            self._look()

    def _look(self) -> None:
        self._timer = None
        selector = self._selector
        if selector is None:
            return
        ready = selector.select(0)
        for key, _ in ready:
            _read(key.fileobj, key.data)  # type: ignore[arg-type]  # only sockets are registered
        if self._selector is not selector:
            return  # the last one was removed meanwhile
        if ready:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._look)
        else:
            self._wait()

    def _stop(self, selector: selectors.BaseSelector) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        fileno = getattr(selector, "fileno", None)
        if fileno is not None:
            asyncio.get_running_loop().remove_reader(fileno())
        selector.close()
        self._selector = None


def _read(receiver: socket.socket, take: Callable[[Batch], None]) -> None:
    batch: Batch = []
    receive, append = receiver.recvfrom, batch.append
    try:
        for _ in range(MAX_BATCH):
            append(receive(_DATAGRAM_BYTES))
    except (BlockingIOError, InterruptedError):
        pass
    except (
        OSError
    ):  # what an earlier datagram of ours met; or it was closed by whom the one before was given to
        pass
    if batch:
        take(batch)
