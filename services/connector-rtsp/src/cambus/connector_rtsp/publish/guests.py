"""Who may talk to the ports publishers come to before it has proved anything. No clock inside."""

from collections import Counter, OrderedDict
from typing import Final

FREE_FAILURES: Final = 5
"""Wrong logins an address has free before it is held off."""
MOST_HELD_OFF_S: Final = 60.0
MOST_ADDRESSES: Final = 4096
"""Addresses whose wrong logins are remembered."""


class Guests:
    """Bounds connections that have not logged in, and holds off addresses whose logins keep failing.

    Args:
        total: such connections at a time.
        per_address: those of one address.
    """

    def __init__(self, *, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._here: Counter[str] = Counter()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admit(self, address: str, now: float) -> str | None:
        """Let a connection speak; `left` must follow. Returns why not: `held-off`, `full`."""
        if now < self._wrong.get(address, (0, 0.0))[1]:
            return "held-off"
        if self.full(address):
            return "full"
        self._here[address] += 1
        return None

    def full(self, address: str) -> bool:
        """Whether there is no room for another one from there."""
        return self._here.total() >= self._total or self._here[address] >= self._per_address

    def left(self, address: str) -> None:
        """A connection that was admitted is gone, or has logged in."""
        self._here[address] -= 1
        if self._here[address] <= 0:
            del self._here[address]

    def failed(self, address: str, now: float) -> None:
        """A login was wrong; after some the address is held off for 1, 2, 4 … 60 s."""
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        over = count - FREE_FAILURES
        until = now + min(2.0 ** min(over, 30), MOST_HELD_OFF_S) if over >= 0 else 0.0
        self._wrong[address] = (count, until)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """A login was right."""
        self._wrong.pop(address, None)
