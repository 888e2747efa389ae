"""What takes a device longer than an answer may: restarts, upgrades, pictures, cards (§10)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from cambus.gb28181.manscdp.config import SnapshotConfig
from cambus.gb28181.manscdp.control import UpgradeOrder
from cambus.gb28181.manscdp.notices import SnapshotFiles, SnapshotsFinished, UpgradeResult
from cambus.simulators.gb28181.transfers import fetch_firmware, upload_pictures

if TYPE_CHECKING:
    from cambus.simulators.gb28181.simulator import Gb28181Simulator


class Acting:
    """Does what one device is told to.

    Args:
        sim: the device.
    """

    def __init__(self, sim: Gb28181Simulator) -> None:
        self._sim = sim

    def reboot(self) -> None:
        """Restart."""
        self._sim.reboot()

    def beat(self, seconds: int) -> None:
        """Say that it is there this often."""
        self._sim.beat(seconds)

    def upgrade(self, order: UpgradeOrder) -> None:
        """Fetch firmware, restart, and tell how it went."""
        self._sim.own(self._upgrade(order))

    async def _upgrade(self, order: UpgradeOrder) -> None:
        outcome = self._sim.quirks.upgrade
        fetched = await fetch_firmware(order.url or "")
        reason = "01" if fetched is None else outcome if outcome.isdigit() else None
        if fetched is not None:
            self._sim.fetched.append(fetched)
        result = UpgradeResult(order.session, reason is None, order.firmware, reason)
        if reason is not None:
            self._sim.tell(result)
            return
        if self._sim.quirks.upgrade_result_first:
            await self._sim.agent.send(self._sim.body(result))
        self._sim.device.firmware = order.firmware or self._sim.device.firmware
        await self._sim.restart()
        await self._sim.agent.registered.wait()
        if not self._sim.quirks.upgrade_result_first and outcome != "silent":
            await self._sim.agent.send(self._sim.body(result))

    def take_pictures(self, code: str, order: SnapshotConfig) -> None:
        """Take pictures, upload them, and tell their names."""
        self._sim.own(self._take_pictures(code, order))

    async def _take_pictures(self, code: str, order: SnapshotConfig) -> None:
        camera = self._sim.device.camera(code)
        names = await upload_pictures(order, camera.code, camera.number, self._sim.quirks)
        self._sim.uploaded += names
        await self._sim.agent.send(
            self._sim.body(SnapshotsFinished(order.session, SnapshotFiles(tuple(names))), camera.code)
        )

    def format_card(self, number: int) -> None:
        """Format one card, or with 0 all of them."""
        self._sim.own(self._format(number))

    async def _format(self, number: int) -> None:
        cards = self._sim.device.cards
        wanted = [at for at, card in enumerate(cards) if number in {0, card.number}]
        for at in wanted:
            cards[at] = replace(cards[at], status="formatting", progress=0)
        self._sim.changed()
        await asyncio.sleep(self._sim.quirks.format_s)
        for at in wanted:
            cards[at] = replace(cards[at], status="ok", progress=None, free_mb=cards[at].capacity_mb)
