"""The numbers (SSRC) of media sessions: replicas never give out the same (GB-148).

The numbers of a SIP domain are divided into shares. A replica holds the lease of one of them while it sets sessions up,
and gives out numbers of no other.
"""

import asyncio
import logging
from typing import Final

from cambus.bus.leases import LeaseKeeper
from cambus.client.errors import BusError
from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_session import MediaSessions
from cambus.gb28181.ssrc import SsrcPool
from cambus.schemas import keys

logger = logging.getLogger(__name__)

RETRY_S: Final = 1.0


class NoNumbers(SsrcPool):
    """What there is without a share."""

    def take(self, now: float, *, history: bool) -> int:  # noqa: ARG002 - as every pool
        """None is given out."""
        raise MediaError("ssrc-exhausted", "this replica holds no share of the session numbers")


class NumbersOf(SsrcPool):
    """The numbers media sessions are given now, for what is none: our sound on its way to a device.

    Args:
        media: the media sessions.
    """

    def __init__(self, media: MediaSessions) -> None:
        super().__init__(media.platform.settings.domain)
        self._media = media
        self._taken: dict[int, SsrcPool] = {}

    def take(self, now: float, *, history: bool) -> int:
        """A number nobody else has. Raises MediaError `ssrc-exhausted`."""
        pool = self._media.ssrcs
        ssrc = pool.take(now, history=history)
        self._taken[ssrc] = pool
        return ssrc

    def give_back(self, ssrc: int, now: float) -> None:
        """It is not needed any more."""
        pool = self._taken.pop(ssrc, None)
        if pool is not None:
            pool.give_back(ssrc, now)


class SessionNumbers:
    """Gives the media sessions of this replica the numbers of a share nobody else has.

    Args:
        leases: keeps the lease.
        media: the media sessions.
        domain: our SIP domain.
        shares: how many shares there are: as many replicas can set sessions up.
        wide: use all digits, which gives a hundred thousand times more numbers than the standard.
    """

    def __init__(
        self, leases: LeaseKeeper, media: MediaSessions, domain: str, *, shares: int, wide: bool
    ) -> None:
        self._leases = leases
        self._media = media
        self._domain = domain
        self._shares = shares
        self._wide = wide
        self._pools: dict[int, SsrcPool] = {}
        self._over = False
        media.ssrcs = NoNumbers(domain)

    async def run(self) -> None:
        """Hold a share until released, another one whenever it was lost."""
        while not self._over:
            share = await self._take()
            if share is None:
                logger.warning("no share of the session numbers is free", extra={"shares": self._shares})
                await asyncio.sleep(RETRY_S)
                continue
            lease = self._leases.held.get(self._key(share))
            if lease is not None:
                self._media.ssrcs = self._pool(share)
                await lease.lost.wait()
                self._media.ssrcs = NoNumbers(self._domain)

    async def release(self) -> None:
        """No more sessions are set up here: another replica may have the share."""
        self._over = True
        self._media.ssrcs = NoNumbers(self._domain)
        for share in range(self._shares):
            await self._leases.release(self._key(share))

    async def _take(self) -> int | None:
        """The number of a share that is ours now."""
        for share in range(self._shares):
            try:
                if await self._leases.acquire(self._key(share)) is not None:
                    return share
            except BusError as error:
                logger.info("no share of the session numbers yet", extra={"reason": str(error)})
                return None
        return None

    def _pool(self, share: int) -> SsrcPool:
        """The numbers of a share; those in use stay so when the share comes back."""
        if share not in self._pools:
            self._pools[share] = SsrcPool(self._domain, share=(share, self._shares), wide=self._wide)
        return self._pools[share]

    def _key(self, share: int) -> str:
        return keys.ssrc_lease(self._domain, share)
