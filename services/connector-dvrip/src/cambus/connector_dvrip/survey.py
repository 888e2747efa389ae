"""What is asked of a device right after the login: what it is, its channels, its clock.

Only `SystemInfo` is asked for in earnest. Everything else many devices lack, in one way or another: then it is left
open, and the session goes on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cambus.connector_dvrip.client import MeteredClient
from cambus.connector_dvrip.clock import UTC_ZONE, DeviceZone, guess_zone, zone_of_minutes
from cambus.connector_dvrip.mapping.device import Facts
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.whereabouts import Claimed
from cambus.dvrip.errors import DeviceError, ProtocolError, Refused
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.system import SystemInfo
from cambus.dvrip.values import as_list, as_object, parse_number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clock:
    """What a device's clock showed.

    Attributes:
        zone: the zone it runs in.
        local: what it showed, None if it does not say.
        at: when that was, by our clock.
    """

    zone: DeviceZone
    local: datetime | None
    at: datetime


async def survey(client: MeteredClient, login: LoginReply) -> Facts:
    """Ask a device what it is.

    Raises:
        DvripError: it does not answer, or has no `SystemInfo`.
    """
    info = await client.system.info()
    common = as_object(await _or(client.config.get, {}, "NetWork.NetCommon"))
    max_connections = max(parse_number(common.get("TCPMaxConn")), 0)
    client.learn_connections(max_connections)
    functions = await _or_else(client.system.functions, None)
    return Facts(
        login=login,
        info=info,
        titles=await _or_else(client.config.channel_titles, []),
        channel_states=await channel_states(client, info),
        functions={} if functions is None else functions.groups,
        mac=str(common.get("MAC", ""))[:64],
        max_connections=max_connections,
        claimed=Claimed.of(common),
    )


async def channel_states(client: MeteredClient, info: SystemInfo) -> list[dict[str, Any]]:
    """Ask a recorder how its network channels are; none for a device without any, or that does not say."""
    if info.digital_channels <= 0:
        return []
    states: Any = await _or(client.config.get, [], "NetWork.ChnStatus")
    return [dict(as_object(state)) for state in as_list(states)[:256]]


async def read_clock(client: MeteredClient, options: DvripOptions) -> Clock:
    """Ask a device what time it is, and find out in which zone that is meant.

    Raises:
        DvripError: the connection is lost.
    """
    local = await _or_else(client.machine.time, None)
    at = datetime.now(UTC)
    if options.zone is not None:
        return Clock(DeviceZone(options.zone), local, at)
    stated = as_object(await _or(client.config.get, {}, "System.TimeZone"))
    zone = zone_of_minutes(parse_number(stated.get("timeMin"))) if "timeMin" in stated else None
    if zone is None:
        zone = guess_zone(local, at) if local is not None else UTC_ZONE
    return Clock(zone, local, at)


async def _or(ask: Callable[[str], Awaitable[T]], default: T, name: str) -> T:
    return await _or_else(lambda: ask(name), default)


async def _or_else(ask: Callable[[], Awaitable[T]], default: T) -> T:
    """The answer, or `default` if the device lacks it or answers something unreadable."""
    try:
        return await ask()
    except (DeviceError, ProtocolError, Refused):
        return default
