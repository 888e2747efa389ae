"""Where media is received and sent from, and to which addresses a device may have us connect (§8.3, GB-143)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from cambus.gb28181.errors import MediaError


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media is received.

    Attributes:
        host: address to listen on.
        advertised: the address devices send to; never a wildcard.
        ports: ports to choose from; any free one if empty.
        shared_port: one port for the media of all sessions, told apart by SSRC; 0 gives each a port of its own.
        allowed_hosts: addresses beside a device's own that it may have us connect to.
        allow_loopback: let those be on this host; for tests.
        strict_ssrc: take nothing whose SSRC is not what was agreed.
        active_after_s: if both sides wait for the other to connect, we do after so long.
        connect_pause_s: between two tries to connect.
    """

    host: str = "127.0.0.1"
    advertised: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    shared_port: int = 0
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    allow_loopback: bool = False
    strict_ssrc: bool = False
    active_after_s: float = 3.0
    connect_pause_s: float = 1.0

    def target(self, host: str, bound: str) -> str:
        """Where to connect for the media of a device: where it says, if it may, else where it is (GB-143).

        Args:
            host: the address in its description.
            bound: where it is registered from.

        Raises:
            MediaError: `address-refused`.
        """
        for each in (host, bound):
            if may_connect(each, bound, self.allowed_hosts, loopback=self.allow_loopback):
                return each
        raise MediaError("address-refused", f"media is not fetched from {host}")


def may_connect(host: str, bound: str, allowed: Iterable[str], *, loopback: bool = False) -> bool:
    """Whether a device may have us connect to an address: its own, or one that was allowed (GB-143)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if address.is_loopback:
        return loopback and (host == bound or host in set(allowed))
    if address.is_reserved:
        return False
    return host == bound or host in set(allowed)


def usable(address: str) -> str:
    """An address a device wrote, empty where it says nothing: `0.0.0.0`, or none at all."""
    try:
        return "" if ipaddress.ip_address(address).is_unspecified else address
    except ValueError:
        return ""
