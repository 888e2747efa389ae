"""Where a registered device is reached, and until when (GB/T 28181-2022 §9.1, GB-045 to GB-047, GB-055)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.versions import Version
from cambus.sip.peer import Peer


@dataclass(frozen=True, slots=True)
class Binding:
    """What a registration has set down; only another one that proves itself changes it.

    Attributes:
        code: the device.
        peer: where requests to it go: the source of its REGISTER, or the connection it came on.
        contact: what it said of itself; for people only.
        expires_at: wall clock, in seconds.
        registered_at: wall clock, in seconds, of the first of an unbroken row of registrations.
        call_id: of its REGISTER.
        user_agent: its software, as it says.
        version: the edition it speaks.
        charset: what is to be written to it in, if that was set.
    """

    code: str
    peer: Peer
    contact: str
    expires_at: float
    registered_at: float
    call_id: str = ""
    user_agent: str = ""
    version: Version = Version.GB2016
    charset: str | None = None

    def is_source(self, peer: Peer) -> bool:
        """Whether something came from where the device is (§3.3): the same address, or the same connection."""
        if peer.transport != self.peer.transport:
            return False
        if peer.transport == "udp":
            return (peer.host, peer.port) == (self.peer.host, self.peer.port)
        return peer.connection == self.peer.connection

    def to_json(self) -> dict[str, Any]:
        """For a store that outlives us; without the number of the connection, which does not."""
        values = asdict(self)
        values["version"] = self.version.value
        values["peer"] = list(self.peer[:3])
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What a store has kept. Raises ProtocolError."""
        try:
            host = values["peer"]
            known = {key: values[key] for key in cls.__slots__ if key in values}
            known["peer"] = Peer(str(host[0]), str(host[1]), int(host[2]))
            known["version"] = Version(values.get("version", Version.GB2016.value))
            return cls(**known)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ProtocolError(f"no binding: {error}") from None
