"""How JetStream is, as metrics: what streams hold, whether copies are in step, how far consumers are behind.

Asked over the bus, so that it is true of a cluster as well, whichever server one is connected to, and nobody needs
the monitoring port of each. One or two services do that for all; a dashboard takes the highest of what they say.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cambus.bus.assets import configurations
from cambus.bus.connection import Bus
from cambus.client.errors import AssetNotFound, BusError
from cambus.schemas import assets

logger = logging.getLogger(__name__)

PERIOD_S: Final = 15.0
STREAMS: Final = tuple(config["name"] for config in configurations(1))
CONSUMERS: Final = ("alarm-router", "upgrade-manager")
CASCADE: Final = "cascade"
"""The durables of links to upper platforms, each named after its link, counted as one."""
COPIES: Final = ("current", "behind", "away")
PAGES: Final = 20


class JetStreamWatch:
    """Asks JetStream from time to time.

    Args:
        bus: the connection; its user may call `INFO`, `STREAM.INFO` of every asset and `CONSUMER.LIST` of the events
            (`permissions.watches_jetstream`).
        period_s: seconds between two looks.
    """

    def __init__(self, bus: Bus, *, period_s: float = PERIOD_S) -> None:
        self._bus = bus
        self._period_s = period_s
        metrics = bus.metrics
        by_stream = {"stream": STREAMS}
        self._up = metrics.gauge("jetstream_up", "1 while JetStream answers")()
        self._used = metrics.gauge(
            "jetstream_storage_bytes", "Bytes of all streams, each counted once a copy"
        )()
        self._limit = metrics.gauge(
            "jetstream_storage_limit_bytes", "Bytes they may take; -1: no limit is set"
        )()
        self._stream_up = metrics.gauge(
            "jetstream_stream_up",
            "1 if the stream answers: it is there, and has a leader",
            by_stream,
            at_zero=False,
        )
        self._bytes = metrics.gauge(
            "jetstream_stream_bytes", "Bytes a stream holds", by_stream, at_zero=False
        )
        self._bound = metrics.gauge(
            "jetstream_stream_limit_bytes", "Bytes a stream may hold", by_stream, at_zero=False
        )
        self._messages = metrics.gauge(
            "jetstream_stream_messages", "Messages a stream holds", by_stream, at_zero=False
        )
        self._copies = metrics.gauge(
            "jetstream_stream_copies",
            "Copies of a stream beside that of its leader, by how they are",
            {**by_stream, "state": COPIES},
            at_zero=False,
        )
        by_consumer = {"consumer": (*CONSUMERS, CASCADE)}
        self._pending = metrics.gauge(
            "jetstream_consumer_pending_events",
            "Events a durable has not been given yet",
            by_consumer,
            at_zero=False,
        )
        self._unfinished = metrics.gauge(
            "jetstream_consumer_unfinished_events",
            "Events it was given and has not ended",
            by_consumer,
            at_zero=False,
        )

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._period_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads requests, no secret

    async def look(self) -> None:
        """Look once. What does not answer is counted as such."""
        try:
            account = await self._bus.jetstream.call("INFO")
        except BusError as error:
            logger.debug("JetStream does not answer", extra={"reason": str(error)})
            self._up.set(0)
            return
        self._up.set(1)
        self._used.set(int(account.get("storage", 0)))
        self._limit.set(int(account.get("limits", {}).get("max_storage", -1)))
        await asyncio.gather(*(self._look_at(name) for name in STREAMS), self._look_at_consumers())

    async def _look_at(self, name: str) -> None:
        try:
            info = await self._bus.jetstream.call(f"STREAM.INFO.{name}")
        except BusError as error:
            logger.debug("a stream does not answer", extra={"stream": name, "reason": str(error)})
            self._stream_up(name).set(0)
            return
        self._stream_up(name).set(1)
        self._bytes(name).set(int(info["state"]["bytes"]))
        self._messages(name).set(int(info["state"]["messages"]))
        self._bound(name).set(int(info["config"].get("max_bytes", -1)))
        for state, count in copies(info).items():
            self._copies(name, state).set(count)

    async def _look_at_consumers(self) -> None:
        found: list[dict[str, Any]] = []
        try:
            for _ in range(PAGES):
                page = await self._bus.jetstream.call(
                    f"CONSUMER.LIST.{assets.STREAM_EVENTS}", {"offset": len(found)}
                )
                consumers = page.get("consumers") or []
                found += consumers
                if not consumers or len(found) >= int(page.get("total", 0)):
                    break
        except AssetNotFound:
            pass
        except BusError as error:
            logger.debug("consumers are not told", extra={"reason": str(error)})
            return
        for name, (pending, unfinished) in backlogs(found).items():
            self._pending(name).set(pending)
            self._unfinished(name).set(unfinished)


def copies(info: Mapping[str, Any]) -> dict[str, int]:
    """How many of a stream's other copies are in step, behind and away, from what JetStream says of it."""
    count = dict.fromkeys(COPIES, 0)
    for copy in (info.get("cluster") or {}).get("replicas") or []:
        state = "away" if copy.get("offline") else "current" if copy.get("current") else "behind"
        count[state] += 1
    return count


def backlogs(consumers: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """How many events each durable has not been given, and was given and has not ended.

    Those without a durable name are people who look on; nobody waits for them.
    """
    found: dict[str, tuple[int, int]] = dict.fromkeys(CONSUMERS, (0, 0))
    for each in consumers:
        name = str((each.get("config") or {}).get("durable_name") or "")
        if not name:
            continue
        kind = CASCADE if name.startswith(f"{CASCADE}-") else name
        pending, unfinished = found.get(kind, (0, 0))
        found[kind] = (
            pending + int(each.get("num_pending", 0)),
            unfinished + int(each.get("num_ack_pending", 0)),
        )
    return found
