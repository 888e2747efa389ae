"""An event as a consumer gets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cambus.schemas import headers as header
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import decode
from cambus.schemas.events.base import Event
from cambus.schemas.subjects import parse_event

MAX_EVENT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event out of the stream.

    Attributes:
        name: which one, `alarm.raised`.
        event: the event itself; for a name that is not in the catalog only what every event says.
        subject: where it was published.
        headers: its headers.
        data: its body, as received.
        seq: its number in the stream.
        attempts: how often it was handed to this consumer, this time included.
        stored: when it reached the stream.
    """

    name: str
    event: Event
    subject: str
    headers: Mapping[str, str]
    data: bytes
    seq: int
    attempts: int
    stored: datetime

    @property
    def device(self) -> str:
        """The device it happened on."""
        return self.event.device


def read_event(
    subject: str, data: bytes, headers: Mapping[str, str], *, seq: int, attempts: int, timestamp_ns: int
) -> ReceivedEvent:
    """Decode an event.

    Raises:
        ValueError: the subject is none of an event.
        BadRequest, TooLarge: the body is not what the catalog says.
    """
    where = parse_event(subject)
    name = f"{where.noun}.{where.past}"
    spec = EVENTS.get(name)
    model = Event if spec is None else spec.model
    event = decode(model, data, headers.get(header.CONTENT_TYPE), limit=MAX_EVENT_BYTES)
    stored = datetime.fromtimestamp(timestamp_ns / 1e9, UTC)
    return ReceivedEvent(name, event, subject, headers, data, seq, attempts, stored)
