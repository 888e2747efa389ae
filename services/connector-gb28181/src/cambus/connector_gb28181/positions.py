"""Where a device, or what is behind it, says it is or looks: one event for each position (GB-208, GB-209)."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cambus.connector_gb28181.mapping.positions import position_fields, when
from cambus.connector_gb28181.mapping.ptz import position_reply
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.positions import positions
from cambus.gb28181.manscdp.ptz_state import PtzPositionNotice
from cambus.schemas.events import position as position_events
from cambus.schemas.ids import derived_event_id

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession


async def report_positions(session: "GbSession", envelope: Envelope) -> None:
    """Publish the positions in a message; one told twice, by MESSAGE and by NOTIFY, is one event.

    Raises:
        ProtocolError: it is unreadable.
    """
    device = session.device
    time = envelope.element.get("Time")
    for position in positions(envelope):
        fields = position_fields(position, time, session.channels, device.options.zone)
        facts = (position.code or session.code, position.longitude or 0.0, position.latitude or 0.0)
        received = datetime.now(UTC)
        event_id = derived_event_id(when(fields, received), device.id, "position", *map(repr, facts))
        await device.context.events.tell(position_events.REPORTED, event_id=event_id, at=received, **fields)


async def report_view(session: "GbSession", envelope: Envelope) -> None:
    """Publish where a camera looks. Raises ProtocolError: it is unreadable."""
    await session.device.context.events.tell(
        position_events.REPORTED,
        channel=session.channels.channel_of(envelope.code),
        view=position_reply(PtzPositionNotice.parse(envelope)),
        native={"DeviceID": text(envelope.code, 64)},
    )
