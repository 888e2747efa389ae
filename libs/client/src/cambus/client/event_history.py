"""Events that happened already, read from the stream of events: as far back as that is kept."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from cambus.client.connection import Connection
from cambus.client.ordered import OrderedReader
from cambus.client.received import ReceivedEvent, read_event
from cambus.schemas import assets
from cambus.schemas import headers as header
from cambus.schemas.errors import CambusError


async def stored_events(
    bus: Connection,
    subjects: Sequence[str],
    since: datetime,
    *,
    until: datetime | None = None,
    most: int | None = None,
) -> AsyncIterator[ReceivedEvent]:
    """Yield the events that were stored from an instant on, oldest first; ends with the last there is.

    Those nobody can read are left out.

    Args:
        bus: the connection.
        subjects: of the events that are wanted.
        since: the instant.
        until: end with what was stored then.
        most: read no more than so many.

    Raises:
        AssetNotFound: there is no stream of events.
        BusError: NATS refuses, or the connection is lost.
    """
    start = {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat()}
    async with OrderedReader(bus, assets.STREAM_EVENTS, subjects, start=start) as reader:
        left = reader.initial_pending
        read = 0
        while left and read != most:
            stored = await anext(reader)
            left, read = stored.pending, read + 1
            if until is not None and stored.timestamp_ns > until.timestamp() * 1e9:
                return
            if header.RETRY_FOR in stored.headers:
                continue  # told before
            try:
                yield read_event(
                    stored.subject,
                    stored.data,
                    stored.headers,
                    seq=stored.seq,
                    attempts=1,
                    timestamp_ns=stored.timestamp_ns,
                )
            except (CambusError, ValueError):
                continue
