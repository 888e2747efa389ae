"""How many connections a port has, in all and of one address: nobody is to have all there are."""

import ipaddress
from collections import Counter
from typing import Final

IPV6_SITE: Final = 64
"""Bits of an IPv6 address that name a site; the rest anybody there chooses."""


class Crowd:
    """Counts those who are in.

    Args:
        most: so many at a time.
        most_of_address: so many of one address, or of one site where that is IPv6; 0: no bound.
    """

    def __init__(self, most: int, most_of_address: int) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._here: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> bool:
        """Take one in, or say that there is no room; who was taken in has to `leave`."""
        site = site_of(address)
        if self._all >= self._most or (self._most_of_address and self._here[site] >= self._most_of_address):
            if not self._here[site]:
                del self._here[site]
            return False
        self._here[site] += 1
        self._all += 1
        return True

    def leave(self, address: str) -> None:
        """One who was in has gone."""
        site = site_of(address)
        self._all -= 1
        self._here[site] -= 1
        if self._here[site] <= 0:
            del self._here[site]


def site_of(address: str) -> str:
    """What counts as one address: itself, or the network of an IPv6 address; empty for none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_SITE), strict=False))
    return str(parsed)
