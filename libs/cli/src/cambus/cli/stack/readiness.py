"""Whether the services of a stack answer on the bus and call themselves ready."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp

from cambus.bus.connection import Bus
from cambus.client.discovery import Instance, ping
from cambus.client.errors import BusError

LOOK_S: Final = 0.1
HTTP_S: Final = 2.0


async def wait_ready(
    bus: Bus,
    services: Iterable[str],
    *,
    on_ready: Callable[[Instance], None],
    check: Callable[[str], None],
) -> None:
    """Return once all these services answer `$SRV.PING` and `/readyz`; bound it with a timeout.

    Args:
        bus: a connection.
        services: their names.
        on_ready: told of each, as soon as it is.
        check: called with each that is not yet; raises when waiting for it is of no use.
    """
    missing = set(services)
    timeout = aiohttp.ClientTimeout(total=HTTP_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            for instance in await _answering(bus, missing):
                if instance.name in missing and await is_ready(session, instance):
                    missing.discard(instance.name)
                    on_ready(instance)
            if not missing:
                return
            for name in sorted(missing):
                check(name)
            await asyncio.sleep(LOOK_S)  # a foreign process gets ready, and tells nobody


async def is_ready(session: aiohttp.ClientSession, instance: Instance) -> bool:
    """Whether an instance says that it is ready; one without an HTTP port is once it answers."""
    url = instance.metadata.get("http")
    if url is None:
        return True
    try:
        async with session.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _answering(bus: Bus, services: Iterable[str]) -> list[Instance]:
    try:
        found = await asyncio.gather(*(ping(bus, service, quiet_s=0.02) for service in services))
    except BusError:
        return []
    return [instance for instances in found for instance in instances]
