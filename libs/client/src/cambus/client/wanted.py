"""Which events are wanted, and how many there have been."""

from collections.abc import Iterable

from cambus.client.connection import Connection
from cambus.schemas import assets, subjects
from cambus.schemas.catalog import EVENTS


def wanted_subjects(devices: Iterable[str], types: Iterable[str]) -> list[str]:
    """Return the subjects of the events of some devices (none: all) and of some types (none: all).

    A type is an event's name (`alarm.raised`) or the first half of it (`alarm`, `alarm.*`).

    Raises:
        ValueError: there is no such event, or a device id that is none.
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
            raise ValueError(f"there is no event {wanted!r}; there are {', '.join(EVENTS)}")
    whole = {noun for noun, past in pairs if past == ">"}
    kept = sorted(pair for pair in pairs if pair[1] == ">" or pair[0] not in whole) or [("*", ">")]
    return [
        subjects.events(device, noun, past)
        for device in dict.fromkeys(devices or ["*"])
        for noun, past in kept
    ]


async def last_sequence(connection: Connection) -> int:
    """The number of the newest event. Raises AssetNotFound, BusError."""
    state = (await connection.jetstream.call(f"STREAM.INFO.{assets.STREAM_EVENTS}"))["state"]
    return int(state["last_seq"])
