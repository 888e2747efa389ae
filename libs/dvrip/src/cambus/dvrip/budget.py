"""How many TCP connections one device gets from us (DVRIP §5)."""

from typing import Final

from cambus.dvrip.errors import Refused
from cambus.dvrip.profile import DEFAULT_CONNECTION_BUDGET

#: Connections left to others once the device's own limit is known.
RESERVE: Final = 2


class ConnectionBudget:
    """Counts open connections and refuses those above the limit.

    Attributes:
        limit: how many may be open.
        used: how many are.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = DEFAULT_CONNECTION_BUDGET if limit is None else limit
        self.used = 0
        self._is_fixed = limit is not None

    def learn(self, device_limit: int) -> None:
        """Take ``TCPMaxConn`` of the device into account, unless the profile says otherwise."""
        if not self._is_fixed and device_limit > 0:
            self.limit = max(device_limit - RESERVE, 1)

    def acquire(self) -> None:
        """Take one connection.

        Raises:
            Refused: ``budget``: all are taken.
        """
        if self.used >= self.limit:
            raise Refused("budget", f"all {self.limit} connections to this device are in use")
        self.used += 1

    def release(self) -> None:
        """Give one back."""
        self.used -= 1
