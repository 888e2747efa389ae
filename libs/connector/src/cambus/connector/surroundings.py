"""What all devices of one connector share: passed to each unit as one object."""

from dataclasses import dataclass, field

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.lease_history import LeaseHistory
from cambus.bus.metrics import Metrics
from cambus.connector.backoff import BackoffPolicy
from cambus.connector.credentials import CredentialStore
from cambus.connector.device_events import Publish
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.metrics import SessionMetrics
from cambus.connector.presence import PresenceBoard


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The shared parts of a connector.

    Attributes:
        protocol: its protocol.
        replica: its name.
        bus: the connection.
        endpoints: answers the commands of devices that are held there.
        credentials: the sealed accounts.
        board: writes presence.
        publish: makes an event durable.
        metrics: the service's registry.
        sessions: counts sessions.
        media: counts frames.
        backoff: the waits between attempts.
        linger_s: how long a live stream stays open after its last claim.
        connect_timeout_s: how long an attempt at a session may take.
        history: what is done under the leases, if it is to be kept.
    """

    protocol: str
    replica: str
    bus: Bus
    endpoints: Endpoints
    credentials: CredentialStore
    board: PresenceBoard
    publish: Publish
    metrics: Metrics
    sessions: SessionMetrics
    media: MediaMetrics
    backoff: BackoffPolicy
    linger_s: float = 10.0
    connect_timeout_s: float = 60.0
    history: LeaseHistory = field(default_factory=LeaseHistory)
