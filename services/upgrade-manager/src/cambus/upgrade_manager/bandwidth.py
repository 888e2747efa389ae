"""The bandwidth that all campaigns share, whichever replicas run them.

What a transfer may take is fixed when it is ordered. So each is written down before, in one value that is changed by
compare-and-set, and struck out once its image is sent or its device's part is over: the sum of what was ordered never
exceeds the limit. What a replica that died had written down goes with the attempts it is about.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.commands.upgrade_manager import SharedBandwidth
from cambus.schemas.state.rollout import MIN_BYTES_PER_S, RolloutRules
from cambus.schemas.state.upgrades import TransferShares

ENTRY: Final = "{campaign}.{device}"


class NoRoom(Exception):
    """The transfers under way take all there is."""


class Bandwidth:
    """What all transfers together may take. Methods that wait raise BusError.

    Args:
        bus: the connection.
        limit: bytes per second; None: there is no limit, and nothing is written down.
        campaign: for whose devices it is asked.
        again_s: seconds until it is asked again where there was no room.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        bus: Bus,
        limit: int | None,
        campaign: str = "",
        again_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stored = KeyValue(bus, assets.KV_UPGRADES, TransferShares)
        self._limit = limit
        self._campaign = campaign
        self._again_s = again_s
        self._clock = clock
        self._full_until = clock()
        self._ours: set[str] | None = None
        self._turn = asyncio.Lock()

    @property
    def is_full(self) -> bool:
        """Whether there was no room just now."""
        return self._clock() < self._full_until

    def share_of(self, rules: RolloutRules) -> int | None:
        """What each transfer of a campaign may take; None for all it can get."""
        own = rules.share_bytes_per_s
        if self._limit is None:
            return own
        share = self._limit // min(rules.at_a_time, self._limit // MIN_BYTES_PER_S)
        return share if own is None else min(own, share)

    async def take(self, rules: RolloutRules, device: str) -> int | None:
        """Take what a transfer to a device needs; how fast it may go.

        Raises:
            NoRoom: others take too much; it is to be asked again later.
        """
        share = self.share_of(rules)
        if self._limit is None or share is None:
            return share
        async with self._turn:
            if self.is_full:
                raise NoRoom
            entry, limit = self._entry(device), self._limit

            def add(shares: dict[str, int]) -> dict[str, int]:
                others = {key: taken for key, taken in shares.items() if key != entry}
                if sum(others.values()) + share > limit:
                    raise NoRoom
                return others | {entry: share}

            try:
                await self._change(add)
            except NoRoom:
                self._full_until = self._clock() + self._again_s
                raise
            if self._ours is not None:
                self._ours.add(entry)
        return share

    async def keep(self, devices: Collection[str]) -> None:
        """Give back what the devices of this campaign had, but for these."""
        if self._limit is None:
            return
        async with self._turn:
            if self._ours is None:
                mine = self._entry("")
                self._ours = {key for key in await self.shares() if key.startswith(mine)}
            over = self._ours - {self._entry(device) for device in devices}
            if over:
                await self._change(lambda shares: {k: v for k, v in shares.items() if k not in over})
                self._ours -= over
                self._full_until = self._clock()

    async def shares(self) -> dict[str, int]:
        """What every transfer under way takes."""
        if self._limit is None:
            return {}
        entry = await self._stored.get(keys.TRANSFERS)
        return {} if entry is None else entry.value.bytes_per_s

    async def shared(self) -> SharedBandwidth | None:
        """How much of the limit is taken, for people; None where there is none."""
        if self._limit is None:
            return None
        shares = await self.shares()
        return SharedBandwidth(
            max_bytes_per_s=self._limit, taken_bytes_per_s=sum(shares.values()), transfers=len(shares)
        )

    async def prune(self, known: Collection[str], campaigns: Collection[str]) -> None:
        """Of what was known, drop what belongs to no campaign that goes on."""
        over = {key for key in known if key.partition(".")[0] not in campaigns}
        if over:
            await self._change(lambda shares: {k: v for k, v in shares.items() if k not in over})

    # --- inside -----------------------------------------------------------------------------------------

    def _entry(self, device: str) -> str:
        return ENTRY.format(campaign=self._campaign, device=device)

    async def _change(self, change: Callable[[dict[str, int]], dict[str, int]]) -> None:
        """Apply a change to what is stored at that moment."""
        while True:
            entry = await self._stored.get(keys.TRANSFERS)
            before = {} if entry is None else entry.value.bytes_per_s
            changed = change(before)
            if changed == before:
                return
            value = TransferShares(bytes_per_s=changed)
            try:
                if entry is None:
                    await self._stored.create(keys.TRANSFERS, value)
                else:
                    await self._stored.update(keys.TRANSFERS, value, entry.revision)
            except WrongRevision:
                continue
            return
