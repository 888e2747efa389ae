"""The names of the message headers that Cambus reads and writes."""

from typing import Final

CONTENT_TYPE: Final = "Content-Type"
"""`application/msgpack` or `application/json`; the answer comes in kind."""

MESSAGE_ID: Final = "Nats-Msg-Id"
"""The event id; JetStream drops a second message with the same one inside its duplicate window."""

TRACEPARENT: Final = "traceparent"
"""W3C Trace Context, passed through from command to event."""

DEADLINE_MS: Final = "Cambus-Deadline-Ms"
"""The remaining budget of a command in milliseconds, at the moment of sending."""

CALLER: Final = "Cambus-Caller"
"""Who asks, in the caller's own words: for the audit log, and no proof of anything."""

ON_BEHALF_OF: Final = "Cambus-On-Behalf-Of"
"""Who is behind the caller, in the words of a system that passes a command on: handed on, and no proof of anything."""

PREFERRED_PATH: Final = "Cambus-Preferred-Path"
"""By which systems below the device a stream is wanted, nearest first, with `-` between; handed on."""

OWNER: Final = "Cambus-Owner"
"""On a reply: the replica that holds the device."""

EPOCH: Final = "Cambus-Epoch"
"""On a reply: the lease revision under which that replica holds the device; it rises with every new owner."""

RETRY_FOR: Final = "Cambus-Retry-For"
"""On an event that is in the stream again: the one durable consumer it is for; the others have had it."""

SERVICE_ERROR: Final = "Nats-Service-Error"
"""The text of a failed reply, by the NATS service convention (ADR-32)."""

SERVICE_ERROR_CODE: Final = "Nats-Service-Error-Code"
"""The code of a failed reply, by the NATS service convention (ADR-32)."""

OFFSET: Final = "Cambus-Offset"
"""On a chunk of a bulk transfer: where in the whole its first byte is."""
