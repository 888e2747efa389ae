"""The addresses media-relay tells viewers: why a player that was given one plays nothing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from cambus.cli.doctor.addresses import host_of
from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.doctor.safety import on_this_machine
from cambus.client.discovery import Instance

RELAY: Final = "media-relay"
PORTS: Final = {"http": 80, "https": 443, "rtsp": 554}
CONNECT_S: Final = 3.0

_SETTING: Final = {
    "viewers": "CAMBUS_RELAY_ADVERTISED_HOST or CAMBUS_RELAY_ADVERTISED_HTTP_URL",
    "rtsp": "CAMBUS_RELAY_ADVERTISED_HOST",
}
"""What a relay says of itself on the bus, and what changes it."""

Connect = Callable[[str, int], Awaitable[None]]
"""Connects to a host and port, and closes again; raises OSError."""


async def connect(host: str, port: int) -> None:
    """Whether anything listens there. Raises OSError (a TimeoutError is one)."""
    async with asyncio.timeout(CONNECT_S):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def check_viewers(
    instances: Sequence[Instance], nats_host: str, connect: Connect = connect
) -> list[Finding]:
    """Whether what viewers are told can be reached: by others, if NATS is not on this machine; and from here."""
    told = [
        (each, key, each.metadata[key])
        for each in instances
        if each.name == RELAY
        for key in _SETTING
        if each.metadata.get(key)
    ]
    alone = on_this_machine(nats_host)
    found = await asyncio.gather(*(_check(*each, alone=alone, connect=connect) for each in told))
    findings = [each for each in found if each is not None]
    if findings or not told:
        return findings
    return [ok("addresses", f"viewers are told {', '.join(sorted(url for _, _, url in told))}")]


async def _check(instance: Instance, key: str, url: str, *, alone: bool, connect: Connect) -> Finding | None:
    host = host_of(urlsplit(url).netloc)
    todo = f"set {_SETTING[key]} to what viewers reach it by"
    if host is None:
        return problem(instance.id, f"tells viewers {url[:80]}, which is no address", todo)
    if on_this_machine(host) and not alone:
        return problem(instance.id, f"tells viewers {url[:80]}: each would look on its own machine", todo)
    try:
        parts = urlsplit(url)
        await connect(host, parts.port or PORTS.get(parts.scheme, 0))
    except (OSError, ValueError) as error:
        text = f"tells viewers {url[:80]}, where nothing answers from here ({_why(error)})"
        return note(instance.id, text, f"reached from where viewers are? else {todo}, or open the port")
    return None


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s"
    return getattr(error, "strerror", None) or str(error)
