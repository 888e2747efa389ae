"""Settings of NATS that are harmless on a desk and not on a site."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.client.connection import Connection

SUBJECT: Final = "NATS"


def check_settings(bus: Connection, streams: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Whether just anybody may do everything, whether it goes in clear, and whether one dead disk loses it all."""
    server = bus.nc._server_info  # noqa: SLF001 - nats-py tells only parts of it
    return judge(host_of_server(bus), server, streams)


def host_of_server(bus: Connection) -> str:
    """Where the NATS is that we are connected to; empty where that is not known."""
    return (bus.nc.connected_url.hostname or "") if bus.nc.connected_url else ""


def judge(host: str, server: Mapping[str, Any], streams: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """The same from what the server says of itself, reached at `host`."""
    findings = []
    if not on_this_machine(host):
        if not server.get("auth_required"):
            findings.append(
                problem(
                    SUBJECT,
                    "lets in whoever reaches it, with all rights",
                    "cambusctl nats users makes one for each service",
                )
            )
        if not (server.get("tls_required") or server.get("tls_available")):
            findings.append(
                note(SUBJECT, "what is said to it can be read on the way", "tls { … } in nats-server.conf")
            )
    single = sorted(name for name, info in streams.items() if _copies(info) < 2)
    if server.get("cluster") and single:
        where = f"{len(single)} of {len(streams)} streams are on one server only, such as {single[0]}"
        todo = (
            f"CAMBUS_JETSTREAM_REPLICAS=3 for what is to be made; nats stream edit {single[0]} --replicas 3"
        )
        findings.append(problem(SUBJECT, f"it is a cluster, and {where}", todo))
    return findings or [ok(SUBJECT, "who may do what is settled, and so is where things are kept")]


def _copies(info: Mapping[str, Any]) -> int:
    return int((info.get("config") or {}).get("num_replicas", 1))


def on_this_machine(host: str) -> bool:
    """Whether a host, by name or address, is the machine of whoever asks; nothing counts as that, too."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}
