"""Where a message came from and goes to."""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """The other end of a transport.

    Attributes:
        transport: `udp`, `tcp` or `tls`.
        host: its address, IPv6 without brackets.
        port: its port.
        connection: our number of the connection; 0 on UDP.
    """

    transport: str
    host: str
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Whether nothing sent is lost while it lasts: nothing is sent twice then (RFC 3261 §17)."""
        return self.transport != "udp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"
