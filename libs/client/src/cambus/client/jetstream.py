"""What we use of JetStream's request API: publish with an awaited acknowledgement, and API calls."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cambus.client.errors import BusUnavailable, NoResponders, jetstream_error
from cambus.client.requests import Headers

if TYPE_CHECKING:
    from cambus.client.connection import Connection

API = "$JS.API"
EXPECTED_LAST_SUBJECT_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
MESSAGE_TTL = "Nats-TTL"
ROLLUP = "Nats-Rollup"
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class PubAck:
    """JetStream has stored the message (or had it already: `duplicate`)."""

    stream: str
    seq: int
    duplicate: bool


class JetStream:
    """JetStream through one connection."""

    def __init__(self, bus: "Connection") -> None:
        self._bus = bus

    async def publish(
        self, subject: str, data: bytes = b"", *, headers: Headers | None = None, timeout_s: float = TIMEOUT_S
    ) -> PubAck:
        """Publish into a stream and await its acknowledgement.

        Raises:
            WrongRevision: `Nats-Expected-Last-Subject-Sequence` was given and is another.
            JetStreamError: refused.
            BusUnavailable: no acknowledgement in time (it may be stored all the same), or no stream takes it.
        """
        try:
            message = await self._bus.request(subject, data, headers=headers, timeout_s=timeout_s)
        except NoResponders:
            raise BusUnavailable(f"no stream takes {subject}") from None
        answer = _parse(message.data)
        return PubAck(str(answer["stream"]), int(answer["seq"]), bool(answer.get("duplicate", False)))

    async def call(self, operation: str, body: Any = None, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """Call `$JS.API.<operation>` and return its answer.

        Raises:
            AssetNotFound: what it is about does not exist.
            JetStreamError: refused.
            BusUnavailable: no answer in time, or JetStream is not enabled.
        """
        data = b"" if body is None else json.dumps(body).encode()
        try:
            message = await self._bus.request(f"{API}.{operation}", data, timeout_s=timeout_s)
        except NoResponders:
            raise BusUnavailable("JetStream is not available") from None
        return _parse(message.data)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        raise BusUnavailable("JetStream answered something that is no JSON") from None
    if not isinstance(answer, dict):
        raise BusUnavailable("JetStream answered something that is no object")
    if "error" in answer:
        raise jetstream_error(answer["error"])
    return answer
