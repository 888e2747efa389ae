"""Whether those who have to handle events do: a durable that nobody pulls from keeps everything for nobody."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cambus.cli.doctor.finding import Finding, ok, problem
from cambus.cli.formatting import duration, plural
from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound
from cambus.schemas import assets

SUBJECT: Final = "events"
BEHIND: Final = 10_000
"""More events than that are not handled in a moment."""
UNACKNOWLEDGED: Final = timedelta(minutes=10)
"""A service that handles events acknowledges one now and then."""
PAGES: Final = 20


async def read_consumers(bus: Connection) -> list[dict[str, Any]]:
    """What JetStream says of every durable of the event stream. Raises BusError."""
    found: list[dict[str, Any]] = []
    for _ in range(PAGES):
        try:
            page = await bus.jetstream.call(f"CONSUMER.LIST.{assets.STREAM_EVENTS}", {"offset": len(found)})
        except AssetNotFound:
            return []
        consumers = page.get("consumers") or []
        found += consumers
        if not consumers or len(found) >= int(page.get("total", 0)):
            break
    return [each for each in found if (each.get("config") or {}).get("durable_name")]


def check_consumers(consumers: Iterable[Mapping[str, Any]], now: datetime | None = None) -> list[Finding]:
    """Which of them nobody serves, stand still, or are far behind."""
    consumers = list(consumers)
    findings = [each for info in consumers for each in _check(info, now or datetime.now(UTC))]
    if not consumers or findings:
        return findings
    return [ok(SUBJECT, f"handled by {', '.join(sorted(each['name'] for each in consumers))}")]


def _check(info: Mapping[str, Any], now: datetime) -> Iterable[Finding]:
    name = str(info["name"])
    waiting, taken = int(info.get("num_pending", 0)), int(info.get("num_ack_pending", 0))
    if waiting and not info.get("num_waiting") and not taken:
        yield problem(
            SUBJECT,
            f"{plural(waiting, 'event')} waiting for {name}, and nobody takes them",
            f"start it; if it is no more: nats consumer rm {assets.STREAM_EVENTS} {name}",
        )
        return
    since = _since(info, now)
    if (
        taken
        and since > UNACKNOWLEDGED
        and (waiting or not info.get("num_waiting"))
        and not _just_begun(info, now)
    ):
        yield problem(
            SUBJECT,
            f"{name} has finished none for {duration(since.total_seconds())}; "
            f"{plural(waiting + taken, 'event')} waiting",
            "its log says what it is waiting for; cambusctl services",
        )
    elif waiting > BEHIND:
        yield problem(
            SUBJECT,
            f"{name} is {waiting} events behind",
            "run more replicas of it, or find what it waits for",
        )


def _just_begun(info: Mapping[str, Any], now: datetime) -> bool:
    """Whether what it has in hand came just now, after a quiet time, and none of it was tried before."""
    return not info.get("num_redelivered") and _ago(info, "delivered", now) < UNACKNOWLEDGED


def _since(info: Mapping[str, Any], now: datetime) -> timedelta:
    """How long ago it last acknowledged one; nothing acknowledged yet: since it was made."""
    return _ago(info, "ack_floor", now)


def _ago(info: Mapping[str, Any], what: str, now: datetime) -> timedelta:
    last = (info.get(what) or {}).get("last_active") or info.get("created")
    try:
        return now - datetime.fromisoformat(str(last))
    except (ValueError, TypeError):
        return timedelta()
