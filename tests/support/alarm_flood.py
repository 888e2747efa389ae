"""Devices that report one alarm after the other, each until they are told that it was heard."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, Protocol

from alarm_ledger import Report

from cambus.gb28181.manscdp.alarms import AlarmDetails, AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.gb28181.simulator import Gb28181Simulator

DOORS: Final = ("DoorA", "DoorB")
RETELL_S: Final = 1.0
FIRST_TYPE: Final = 100


class Book(Protocol):
    """Where a device writes down what it tells, before it does, and what it was told is heard."""

    def tell(self, report: Report) -> None: ...
    def acknowledge(self, report: Report) -> None: ...


def now() -> datetime:
    """The time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


class DvripFlood:
    """A DVRIP recorder whose doors open and close.

    Its clock shows another second with each report, which is how the receiver knows them apart.

    Args:
        device: its id.
        ledger: where it is written down.
        pause_s: between a report that was heard and the next.
        began: what its clock showed before the first report; None: now.
        first: the number of the report it begins with.
        doors: what their reports are called.
    """

    def __init__(
        self,
        device: str,
        ledger: Book,
        pause_s: float,
        began: datetime | None = None,
        first: int = 1,
        doors: tuple[str, str] = DOORS,
    ) -> None:
        self.device = device
        self._ledger = ledger
        self._pause_s = pause_s
        self._began = began or now()
        self._first = self._number = first
        self._doors = doors
        self.simulator: DvripSimulator

    def clock(self) -> datetime:
        """For the simulator."""
        return self._began + timedelta(seconds=self._number)

    def number_of(self, device_time: str) -> int:
        """Which report has this time."""
        return round((datetime.fromisoformat(device_time) - self._began).total_seconds())

    async def run(self, enough: asyncio.Event) -> None:
        """Report until it is enough, and the last one is heard."""
        for number in count(self._first):
            if enough.is_set():
                return
            self._number = number
            turn, opens = divmod(self._number - 1, 2)
            door, what = self._doors[turn % len(self._doors)], "cleared" if opens else "raised"
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

    Told again, a report is what it was: it has the number and the time of the first telling.

    Args:
        device: its id.
        ledger: where it is written down.
        pause_s: between a report that was heard and the next.
        began: the time of all its reports; None: now.
        first: the number of the report it begins with.
    """

    def __init__(
        self, device: str, ledger: Book, pause_s: float, began: datetime | None = None, first: int = 1
    ) -> None:
        self.device = device
        self._ledger = ledger
        self._pause_s = pause_s
        self._time = (began or now()).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
        self._first = first
        self.simulator: Gb28181Simulator

    async def run(self, enough: asyncio.Event) -> None:
        """Report until it is enough, and the last one is heard."""
        for number in count(self._first):
            if enough.is_set():
                return
            await self._report((self.device, f"5/{FIRST_TYPE + number}", number, "raised"))
            await asyncio.sleep(self._pause_s)

    async def _report(self, report: Report) -> None:
        simulator = self.simulator
        kind = FIRST_TYPE + report[2]
        notice = AlarmNotice(priority=1, method=5, time=self._time, details=AlarmDetails(kind, None))
        body = notice.serialize(kind, simulator.channels[0], charset=simulator.profile.charset)
        self._ledger.tell(report)
        while True:
            simulator.agent.tell(body)
            with contextlib.suppress(TimeoutError):
                await simulator.wait_for(lambda: self._is_heard(kind), RETELL_S)
                self._ledger.acknowledge(report)
                return

    def _is_heard(self, number: int) -> bool:
        for each in reversed(self.simulator.messages[-200:]):
            if each.direction == "in" and each.name == "Alarm":
                envelope = Envelope.parse(each.message.body)
                if envelope.root is Root.RESPONSE and envelope.sn == number:
                    return bool(envelope.result)
        return False
