"""Which replica should hold which device, or which stream: 256 shards, spread by rendezvous hashing.

Every replica computes the same answer from the same list of members, without talking to the others. A member
that comes or goes moves only its own share: no shard changes hands between two members that stay.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from cambus.schemas.keys import SHARDS


def preferred_owner(shard: int, members: Iterable[str]) -> str | None:
    """Return the member that should hold `shard`: the one of the greatest weight; None without members."""
    return max(members, key=lambda member: (_weight(shard, member), member), default=None)


def share_of(member: str, members: Iterable[str]) -> frozenset[int]:
    """Return the shards `member` should hold when exactly `members` are alive."""
    alive = tuple(members)
    return frozenset(shard for shard in range(SHARDS) if preferred_owner(shard, alive) == member)


@lru_cache(maxsize=64 * SHARDS)
def _weight(shard: int, member: str) -> bytes:
    return blake2b(member.encode(), digest_size=8, key=shard.to_bytes(2), person=b"cambus-rdv").digest()
