"""The events of one device, with what every event says filled in."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from cambus.client.errors import BusError
from cambus.schemas.alarms import Severity
from cambus.schemas.errors import CambusError
from cambus.schemas.events import exception as exception_events
from cambus.schemas.events.base import Event
from cambus.schemas.ids import new_ulid
from cambus.schemas.spec import EventSpec

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)

Publish = Callable[[EventSpec[Any], Event], Awaitable[Any]]
"""Makes an event durable: returns once the outbox or JetStream has it."""


class DeviceEvents:
    """Publishes the events of one device.

    Args:
        device: the device.
        protocol: the protocol it is heard over.
        publish: makes an event durable.
    """

    def __init__(self, device: str, protocol: str, publish: Publish) -> None:
        self.device = device
        self.protocol = protocol
        self._publish = publish

    async def publish(
        self, spec: EventSpec[E], *, event_id: str | None = None, at: datetime | None = None, **fields: Any
    ) -> E:
        """Build an event and make it durable.

        Args:
            spec: which.
            event_id: derived from the device's facts where the device identifies the occurrence; else a new one.
            at: when it was received; now if None.
            fields: the event's own fields.

        Raises:
            BusError: it could not be made durable.
        """
        event = spec.model(
            id=event_id or new_ulid(),
            device=self.device,
            protocol=self.protocol,
            at=at or datetime.now(UTC),
            **fields,
        )
        await self._publish(spec, event)
        return event

    async def tell(self, spec: EventSpec[Any], **fields: Any) -> None:
        """As `publish`, for what must not fail because of it: a failure is logged."""
        try:
            await self.publish(spec, **fields)
        except (BusError, CambusError, OSError) as error:
            logger.error(
                "event lost", extra={"device": self.device, "event_name": spec.name, "reason": str(error)}
            )

    async def exception(
        self,
        code: str,
        text: str,
        *,
        severity: Severity = Severity.MINOR,
        channel: int | None = None,
        device_time: datetime | None = None,
        **detail: Any,
    ) -> None:
        """Report that something about the device needs a look."""
        await self.tell(
            exception_events.REPORTED,
            code=code,
            text=text,
            severity=severity,
            channel=channel,
            device_time=device_time,
            detail=detail,
        )
