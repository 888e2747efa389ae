"""Who wants one live stream, and until when: a table without clock or I/O.

A claim lives for its time to live unless renewed, so a viewer that crashed is forgotten by itself. After the last
claim the stream is wanted for a linger more: somebody who closes one page and opens the next finds it running.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_CLAIMS = 1024
"""Claims one stream takes; a real stream has a handful (relays, recorders), more is somebody's mistake."""


class TooManyClaimsError(Exception):
    """The stream has as many claims as it takes."""


@dataclass(slots=True)
class ClaimTable:
    """The claims on one stream. All times are monotonic seconds, given by the caller.

    Attributes:
        linger_s: how long the stream is wanted after its last claim went.
        max_claims: how many there may be at once.
    """

    linger_s: float
    max_claims: int = MAX_CLAIMS
    _expiry: dict[str, float] = field(default_factory=dict)
    _linger_until: float | None = None

    def __len__(self) -> int:
        return len(self._expiry)

    @property
    def claimants(self) -> Iterable[str]:
        """Who holds a claim, in the order of their first claim."""
        return tuple(self._expiry)

    def claim(self, claimant: str, ttl_s: float, now: float) -> bool:
        """Claim, or claim again; True if this made the stream wanted (it had no claim and no linger).

        Raises:
            TooManyClaimsError: `max_claims` others hold one.
        """
        self.expire(now)
        if claimant not in self._expiry and len(self._expiry) >= self.max_claims:
            raise TooManyClaimsError(f"the stream has {self.max_claims} claims already")
        began = not self.wanted(now)
        self._expiry[claimant] = now + ttl_s
        self._linger_until = None
        return began

    def touch(self, claimant: str, ttl_s: float, now: float) -> bool:
        """Renew a claim; False if there is none (any more): the claimant has to start again."""
        self.expire(now)
        if claimant not in self._expiry:
            return False
        self._expiry[claimant] = now + ttl_s
        return True

    def release(self, claimant: str, now: float, *, linger: bool = True) -> bool:
        """Give a claim up; False if there was none. Without `linger` the stream is not kept for this one's sake."""
        self.expire(now)
        if self._expiry.pop(claimant, None) is None:
            return False
        if not self._expiry and linger:
            self._linger_until = now + self.linger_s
        return True

    def expire(self, now: float) -> list[str]:
        """Drop the claims that lapsed; return whose. The linger runs from the moment the last one lapsed."""
        lapsed = [claimant for claimant, expiry in self._expiry.items() if expiry <= now]
        last = max((self._expiry.pop(claimant) for claimant in lapsed), default=now)
        if lapsed and not self._expiry:
            self._linger_until = last + self.linger_s
        return lapsed

    def wanted(self, now: float) -> bool:
        """Whether the stream should run: somebody claims it, or did a moment ago."""
        self.expire(now)
        return bool(self._expiry) or (self._linger_until is not None and now < self._linger_until)

    def next_timeout(self) -> float | None:
        """When `wanted` is worth asking again without any call in between; None: never."""
        if self._expiry:
            return min(self._expiry.values())
        return self._linger_until
