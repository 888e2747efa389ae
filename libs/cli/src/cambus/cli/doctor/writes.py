"""Whether JetStream takes what is written to it: on a full disk it answers every question, and stores nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from cambus.cli.doctor.finding import Finding, problem
from cambus.cli.formatting import duration
from cambus.client.discovery import Instance
from cambus.schemas import assets

LEASES: Final = f"KV_{assets.KV_LEASES}"
WRITERS: Final = ("connector-", "recorder")
"""Services each replica of which writes to the leases five times in the time of a lease, to say that it lives."""

SILENT_S: Final = 75.0
"""The longest lease there may be is renewed each minute."""


def check_writes(streams: Mapping[str, Mapping[str, Any]], instances: Iterable[Instance]) -> list[Finding]:
    """Whether those who run could say so: when the leases were last written to, by the clock of NATS alone."""
    alive = [each.id for each in instances if each.name.startswith(WRITERS)]
    info = streams.get(LEASES)
    if not alive or info is None:
        return []
    try:
        told = datetime.fromisoformat(str(info.get("ts")))
        written = datetime.fromisoformat(str(info["state"].get("last_ts")))
    except ValueError:
        return []
    silent_s = (told - written).total_seconds()
    if written.year == 1 or silent_s < SILENT_S:
        return []
    return [
        problem(
            "JetStream",
            f"stores nothing: no lease was renewed for {duration(silent_s)}, though {alive[0]} runs; "
            "devices are let go, nothing is recorded, events wait",
            "is its disk full? the log of nats-server says `no space left`: make room, then restart nats-server",
        )
    ]
