"""Where devices that dial in are received: who they are, and to which unit their connection goes.

A listener asks for the record and the credentials of whoever calls itself something, decides, and hands over what has
authenticated. Nothing of that blocks it.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cambus.client.errors import BusError
from cambus.connector.driver import Link
from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.connector.fleet import Fleet
from cambus.connector.holds import Holds, OutrunError
from cambus.connector.registered import Visit
from cambus.connector.surroundings import Surroundings
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

AT_A_TIME: Final = 32
RETRY_S: Final = 1.0
MAX_REFUSED: Final = 1024
STOPPING: Final = "this replica stops"
REFUSED_AGAIN_S: Final = 60.0
"""A device that is refused tries again and again; once in so many seconds that is news."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    link: Link
    credentials: Credentials
    at: datetime


class Inbound:
    """Receives the devices of one protocol that dial in.

    Args:
        fleet: has the units.
        holds: says who has which device.
        around: what all devices share.
        patient: while NATS is away, keep those that come until they can be held; else hang up, for there may be another
            replica that can.
    """

    def __init__(self, fleet: Fleet, holds: Holds, around: Surroundings, *, patient: bool = False) -> None:
        self._patient = patient
        self._fleet = fleet
        self._holds = holds
        self._around = around
        self._arrivals: OrderedDict[str, _Arrival] = OrderedDict()
        self._refusals: OrderedDict[str, tuple[CredentialsRefused, str]] = OrderedDict()
        self._refused_at: OrderedDict[str, float] = OrderedDict()
        self._busy: set[str] = set()
        self._work = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._closed = False

    def record(self, identity: str) -> DeviceRecord | None:
        """Return the record of the device that calls itself so, if it is to be served; None: it is not known."""
        return self._fleet.awaited(identity)

    def known(self, identity: str) -> bool:
        """Whether some record says that its device calls itself so, even if it is not to be served."""
        return self._fleet.known(identity)

    def credentials(self, record: DeviceRecord) -> Credentials:
        """Return what the device has to show.

        Raises:
            CredentialsRefused: the record names none, or none that can be opened.
        """
        if record.credentials is None:
            raise CredentialsRefused(EndReason.CREDENTIALS_MISSING.value, "the record names no credentials")
        try:
            return self._around.credentials.open(record.credentials.name)
        except SessionEnd as problem:
            raise CredentialsRefused(problem.reason.value, problem.text) from None

    def welcome(self, device: str, link: Link, credentials: Credentials) -> None:
        """A device has authenticated: its connection goes to its unit, and replaces any older one."""
        if self._closed:
            link.end(STOPPING)
            return
        older = self._arrivals.pop(device, None)
        if older is not None:
            older.link.end("the device made a newer connection")
        self._arrivals[device] = _Arrival(link, credentials, datetime.now(UTC))
        self._work.set()

    def refuse(self, device: str, refusal: CredentialsRefused, source: str) -> None:
        """Something that calls itself the device did not authenticate."""
        now = asyncio.get_running_loop().time()
        self._around.sessions.failed(refusal.reason)
        if now - self._refused_at.get(device, -REFUSED_AGAIN_S) < REFUSED_AGAIN_S:
            return
        self._refused_at[device] = now
        self._refused_at.move_to_end(device)
        while len(self._refused_at) > MAX_REFUSED:
            self._refused_at.popitem(last=False)
        self._refusals[device] = (refusal, source)
        self._work.set()

    async def run(self) -> None:
        """Bring connections to their units until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._work.wait()
                self._work.clear()
                while self._refusals:
                    device, (refusal, source) = self._refusals.popitem(last=False)
                    group.create_task(self._tell_refused(device, refusal, source))
                for device in [device for device in self._arrivals if device not in self._busy]:
                    self._busy.add(device)
                    group.create_task(self._bring(device))

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        while self._arrivals:
            self._arrivals.popitem()[1].link.end(STOPPING)

    # --- inside -----------------------------------------------------------------------------------------

    async def _bring(self, device: str) -> None:
        """Bring what a device has connected last to its unit; one after the other, the newest counts."""
        try:
            async with self._slots:
                while (arrival := self._arrivals.pop(device, None)) is not None:
                    await self._take_in(device, arrival)
        except Exception:  # a defect with one device is no reason to hang up on all
            logger.exception("device not taken in", extra={"device": device})
        finally:
            self._busy.discard(device)

    async def _take_in(self, device: str, arrival: _Arrival) -> None:
        replaces = self._holds.held(device)
        try:
            epoch = await self._holds.take(device, arrival.at)
        except OutrunError:
            arrival.link.end("the device made a newer connection")
            return
        except BusError as error:
            logger.warning("device not taken in", extra={"device": device, "reason": str(error)})
            if not self._patient:
                arrival.link.end("the device could not be held")
            elif not self._closed:
                await asyncio.sleep(RETRY_S)
                self._arrivals.setdefault(device, arrival)
            return
        visit = Visit(arrival.link, arrival.credentials, arrival.at, epoch, replaces)
        if self._closed or not await self._fleet.visited(device, visit):
            arrival.link.end("the device is not to be served here")
            await self._holds.release(device, epoch)

    async def _tell_refused(self, device: str, refusal: CredentialsRefused, source: str) -> None:
        try:
            async with self._slots:
                await self._fleet.refused(device, refusal, source)
        except Exception:
            logger.exception("refusal not told", extra={"device": device})
