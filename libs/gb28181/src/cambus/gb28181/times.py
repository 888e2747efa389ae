"""How long things may take; all of it can be set (§14)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cambus.gb28181.catalog_assembly import AssemblyTimes
from cambus.gb28181.record_assembly import RecordTimes


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds.

    Attributes:
        request_s: until a device has answered a request at all.
        control_s: from there until the result of a control.
        query_s: from there until the result of a query.
        config_gap_s: between two blocks of a configuration.
        invite_s: until an INVITE has been answered.
        first_media_s: from there until the first packet.
        media_loss_s: without a packet after which a session is over.
        broadcast_answer_s: until a device has answered a Broadcast.
        broadcast_invite_s: from there until its INVITE.
        catalog: of catalogs.
        records: of lists of recordings.
    """

    request_s: float = 32.0
    control_s: float = 5.0
    query_s: float = 10.0
    config_gap_s: float = 5.0
    invite_s: float = 15.0
    first_media_s: float = 10.0
    media_loss_s: float = 10.0
    broadcast_answer_s: float = 5.0
    broadcast_invite_s: float = 10.0
    catalog: AssemblyTimes = field(default_factory=AssemblyTimes)
    records: RecordTimes = field(default_factory=RecordTimes)
