"""Devices that report one alarm after the other, each until they are told that it was heard."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from alarm_ledger import AlarmLedger, Report

from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.gb28181.simulator import Gb28181Simulator

DOORS: Final = ("DoorA", "DoorB")
RETELL_S: Final = 1.0
FIRST_TYPE: Final = 100


class DvripFlood:
    """A DVRIP recorder whose doors open and close.

    Its clock shows another second with each report, which is how the receiver knows them apart.

    Args:
        device: its id.
        ledger: where it is written down.
        pause_s: between a report that was heard and the next.
    """

    def __init__(self, device: str, ledger: AlarmLedger, pause_s: float) -> None:
        self.device = device
        self._ledger = ledger
        self._pause_s = pause_s
        self._began = datetime.now(UTC).replace(microsecond=0)
        self._number = 0
        self.simulator: DvripSimulator

    def clock(self) -> datetime:
        """For the simulator."""
        return self._began + timedelta(seconds=self._number)

    def number_of(self, device_time: str) -> int:
        """Which report has this time."""
        return round((datetime.fromisoformat(device_time) - self._began).total_seconds())

    async def run(self, enough: asyncio.Event) -> None:
        """Report until it is enough, and the last one is heard."""
        for self._number in count(1):
            if enough.is_set():
                return
            turn, opens = divmod(self._number - 1, 2)
            door, what = DOORS[turn % len(DOORS)], "cleared" if opens else "raised"
            await self._report((self.device, door, self._number, what), "Stop" if opens else "Start")
            await asyncio.sleep(self._pause_s)

    async def _report(self, report: Report, status: str) -> None:
        heard = False
        while not heard:
            heard = await self._told(report, status)

    async def _told(self, report: Report, status: str) -> bool:
        """Tell whoever listens; whether one of them has said that it was heard before all of them were gone."""
        simulator = self.simulator
        await simulator.wait_for(lambda: any(each.guarded for each in simulator.sessions), 600)
        self._ledger.tell(report)
        simulator.raise_alarm(report[1], 0, status)
        asked = {each: each.alarms_told for each in simulator.sessions if each.guarded}

        def heard() -> bool:
            return any(each.alarms_heard >= place for each, place in asked.items())

        await simulator.wait_for(lambda: heard() or not asked.keys() & set(simulator.sessions), 600)
        if heard():
            self._ledger.acknowledge(report)
        return heard()


class Gb28181Flood:
    """A GB/T 28181 camera that sees something new each time: every report is of a type of its own.

    Args:
        device: its id.
        ledger: where it is written down.
        pause_s: between a report that was heard and the next.
    """

    def __init__(self, device: str, ledger: AlarmLedger, pause_s: float) -> None:
        self.device = device
        self._ledger = ledger
        self._pause_s = pause_s
        self.simulator: Gb28181Simulator

    async def run(self, enough: asyncio.Event) -> None:
        """Report until it is enough, and the last one is heard."""
        for number in count(1):
            if enough.is_set():
                return
            await self._report((self.device, f"5/{FIRST_TYPE + number}", number, "raised"))
            await asyncio.sleep(self._pause_s)

    async def _report(self, report: Report) -> None:
        simulator = self.simulator
        time = datetime.now(UTC).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
        notice = AlarmNotice(
            priority=1, method=5, time=time, details=AlarmDetails(FIRST_TYPE + report[2], None)
        )
        body = simulator.body(notice, simulator.channels[0])
        number = Envelope.parse(body).sn
        self._ledger.tell(report)
        while True:
            simulator.agent.tell(body)
            with contextlib.suppress(TimeoutError):
                await simulator.wait_for(lambda: self._is_heard(number), RETELL_S)
                self._ledger.acknowledge(report)
                return

    def _is_heard(self, number: int) -> bool:
        for each in reversed(self.simulator.messages[-200:]):
            if each.direction == "in" and each.name == "Alarm":
                envelope = Envelope.parse(each.message.body)
                if envelope.root is Root.RESPONSE and envelope.sn == number:
                    return bool(envelope.result)
        return False
