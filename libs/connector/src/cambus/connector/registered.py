"""A device that dials us: there is nobody to call, so it is awaited.

    awaited --(a connection of the device)--> coming up --> online
       ^                                          |           |
       +------------------------------------------+-----------+

Two replicas may have such a unit of one device: the one it is connected to, and the one that holds the shard of its
record. The latter minds the device while nobody has it: it shows that it is awaited, and if the replica that had it
died without a word, it says that the device is offline. Each speaks under the epoch of a hold (`cambus.connector.
holds`), so what an older holder still has to say never hides what a newer one says.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

from cambus.client.errors import BusError
from cambus.connector.driver import Driver, InboundDevice, Link
from cambus.connector.ending import end as end_tasks
from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.connector.holds import Holds, OutrunError
from cambus.connector.surroundings import Surroundings
from cambus.connector.unit import NOT_HELD, DeviceUnit
from cambus.schemas.alarms import Severity
from cambus.schemas.events import device as device_events
from cambus.schemas.events import exception as exception_events
from cambus.schemas.ids import derived_event_id
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence

logger = logging.getLogger(__name__)

REBOOT_S: Final = 300.0
"""How long a device may take to restart before it is merely awaited."""

RETRY_S: Final = 1.0
WRITTEN_S: Final = 1.0
FLAPPING: Final = "registration-flapping"
FLAPS: Final = 5
FLAP_WINDOW_S: Final = 60.0


@dataclass(slots=True)
class Visit:
    """A connection a device made.

    Attributes:
        link: the connection.
        credentials: those it has shown.
        at: when it was made.
        epoch: of the hold that was taken for it.
        replaces: whether somebody had the device when it came.
    """

    link: Link
    credentials: Credentials
    at: datetime
    epoch: int
    replaces: bool = False


class RegisteredUnit(DeviceUnit):
    """A device that dials in.

    Args:
        record: what the device is to be.
        driver: makes it.
        around: what all devices share.
        holds: who has it.
        on_left: called when it has connected to another replica.

    Raises:
        InvalidRecord: the driver can not work with the record.
    """

    busy = False  # its shard may change hands while it stays where it is

    def __init__(
        self,
        record: DeviceRecord,
        driver: Driver[Any],
        around: Surroundings,
        holds: Holds,
        *,
        on_left: Callable[[], None],
    ) -> None:
        self._holds = holds
        self._on_left = on_left
        self._came_up_once = False
        self._taking_back = False
        self._minding: int | None = None
        self._visit: Visit | None = None
        self._next: Visit | None = None
        self._news = asyncio.Event()
        self._cut: asyncio.Future[None] | None = None
        self._replaced_at: list[float] = []
        self._flapping_told_at = -FLAP_WINDOW_S
        super().__init__(record, driver, around, epoch=0, away=DeviceState.AWAITED)

    @property
    def visited(self) -> bool:
        """Whether the device is connected to this replica."""
        return self._visit is not None or self._next is not None

    @property
    def needed(self) -> bool:
        """Whether something goes on here that must not end with the shard: a session, or an upgrade between two."""
        return self.visited or self.presence.upgrading

    @property
    def dispensable(self) -> bool:
        """Whether nothing is left to do here: it is connected to another replica, and minded by another."""
        return not self.visited and self._minding is None and self._holds.held(self.id)

    def owned(self) -> bool:
        """Whether this replica certainly holds the device at this instant."""
        return self._visit is not None and self._holds.valid(self.id, self._visit.epoch)

    # --- what happens to it -----------------------------------------------------------------------------

    def arrived(self, visit: Visit) -> None:
        """The device has connected to this replica: newer than any connection before."""
        if self._next is not None:
            self._next.link.end("the device made a newer connection")
        if visit.replaces:
            self._count_replaced()
        self._next = visit
        self.cut(EndReason.REPLACED, "the device made a newer connection")

    def cut(self, reason: EndReason, text: str) -> None:
        """End the present session for a reason of ours."""
        self._ending = SessionEnd(reason, text)
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)
        self._news.set()

    async def renewed(self, epoch: int) -> None:
        """The shard of the device is ours, under this epoch: mind it while nobody has it."""
        self._minding = epoch
        self._news.set()

    def unmind(self) -> None:
        """The shard is another's; what is connected here stays."""
        self._minding = None

    def hold_changed(self) -> None:
        """The device may have changed hands."""
        visit = self._visit
        if visit is None or self._holds.mine(self.id, visit.epoch):
            self._news.set()
        elif not self._holds.held(self.id):
            if not self._taking_back:
                self._taking_back = True
                self.spawn(self._take_back(visit), "take back")
        elif not self._holds.ours(self.id):  # one of ours is a newer connection that is about to arrive
            self.cut(EndReason.REPLACED, "the device connected to another replica")

    def credentials_changed(self, name: str) -> None:
        """A credential was written: a device that has shown another one has to show the new one."""
        reference, visit = self.record.credentials, self._visit
        if reference is None or reference.name != name or visit is None:
            return
        try:
            now = self._around.credentials.open(name)
        except SessionEnd as problem:
            self.cut(problem.reason, problem.text)
            return
        if (visit.credentials.username, visit.credentials.password) not in (
            (now.username, now.password),
            (now.username, now.previous_password),
        ):
            self.cut(EndReason.RECORD_CHANGED, "the credentials were changed")

    async def refused(self, refusal: CredentialsRefused, source: str) -> None:
        """Something called itself the device and showed wrong credentials: say so; show it if the device is away."""
        await self.events.tell(
            device_events.AUTH_FAILED,
            reason=refusal.detail,
            text=refusal.text,
            direction="from-device",
            source=source,
        )
        with contextlib.suppress(BusError):
            last = await self._around.board.last(self.id)
            if self.visited or self._holds.held(self.id):
                return
            self.presence.adopt(last)
            self.epoch = max(self.epoch, 0 if last is None else last.epoch)
            self.presence.offline(refusal, self.epoch, None)
            self._settle_state()

    # --- one connection after the other -----------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                self._news.clear()
                visit, self._next = self._next, None
                if visit is not None:
                    await self._attend(visit)
                elif await self._mind():
                    await self._wait_for_news()
                else:
                    await asyncio.sleep(RETRY_S)
        finally:
            if self._next is not None:
                self._next.link.end(NOT_HELD)
            await self._finish()

    async def _attend(self, visit: Visit) -> None:
        """Run one connection until it ends, or is to."""
        if not self._holds.mine(self.id, visit.epoch):  # it moved on before we came to it
            visit.link.end("the device made a newer connection")
            return
        self._visit = visit
        self._cut = cut = asyncio.get_running_loop().create_future()
        self._came_up_once = False
        was_online = await self._adopt(visit)
        self.epoch = visit.epoch
        device = cast(InboundDevice[Any, Link], self._device)
        episode = asyncio.create_task(self._episode(partial(device.accept, visit.link, visit.credentials)))
        try:
            await asyncio.wait({episode, cut}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for failure in await end_tasks(episode):
                logger.error("device failed", exc_info=failure, extra={"device": self.id})
            visit.link.end(NOT_HELD)
            was_cut = not episode.done() or episode.cancelled() or episode.exception() is not None
            ended = self._ending if was_cut else episode.result()
            await self._bounded(partial(self._depart, visit, ended, was_online=was_online))

    def _came_up(self, now: float) -> None:  # noqa: ARG002 - there is no back-off to tell the time
        self._came_up_once = True

    async def _adopt(self, visit: Visit) -> bool:
        """Go on from what was shown last, by whomever; whether the device is online until something else is said."""
        known = self.presence.current.epoch
        try:
            last = await self._around.board.last(self.id)
        except BusError:
            return False
        self.presence.adopt(last)
        if last is None or not last.online:
            return False
        if visit.replaces or last.epoch <= known:
            return True
        await self._tell_lost(last, visit.epoch)  # it is back before anybody missed who had it
        return False

    async def _depart(self, visit: Visit, ended: SessionEnd, *, was_online: bool) -> None:
        """Say why there is no session any more, then give the device back."""
        self._visit = None
        if self._has_moved(ended, visit):
            self._move(None)
            self._on_left()
            return
        if not self._came_up_once:
            self.presence.offline(ended, visit.epoch, None)
            if was_online:
                await self._tell_offline(ended)
        self._settle_state()
        self._log_away(ended)
        if self._next is None:
            try:
                async with asyncio.timeout(WRITTEN_S):
                    await self._around.board.written(self.id)
            except TimeoutError:
                pass  # who minds the device finds it out by itself
            finally:
                self._holds.release_soon(self.id, visit.epoch)
            await self._holds.release(self.id, visit.epoch)

    def _has_moved(self, end: SessionEnd, visit: Visit | None = None) -> bool:
        visit = visit or self._visit
        replaced = end.reason is EndReason.REPLACED and visit is not None
        return replaced and self._holds.held(self.id) and not self._holds.ours(self.id)

    async def _take_back(self, visit: Visit) -> None:
        """We were taken for dead, and are not: the connection counts again, under a new epoch."""
        try:
            epoch = await self._holds.take(self.id, visit.at)
        except (BusError, OutrunError) as error:
            outrun = isinstance(error, OutrunError)
            if self._visit is visit:
                reason = EndReason.REPLACED if outrun else EndReason.OWNERSHIP_LOST
                self.cut(reason, "the device could not be held any longer")
            return
        finally:
            self._taking_back = False
        if self._visit is not visit:
            await self._holds.release(self.id, epoch)
            return
        visit.epoch = epoch
        logger.info("device taken back", extra={"device": self.id, "epoch": epoch})
        await self._renew(epoch)
        if self.session is not None:
            await self._tell_online(self.session.description)

    # --- while it is not connected here -----------------------------------------------------------------

    async def _mind(self) -> bool:
        """If the shard is ours and nobody has the device, show that; return whether NATS could be asked."""
        if self._minding is None:
            return True
        try:
            gone = await self._holds.free(self.id)
            if gone is None:
                self._move(None)
                return True
            last = await self._around.board.last(self.id)
        except BusError:
            return False
        self.presence.adopt(last)
        self.epoch = max(self._minding, gone, 0 if last is None else last.epoch)
        if last is not None and last.online:
            await self._tell_lost(last, self.epoch)
        elif last is None or last.state is not DeviceState.REBOOTING:
            self.presence.awaited(self.epoch)
        self._settle_state()
        return True

    async def _wait_for_news(self) -> None:
        """Wait; a device that restarts and does not come back is merely awaited after a while."""
        rebooting = self._state is DeviceState.REBOOTING
        try:
            async with asyncio.timeout(REBOOT_S if rebooting else None):
                await self._news.wait()
        except TimeoutError:
            self.presence.awaited(self.epoch)
            self._settle_state()

    async def _tell_lost(self, last: Presence, epoch: int) -> None:
        """Who had the device died without a word: say it, once, whoever finds it out."""
        end = SessionEnd(EndReason.OWNERSHIP_LOST, f"{last.replica}, which the device had dialled, is gone")
        self.presence.offline(end, epoch, None)
        event_id = derived_event_id(last.since, self.id, "offline", str(last.epoch))
        await self._tell_offline(end, event_id=event_id)
        self._log_away(end)

    def _settle_state(self) -> None:
        self._move(self.presence.current.state)

    def _count_replaced(self) -> None:
        """Two devices with one identity, or a network that breaks: one alert, however often it happens."""
        now = asyncio.get_running_loop().time()
        self._replaced_at = [*self._replaced_at[-FLAPS:], now]
        flaps = len(self._replaced_at) > FLAPS and now - self._replaced_at[0] <= FLAP_WINDOW_S
        if flaps and now - self._flapping_told_at >= FLAP_WINDOW_S:
            self._flapping_told_at = now
            self.spawn(self._tell_flapping(), "flapping")

    async def _tell_flapping(self) -> None:
        """Two replicas that see it within one minute give it one id."""
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        await self.events.tell(
            exception_events.REPORTED,
            event_id=derived_event_id(minute, self.id, FLAPPING),
            code=FLAPPING,
            text=f"a newer connection replaced the device's more than {FLAPS} times within a minute; "
            "two devices may use one identity",
            severity=Severity.MAJOR,
        )
