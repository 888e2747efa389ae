"""Who a platform is, and how it behaves."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from cambus.gb28181.admission import AdmissionSettings
from cambus.gb28181.registrar import RegistrarSettings
from cambus.gb28181.times import Times
from cambus.sip.message import Request


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """Who we are, and how we behave.

    Attributes:
        registrar: how devices register.
        domain: our SIP domain, ten digits.
        host: address to listen on.
        port: UDP and TCP; 0 takes one that is free.
        advertised: host and port as devices reach us; empty for where we listen. Never a wildcard (GB-023).
        user_agent: what we call ourselves.
        nonce_key: shared by the replicas; random if empty.
        times: how long things may take.
        charset: what to write to every device and to read from it; None writes what its edition has, and reads what
            its bytes show.
        admission: how much is let in at a time.
        tls: with it, the port speaks TLS, and neither UDP nor plain TCP (GB-029).
        adorn: puts further headers into a request outside a dialog to a device, which it gets the code of.
        keeps_alarms: alarms are acknowledged once whoever is told says that they are kept, see `Told.taken`.
    """

    registrar: RegistrarSettings
    domain: str
    host: str = "127.0.0.1"
    port: int = 0
    advertised: str = ""
    user_agent: str = "Cambus"
    nonce_key: bytes = field(default=b"", repr=False)
    times: Times = field(default_factory=Times)
    charset: str | None = None
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    tls: ssl.SSLContext | None = None
    adorn: Callable[[Request, str], None] = lambda _request, _device: None
    keeps_alarms: bool = False

    @property
    def code(self) -> str:
        """Our code."""
        return self.registrar.server_code
