"""Where a device is: `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`."""

import re
from typing import Final

from cambus.connector.errors import InvalidRecord
from cambus.dvrip.client import DEFAULT_PORT

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._-]{1,253}))(?::(?P<port>\d{1,5}))?"
)


def parse_address(address: str | None) -> tuple[str, int]:
    """Return host and port of a record's address.

    Raises:
        InvalidRecord: there is none, or it is none.
    """
    if address is None:
        raise InvalidRecord("address: wanted HOST or HOST:PORT of a device that is dialled")
    match = _ADDRESS.fullmatch(address.strip())
    port = int(match["port"]) if match and match["port"] else DEFAULT_PORT
    if match is None or not 0 < port < 65536:
        raise InvalidRecord("address: wanted HOST, HOST:PORT or [IPV6]:PORT")
    return match["v6"] or match["host"], port
