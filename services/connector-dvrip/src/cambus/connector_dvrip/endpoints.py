"""UDP endpoints of searches in settings: `HOST` or `HOST:PORT`, several with commas."""

from typing import Final

Endpoint = tuple[str, int]

SEARCH_PORT: Final = 34569
"""Where devices listen for searches (DVRIP §15)."""


def read_endpoints(addresses: str) -> list[Endpoint]:
    """Return the endpoints in `HOST[:PORT],...`; the port is 34569 unless it is given.

    Raises:
        ValueError: one is none.
    """
    return [read_endpoint(part.strip()) for part in addresses.split(",") if part.strip()]


def read_endpoint(address: str) -> Endpoint:
    """Return one endpoint.

    Raises:
        ValueError: it is none.
    """
    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(SEARCH_PORT))
    if not host or ":" in host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"{address[:64]!r}: wanted HOST or HOST:PORT")
    return host, int(port)


def joined(host: str, port: int) -> str:
    """Return a host and a port as one text."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
