"""A source that stands still: noticed once each time, told on the bus as `exception.reported`, `media-lost`."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.media_relay.key import StreamKey
from cambus.schemas import headers as header
from cambus.schemas.alarms import Severity
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events import exception
from cambus.schemas.ids import derived_event_id, new_ulid

log = logging.getLogger(__name__)

CODE: Final = "media-lost"
_WAITING: Final = 256  # events; a network that fails stalls every stream at once


class StallWatch:
    """Tells a stream that stands still from one that flows.

    Args:
        after_s: so long without a frame is a stall.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self.stalled = False
        self.stalls = 0

    def check(self, silent_s: float, *, expected: bool) -> bool:
        """Whether a stall begins now.

        Args:
            silent_s: since the last frame, or since frames were asked for.
            expected: whether there should be frames: somebody watches, and the device was made to send.
        """
        before = self.stalled
        self.stalled = expected and silent_s > self._after_s
        begins = self.stalled and not before
        self.stalls += begins
        return begins


class Stall(NamedTuple):
    """A source that stands still.

    Attributes:
        key: the stream.
        silent_s: for how long.
        last_wall_us: the wall clock of its last frame, microseconds since 1970 UTC; None if there was none.
    """

    key: StreamKey
    silent_s: float
    last_wall_us: int | None


class StallReports:
    """Publishes stalls. They are a hint, kept in no outbox: while NATS is away all streams stand still.

    The event's id is made of the last frame, so that of several replicas that serve a stream one is heard.

    Args:
        bus: the connection.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queue: asyncio.Queue[Stall] = asyncio.Queue(_WAITING)

    def report(self, stall: Stall) -> None:
        """Tell of a stall; returns at once."""
        if self._bus.connected and not self._queue.full():
            self._queue.put_nowait(stall)

    async def run(self) -> None:
        """Publish, until cancelled."""
        while True:
            event = event_of(await self._queue.get())
            subject = exception.REPORTED.subject(event.device)
            headers = {header.MESSAGE_ID: event.id, header.CONTENT_TYPE: MSGPACK}
            try:
                await self._bus.jetstream.publish(subject, encode(event, MSGPACK), headers=headers)
            except BusError as error:
                log.warning("a stall could not be told", extra={"device": event.device, "reason": str(error)})


def event_of(stall: Stall) -> exception.ExceptionReported:
    """The event that tells of a stall."""
    key, silent_s, last_wall_us = stall
    if last_wall_us is None:
        event_id = new_ulid()
    else:
        last = datetime.fromtimestamp(last_wall_us / 1e6, UTC)
        event_id = derived_event_id(last, CODE, key.device, key.channel, key.stream)
    return exception.ExceptionReported(
        id=event_id,
        device=key.device,
        at=datetime.fromtimestamp(time.time(), UTC),
        channel=key.channel,
        code=CODE,
        severity=Severity.MAJOR,
        text=f"no picture of {key.stream} for {silent_s:.0f} s",
        detail={"stream": key.stream, "silent_s": round(silent_s, 1)},
    )
