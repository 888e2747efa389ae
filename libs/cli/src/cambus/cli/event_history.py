"""Which events are wanted, and reading those that happened already."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from cambus.bus.connection import Bus
from cambus.bus.ordered import OrderedReader
from cambus.bus.received import ReceivedEvent, read_event
from cambus.cli.failures import UsageError
from cambus.schemas import assets, subjects
from cambus.schemas.catalog import EVENTS
from cambus.schemas.errors import CambusError


def wanted_subjects(devices: Iterable[str], types: Iterable[str]) -> list[str]:
    """Return the subjects of the events of some devices (none: all) and of some types (none: all).

    A type is an event's name (`alarm.raised`) or the first half of it (`alarm`, `alarm.*`).

    Raises:
        UsageError: there is no such event, or a device id that is none.
    """
    nouns = {name.partition(".")[0] for name in EVENTS}
    pairs: set[tuple[str, str]] = set()
    for wanted in types:
        noun, _, past = wanted.partition(".")
        if past in {"", "*"} and noun in nouns:
            pairs.add((noun, ">"))
        elif wanted in EVENTS:
            pairs.add((noun, past))
        else:
            raise UsageError(f"there is no event {wanted!r}; there are {', '.join(EVENTS)}")
    whole = {noun for noun, past in pairs if past == ">"}
    kept = sorted(pair for pair in pairs if pair[1] == ">" or pair[0] not in whole) or [("*", ">")]
    try:
        return [
            subjects.events(device, noun, past)
            for device in dict.fromkeys(devices or ["*"])
            for noun, past in kept
        ]
    except ValueError as error:
        raise UsageError(str(error)) from None


async def history(bus: Bus, wanted: Sequence[str], since: datetime) -> AsyncIterator[ReceivedEvent]:
    """Yield the events that were stored since an instant, oldest first; ends with the last there is.

    Raises:
        AssetNotFound: there is no stream of events.
        BusError: NATS refuses, or the connection is lost.
    """
    start = {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat()}
    async with OrderedReader(bus, assets.STREAM_EVENTS, wanted, start=start) as reader:
        pending = reader.initial_pending
        while pending:
            stored = await anext(reader)
            pending = stored.pending
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


async def last_sequence(bus: Bus) -> int:
    """The number of the newest event. Raises AssetNotFound, BusError."""
    state = (await bus.jetstream.call(f"STREAM.INFO.{assets.STREAM_EVENTS}"))["state"]
    return int(state["last_seq"])
