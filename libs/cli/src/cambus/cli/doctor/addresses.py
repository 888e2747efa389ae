"""The addresses others are told to go to: devices for signalling, media and HTTP, and viewers for pictures.

A connector says on the bus where devices are told to go (`advertised`, `media`, `web` in its metadata); where
the devices themselves are stands in their presence. One that is behind another network can not reach an address of this
machine.
"""

import ipaddress
import re
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cambus.cli.device_status import DeviceStatus
from cambus.cli.doctor.finding import Finding, ok, problem
from cambus.cli.formatting import plural
from cambus.client.discovery import Instance

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Iterable[str]]
"""The addresses of a host name; raises OSError if it has none."""

CONNECTOR: Final = "connector-"
MEDIA: Final = "media"
SIGNALLING: Final = "advertised"
WEB: Final = "web"
_WHAT: Final = {SIGNALLING: "signalling", MEDIA: "media", WEB: "HTTP requests"}
_SETTING: Final = {SIGNALLING: "ADVERTISED", MEDIA: "MEDIA_ADVERTISED", WEB: "WEB_ADVERTISED"}
_HOST: Final = re.compile(r"^(?:[a-z]+://|sips?:)?(?:[^@/]*@)?(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+)(?::\d+)?$")


def check_advertised(
    instances: Sequence[Instance], devices: Sequence[DeviceStatus], resolve: Resolve
) -> list[Finding]:
    """Whether devices can reach where they are told to send signalling, media and HTTP requests."""
    findings = []
    looked_at = 0
    for instance in instances:
        protocol = instance.name.removeprefix(CONNECTOR)
        if protocol == instance.name:
            continue
        sources = _sources(devices, protocol)
        for key in _WHAT:
            if key in instance.metadata:
                looked_at += 1
                findings += _check(instance, protocol, key, sources, resolve)
    return findings or (
        [ok("addresses", f"{looked_at} given to devices can be reached")] if looked_at else []
    )


def _check(
    instance: Instance,
    protocol: str,
    key: str,
    sources: dict[Address, list[str]],
    resolve: Resolve,
) -> list[Finding]:
    advertised, what = instance.metadata[key], _WHAT[key]
    host = host_of(advertised)
    variable = f"CAMBUS_{protocol.upper()}_{_SETTING[key]}"
    if host is None:
        text = f"tells devices no address for {what}: {advertised[:80]}"
        return [problem(instance.id, text, f"set {variable} to one they can reach")]
    try:
        told = [ipaddress.ip_address(each) for each in resolve(host)]
    except (OSError, ValueError):
        text = f"tells devices to send {what} to {host}, which is no address and no name known here"
        return [problem(instance.id, text, f"set {variable} to an address they can reach")]
    lost = [
        name
        for source, names in sources.items()
        if not any(_reaches(source, each) for each in told)
        for name in names
    ]
    if not lost:
        return []
    text = (
        f"tells devices to send {what} to {host}, which {plural(len(lost), 'device')} elsewhere can not reach "
        f"({', '.join(sorted(lost)[:5])})"
    )
    return [problem(instance.id, text, f"set {variable} to this machine's address in their network")]


def addresses_of(host: str) -> list[str]:
    """The addresses of a host name, or of an address itself. Raises OSError."""
    return sorted({str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)})


def host_of(text: str) -> str | None:
    """The host in HOST, HOST:PORT, [HOST]:PORT or a URI; None for a wildcard or nothing."""
    match = _HOST.match(text.strip())
    host = match[1].strip("[]") if match is not None else ""
    return None if host in {"", "0.0.0.0", "::", "*"} else host  # noqa: S104 - recognised, not listened on


def _reaches(device: Address, told: Address) -> bool:
    """Whether what is at one address can reach the other, as far as addresses tell."""
    if told.is_unspecified or told.is_multicast:
        return False
    if told.is_loopback or told.is_link_local:
        return device.is_loopback or (told.is_link_local and device.is_link_local)
    if device.is_loopback:
        return True
    return not (device.is_global and told.is_private)


def _sources(devices: Iterable[DeviceStatus], protocol: str) -> dict[Address, list[str]]:
    """Where the devices of a protocol call from."""
    found: dict[Address, list[str]] = defaultdict(list)
    for each in devices:
        presence = each.presence
        if presence is None or presence.protocol != protocol or presence.connection != "registered":
            continue
        host = host_of(
            (presence.address or "").removeprefix("udp:").removeprefix("tcp:").removeprefix("tls:")
        )
        try:
            found[ipaddress.ip_address(host or "")].append(each.device)
        except ValueError:
            continue
    return found
