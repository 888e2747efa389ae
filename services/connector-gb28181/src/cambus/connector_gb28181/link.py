"""The registration of one device, as the connector sees it: a connection that lasts until the device is offline."""

import asyncio
from collections.abc import Callable
from typing import Final

from cambus.connector.errors import EndReason, SessionEnd
from cambus.gb28181.binding import Binding
from cambus.gb28181.registrar import OfflineReason

_ENDS: Final = {
    OfflineReason.MISSED: (EndReason.KEEPALIVE_LOST, "the device sends no keepalives any more"),
    OfflineReason.EXPIRED: (EndReason.SESSION_EXPIRED, "the registration expired"),
    OfflineReason.UNREGISTERED: (EndReason.FORCED_LOGOUT, "the device signed off"),
    OfflineReason.CONNECTION_CLOSED: (EndReason.CONNECTION_LOST, "the device's TCP connection is gone"),
    OfflineReason.SUPERSEDED: (EndReason.REPLACED, "the device registered elsewhere"),
    OfflineReason.REMOVED: (EndReason.REMOVED, "the registration was removed"),
}


class GbLink:
    """A device that is registered and online.

    Args:
        binding: where it is reached.
        on_hang_up: called once if it is to be forgotten although it has not gone by itself.

    Attributes:
        binding: where it is reached now.
        over: done when it is offline, with the reason.
    """

    def __init__(self, binding: Binding, on_hang_up: Callable[["GbLink"], None]) -> None:
        self.binding = binding
        self.over: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._on_hang_up = on_hang_up

    @property
    def code(self) -> str:
        """The device."""
        return self.binding.code

    @property
    def address(self) -> str:
        """Where it came from."""
        return str(self.binding.peer)

    def end(self, why: str) -> None:
        """Have it register anew, if it is still there."""
        if not self.over.done():
            self.over.set_result(SessionEnd(EndReason.REPLACED, why))
            self._on_hang_up(self)

    def offline(self, reason: OfflineReason) -> None:
        """The device is gone."""
        if not self.over.done():
            self.over.set_result(SessionEnd(*_ENDS[reason]))
