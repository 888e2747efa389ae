"""Which services run: what they answer to `$SRV` (ADR-32)."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cambus.client.connection import Connection
from cambus.client.errors import NoResponders

ANSWER_S: Final = 2.0
QUIET_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process of a service.

    Attributes:
        name: the service.
        id: the name of the replica.
        version: of the suite.
        metadata: further facts, such as `http`, the address of its HTTP port.
        description: one sentence.
        started: since when it runs; None if it did not say.
        requests, errors: since then.
        processing_s: spent on those requests, in seconds.
        commands: how many commands it answers.
        last_error: of any of its endpoints.
    """

    name: str
    id: str
    version: str
    metadata: dict[str, str] = field(default_factory=dict)
    description: str = ""
    started: datetime | None = None
    requests: int = 0
    errors: int = 0
    processing_s: float = 0.0
    commands: int = 0
    last_error: str = ""


async def running_services(bus: Connection, service: str | None = None) -> list[Instance]:
    """Every instance that answers, by name and id; of one service only, if it is named."""
    scope = f".{service}" if service else ""
    infos, stats = await asyncio.gather(_ask(bus, f"$SRV.INFO{scope}"), _ask(bus, f"$SRV.STATS{scope}"))
    figures = {(each.get("name"), each.get("id")): each for each in stats}
    found = [_instance(info, figures.get((info.get("name"), info.get("id")), {})) for info in infos]
    return sorted(found, key=lambda each: (each.name, each.id))


async def ping(bus: Connection, service: str | None = None, *, quiet_s: float = QUIET_S) -> list[Instance]:
    """As `running_services`, with names, versions and metadata only; `quiet_s` after the last answer."""
    answers = await _ask(bus, f"$SRV.PING{f'.{service}' if service else ''}", quiet_s)
    return sorted((_instance(each, {}) for each in answers), key=lambda each: (each.name, each.id))


async def _ask(bus: Connection, subject: str, quiet_s: float = QUIET_S) -> list[dict[str, Any]]:
    try:
        messages = await bus.gather(subject, timeout_s=ANSWER_S, quiet_s=quiet_s)
    except NoResponders:
        return []
    answers: list[dict[str, Any]] = []
    for message in messages:
        try:
            answer = json.loads(message.data)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("name"), str):
            answers.append(answer)
    return answers


def _instance(info: dict[str, Any], stats: dict[str, Any]) -> Instance:
    metadata = info.get("metadata")
    endpoints = [each for each in stats.get("endpoints") or () if isinstance(each, dict)]
    errors = [str(each["last_error"]) for each in endpoints if each.get("last_error")]
    return Instance(
        name=str(info["name"]),
        id=str(info.get("id", "")),
        version=str(info.get("version", "")),
        metadata={str(key): str(value) for key, value in (metadata or {}).items()},
        description=str(info.get("description", "")),
        started=_instant(stats.get("started")),
        requests=sum(int(each.get("num_requests", 0)) for each in endpoints),
        errors=sum(int(each.get("num_errors", 0)) for each in endpoints),
        processing_s=sum(int(each.get("processing_time", 0)) for each in endpoints) / 1e9,
        commands=len(info.get("endpoints") or ()),
        last_error=errors[-1] if errors else "",
    )


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return None


async def round_trip_s(bus: Connection) -> float:
    """Seconds a message to ourselves takes. Raises BusError."""
    started = time.perf_counter()
    await bus.flush()
    return time.perf_counter() - started
