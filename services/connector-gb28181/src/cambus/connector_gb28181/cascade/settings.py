"""What links to upper platforms need of the machine they run on."""

from __future__ import annotations

from dataclasses import dataclass, field

from cambus.gb28181.times import Times
from cambus.sip.timers import Timers


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """Where we are, and how long things may take.

    Attributes:
        host: address to listen on for signalling.
        advertised: our address as upper platforms reach it; never a wildcard.
        media_host: address to listen on for media, and to send from; that of signalling where it is empty.
        media_advertised: our address for media, where it is another.
        media_ports: ports to send media from and to listen on; any free ones if empty.
        allow_loopback: let platforms that are not on this host send media to it; for tests.
        times: how long things may take.
        timers: of SIP transactions.
        settle_s: how long a change of the catalog waits for more, so that flaps collapse.
        feed_loss_s: without a picture after which a session is over.
        linger_s: how long a platform has to hang up once a recording is over.
        claim_ttl_s: how long a claim on a stream lives unrenewed.
        answer_s: how long a platform may take to answer an alarm.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a server listens where it is told, by default everywhere
    advertised: str = "127.0.0.1"
    media_host: str = ""
    media_advertised: str = ""
    media_ports: tuple[int, ...] = ()
    allow_loopback: bool = False
    times: Times = field(default_factory=Times)
    timers: Timers | None = None
    settle_s: float = 1.0
    feed_loss_s: float = 15.0
    linger_s: float = 10.0
    claim_ttl_s: float = 30.0
    answer_s: float = 10.0

    @property
    def media_listens(self) -> str:
        """Where media is sent from and listened for."""
        return self.media_host or self.host

    @property
    def media_reached(self) -> str:
        """What a platform is told of that."""
        return self.media_advertised or self.advertised
