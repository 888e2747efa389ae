"""NATS and what Cambus keeps in it."""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from cambus.bus.assets import configurations
from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.doctor.probes import Probe
from cambus.cli.formatting import plural, size
from cambus.client.connection import Connection
from cambus.client.discovery import round_trip_s
from cambus.client.errors import AssetNotFound, BusError
from cambus.schemas import assets, subjects
from cambus.schemas.codec import decode
from cambus.schemas.errors import CambusError
from cambus.schemas.state.dead_letters import DeadLetter

OLDEST: Final = (2, 11)
"""Leases need message times to live, which came with this version of nats-server."""

SLOW_S: Final = 0.25
FULL: Final = 0.9
SKEW_S: Final = 2.0
MONITOR_S: Final = 3.0
SYNC_METRIC: Final = "cambus_nats_sync_always"

Streams = Mapping[str, dict[str, Any]]


async def check_server(bus: Connection) -> list[Finding]:
    """The server itself: its version, and how far away it is."""
    version = str(bus.nc.connected_server_version).split(" v")[-1].rstrip(">")
    trip_s = await round_trip_s(bus)
    text = f"{version} at {', '.join(bus.login.servers)}, round trip {trip_s * 1000:.1f} ms"
    if _numbers(version) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return [problem("NATS", text, f"upgrade nats-server to {wanted} or newer: leases need it")]
    if trip_s > SLOW_S:
        return [note("NATS", text, "commands take longer than that: is the network, or the server, busy?")]
    return [ok("NATS", text)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2] if part.isdecimal())


async def check_jetstream(bus: Connection) -> list[Finding]:
    """Whether JetStream is there, and how full it is."""
    try:
        info = await bus.jetstream.call("INFO")
    except BusError as error:
        return [
            problem("JetStream", f"does not answer: {error}", "enable it: `jetstream {}` in nats-server.conf")
        ]
    used, limit = int(info.get("storage", 0)), int(info.get("limits", {}).get("max_storage", -1))
    text = f"{size(used)} in {plural(int(info.get('streams', 0)), 'stream')}"
    if limit > 0:
        text += f", at most {size(limit)}"
        if used > limit * FULL:
            return [problem("JetStream", text, "give the account more storage, or keep less")]
    return [ok("JetStream", text)]


async def read_streams(bus: Connection) -> dict[str, dict[str, Any]]:
    """What JetStream says of each of our streams that exists, by name. Raises BusError."""
    found: dict[str, dict[str, Any]] = {}
    for config in configurations(1):
        try:
            found[config["name"]] = await bus.jetstream.call(f"STREAM.INFO.{config['name']}")
        except AssetNotFound:
            continue
    return found


def check_assets(streams: Streams) -> list[Finding]:
    """Whether all streams, buckets and object stores exist, have room, and have their copies."""
    expected = [config["name"] for config in configurations(1)]
    missing = [name for name in expected if name not in streams]
    findings = []
    if missing:
        findings.append(
            problem(
                "JetStream",
                f"{plural(len(missing), 'stream')} missing: {', '.join(missing)}",
                "cambusctl nats setup makes them",
            )
        )
    for name, info in streams.items():
        findings += [*_fullness(name, info), *_copies(name, info)]
    return findings or [ok("JetStream", f"all {len(expected)} streams and buckets are there")]


def _fullness(name: str, info: Mapping[str, Any]) -> Iterable[Finding]:
    config, used = info["config"], int(info["state"]["bytes"])
    limit = int(config.get("max_bytes", -1))
    if config.get("discard") == "new" and limit > 0 and used > limit * FULL:
        text = f"{name} holds {size(used)} of {size(limit)}, and refuses writes when it is full"
        yield problem("JetStream", text, f"raise its bound: nats stream edit {name} --max-bytes …")


def _copies(name: str, info: Mapping[str, Any]) -> Iterable[Finding]:
    behind = [
        str(copy.get("name"))
        for copy in (info.get("cluster") or {}).get("replicas") or []
        if not copy.get("current") or copy.get("offline")
    ]
    if behind:
        text = f"{name}: the copy on {', '.join(behind)} is behind or away"
        yield problem("JetStream", text, "look at that NATS server: nats server report jetstream")


async def check_sync(monitor_url: str | None, probes: Iterable[Probe]) -> list[Finding]:
    """Whether JetStream syncs every write: asked of the monitoring port, or of a service that asked it."""
    always = await _monitored(monitor_url) if monitor_url else None
    reported = [probe.samples[SYNC_METRIC] for probe in probes if SYNC_METRIC in probe.samples]
    if always is None and reported:
        always = all(value == 1 for value in reported)
    if always:
        return [ok("JetStream", "every write is synced to the disk before it is acknowledged")]
    if always is None:
        return [
            note(
                "JetStream",
                "whether it syncs every write is not known",
                "set CAMBUS_NATS_MONITOR_URL, here or for a service (http://NATS:8222)",
            )
        ]
    return [
        problem(
            "JetStream",
            "does not sync every write: a power cut loses acknowledged events and leases",
            "jetstream { sync_interval: always } in nats-server.conf",
        )
    ]


async def _monitored(url: str) -> bool | None:
    timeout = aiohttp.ClientTimeout(total=MONITOR_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/jsz") as answer,
        ):
            return bool((await answer.json(content_type=None))["config"].get("sync_always"))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None


async def check_clock(bus: Connection, *, now: datetime | None = None) -> list[Finding]:
    """How far the clock of NATS is from ours; every recorded time and every lease lives by such clocks."""
    before = now or datetime.now(UTC)
    try:
        told = (await bus.jetstream.call(f"STREAM.INFO.{assets.STREAM_EVENTS}")).get("ts")
    except AssetNotFound:
        return []
    after = now or datetime.now(UTC)
    if not isinstance(told, str):
        return [note("clock", "this NATS does not tell its time")]
    skew_s = (datetime.fromisoformat(told) - before - (after - before) / 2).total_seconds()
    text = f"the clock of NATS is {abs(skew_s):.2f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) > SKEW_S:
        return [problem("clock", text, "let both follow a time server (NTP, chrony)")]
    return [ok("clock", text)]


async def check_dead_letters(bus: Connection) -> list[Finding]:
    """What consumers gave up on."""
    stream = assets.STREAM_DEAD_LETTERS
    try:
        state = (
            await bus.jetstream.call(f"STREAM.INFO.{stream}", {"subjects_filter": subjects.DEAD_LETTERS})
        )["state"]
    except AssetNotFound:
        return []
    count = int(state.get("messages", 0))
    if not count:
        return [ok("dead letters", "none")]
    by_whom = ", ".join(
        f"{number} of {subject.rpartition('.')[2]}"
        for subject, number in (state.get("subjects") or {}).items()
    )
    why = await _latest_reason(bus, int(state["last_seq"]))
    return [
        problem(
            "dead letters",
            f"{plural(count, 'message')} given up: {by_whom}{why}",
            "correct the cause; then cambusctl deadletters list, retry or drop",
        )
    ]


async def _latest_reason(bus: Connection, sequence: int) -> str:
    try:
        answer = await bus.jetstream.call(f"STREAM.MSG.GET.{assets.STREAM_DEAD_LETTERS}", {"seq": sequence})
        letter = decode(DeadLetter, base64.b64decode(answer["message"]["data"]))
    except (BusError, CambusError, KeyError, ValueError):
        return ""
    return f"; the latest: {letter.text or letter.reason}"
