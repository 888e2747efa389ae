"""Following events as they happen, for people and screens: in order, nothing acknowledged, nothing kept."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from cambus.client.connection import Connection
from cambus.client.errors import BusUnavailable
from cambus.client.ordered import NEW, OrderedReader, ReaderInterrupted, from_instant, from_sequence
from cambus.client.received import ReceivedEvent, read_event
from cambus.schemas import assets, subjects
from cambus.schemas import headers as header
from cambus.schemas.errors import CambusError

logger = logging.getLogger(__name__)

RETRY_S = 0.5


async def follow(
    bus: Connection,
    wanted: Sequence[str] = (subjects.EVENTS,),
    *,
    after_seq: int | None = None,
    since: datetime | None = None,
    on_open: Callable[[int], None] = lambda _: None,
    stream: str = assets.STREAM_EVENTS,
) -> AsyncIterator[ReceivedEvent]:
    """Yield events, without end; goes on where it was after a reconnect or a restart of NATS.

    Args:
        bus: the connection.
        wanted: which, as subjects or wildcards.
        after_seq: begin behind this number of the stream, as far as it is still there; None: from now on.
        on_open: told how many events there are to read, whenever reading begins.
        since: begin with what was stored at that instant or later, unless `after_seq` says where.
        stream: where they are kept.

    Raises:
        AssetNotFound: there is no such stream.
    """
    last = after_seq
    first = NEW if since is None else from_instant(since)
    while True:
        reader = OrderedReader(bus, stream, wanted, start=first if last is None else from_sequence(last + 1))
        try:
            async with reader:
                on_open(reader.initial_pending)
                last = reader.starts_after if last is None else last
                async for message in reader:
                    last = message.seq
                    if header.RETRY_FOR in message.headers:
                        continue  # told before
                    try:
                        received = read_event(
                            message.subject,
                            message.data,
                            message.headers,
                            seq=message.seq,
                            attempts=1,
                            timestamp_ns=message.timestamp_ns,
                        )
                    except (CambusError, ValueError) as error:
                        facts = {"seq": message.seq, "reason": str(error)}
                        logger.warning("an event that cannot be read", extra=facts)
                        continue
                    yield received
        except (ReaderInterrupted, BusUnavailable) as error:
            logger.debug("following anew", extra={"reason": str(error)})
            await asyncio.sleep(RETRY_S if isinstance(error, BusUnavailable) else 0)
        while not bus.connected:
            try:
                await bus.wait_connected(60.0)
            except BusUnavailable:
                continue
