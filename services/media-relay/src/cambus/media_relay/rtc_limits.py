"""How many WebRTC viewers there may be, and how long they may take."""

from dataclasses import dataclass, field

from cambus.media_relay.pacer import Pacing
from cambus.media_relay.viewer import ViewerLimits


@dataclass(frozen=True, slots=True)
class RtcLimits:
    """How many, and how long.

    Attributes:
        viewers: sessions at a time; 0 switches WebRTC off.
        connect_timeout_s: from the answer to the end of the DTLS handshake.
        start_timeout_s: how long a viewer waits for the stream.
        viewer: how far behind he may fall.
        pacing: how fast he is sent to at best.
    """

    viewers: int = 50
    connect_timeout_s: float = 15.0
    start_timeout_s: float = 10.0
    viewer: ViewerLimits = field(default_factory=ViewerLimits)
    pacing: Pacing = field(default_factory=Pacing)
