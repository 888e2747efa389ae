"""Who an agent is, and where it registers (§12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cambus.gb28181.versions import Version
from cambus.sip.digest import Algorithm

RETRY_S: Final = 60.0
MOST_REFUSALS: Final = 4
"""One less than has most platforms lock an account."""
LONGEST: Final = 30
"""The pauses after a refused password end at so many times the first one: half an hour."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Who it is, and where it registers.

    Attributes:
        code: its code.
        server_code: that of the platform.
        domain: the platform's SIP domain.
        server: host and port of the platform.
        password: for the digest.
        username: for the digest; its code where that is empty.
        tcp: whether to speak over TCP.
        host: address to listen on.
        port: UDP and TCP; 0 takes one that is free.
        advertised: host and port as the platform reaches it; empty for where it listens.
        advertised_host: the host alone, for a port that is not known beforehand.
        expires_s: for how long it registers at a time.
        keepalive_s: how often it says that it is there.
        version: the edition it announces; None announces none.
        charset: what it writes in.
        user_agent: what it calls itself.
        domain_uris: whether From and To name the domain, as recorders do, or addresses, as cameras do.
        with_qop: whether it takes up an offered qop.
        retry_s: how long it waits after a failed registration; see `pause_s`.
        signing: with what digest requests of both sides are signed, by the password; None for not at all (GB-277).
    """

    code: str
    server_code: str
    domain: str
    server: tuple[str, int]
    password: str = field(repr=False)
    username: str = ""
    tcp: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    advertised: str = ""
    advertised_host: str = ""
    expires_s: int = 3600
    keepalive_s: float = 60.0
    version: Version | None = None
    charset: str = "GB2312"
    user_agent: str = "Cambus"
    domain_uris: bool = False
    with_qop: bool = True
    retry_s: float = RETRY_S
    signing: Algorithm | None = None

    def pause_s(self, refusals: int = 0) -> float:
        """How long it waits after a failed registration, its password refused so often in a row (0: it was not).

        It doubles, and from `MOST_REFUSALS` on it is the longest: we are not to lock our own account.
        """
        if refusals >= MOST_REFUSALS:
            return self.retry_s * LONGEST
        return self.retry_s * 2.0 ** max(refusals - 1, 0)
