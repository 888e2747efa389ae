"""Where a device is to be reached, also after somebody has written it another address (DVRIP §8).

A device that takes a new `HostIP` or `TCPPort` hangs up and is gone from where it was, at once or after its next
restart. So the new address is tried as soon as there is one, beside the old; which of them is right shows when the
same device answers there.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from cambus.connector_dvrip.endpoints import Endpoint
from cambus.dvrip.values import as_object, parse_address, parse_number

COMMON: Final = "NetWork.NetCommon"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a device says of its own address, or is told to be; None where nothing is said.

    Attributes:
        host: dotted.
        port: TCP.
    """

    host: str | None = None
    port: int | None = None

    @classmethod
    def of(cls, common: object) -> "Claimed":
        """Read what `NetWork.NetCommon`, or a part of it, says."""
        fields = as_object(common)
        host = parse_address(fields.get("HostIP")) if "HostIP" in fields else None
        port = parse_number(fields.get("TCPPort")) if "TCPPort" in fields else 0
        return cls(host if _is_host(host) else None, port if 0 < port < 65536 else None)

    @classmethod
    def in_setting(cls, name: str, value: Any) -> "Claimed":
        """Read what a setting that is written says about the address."""
        if name == "NetWork":
            return cls.of(as_object(value).get("NetCommon"))
        if name == COMMON:
            return cls.of(value)
        leaf = name.removeprefix(f"{COMMON}.")
        return cls.of({leaf: value}) if leaf in {"HostIP", "TCPPort"} else cls()


def _is_host(text: str | None) -> bool:
    """Whether a device can be reached under an address at all."""
    try:
        return text is not None and not ipaddress.IPv4Address(text).is_unspecified
    except ValueError:
        return False


class Whereabouts:
    """The addresses of one device.

    Args:
        address: of its record.

    Attributes:
        address: where it was reached last, or the record's.
    """

    def __init__(self, address: Endpoint) -> None:
        self.address = address
        self._written: Endpoint | None = None

    def candidates(self) -> list[Endpoint]:
        """Where to try, most likely first."""
        return [self.address] if self._written is None else [self._written, self.address]

    def written(self, before: Claimed, now: Claimed) -> Endpoint | None:
        """The device was told to be elsewhere; return where that is for us, None if nothing changes.

        Behind a router the device's own address is not the one it is dialled at: then only what it says the same of
        as we know is followed.
        """
        host, port = self.address
        if now.host not in (None, before.host) and before.host == host:
            host = now.host or host
        if now.port not in (None, before.port) and before.port == port:
            port = now.port or port
        self._written = None if (host, port) == self.address else (host, port)
        return self._written

    def reached(self, address: Endpoint) -> bool:
        """It is here; return whether that is another place than before."""
        moved = address != self.address
        self.address = address
        if moved:
            self._written = None
        return moved
