"""One device under supervision: never more than one session, and every end has a reason.

What a session needs around it (presence, commands, live streams, events) comes up and goes down with it. How sessions
come about is left to `cambus.connector.dialled` (we call the device) and `cambus.connector.registered` (it calls us).
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from cambus.client.errors import BusError
from cambus.connector.context import DeviceContext
from cambus.connector.device_events import DeviceEvents
from cambus.connector.device_presence import DevicePresence, changed_channels, slug
from cambus.connector.driver import Device, DeviceDescription, DeviceSession, Driver
from cambus.connector.ending import end
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.live import LiveStreams
from cambus.connector.live_events import LiveReporter
from cambus.connector.surroundings import Surroundings
from cambus.schemas import headers as header
from cambus.schemas.events import channel as channel_events
from cambus.schemas.events import device as device_events
from cambus.schemas.events.device import FieldChange
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S: Final = 2.0
NOT_HELD: Final = "no longer held here"


class DeviceUnit(ABC):
    """Holds one device from when it becomes this replica's to when it is no longer.

    Args:
        record: what the device is to be.
        driver: makes it.
        around: what all devices share.
        epoch: the lease revision it is held under.
        away: the state without a session and without a finer reason.

    Attributes:
        record: what the device is to be; replaced by the fleet where that needs no new session.
        epoch: the lease revision it is held under.
        session: the session, while there is one.
        live: its live streams.

    Raises:
        InvalidRecord: the driver can not work with the record.
    """

    def __init__(
        self,
        record: DeviceRecord,
        driver: Driver[Any],
        around: Surroundings,
        *,
        epoch: int,
        away: DeviceState = DeviceState.OFFLINE,
    ) -> None:
        self.record = record
        self.epoch = epoch
        self.session: DeviceSession | None = None
        self._around = around
        self._ending = SessionEnd(EndReason.HANDED_OVER, NOT_HELD)
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[None]] = set()
        self._state: DeviceState | None = None
        self._online_at: float | None = None
        self._away_logged = False
        self._described: DeviceDescription | None = None
        self.events = DeviceEvents(record.id, around.protocol, around.publish)
        self.presence = DevicePresence(
            record.id, around.protocol, around.replica, around.board.show, away=away
        )
        context = DeviceContext(
            record.id, around.protocol, around.bus, self.events, around.metrics, around.media, self
        )
        self.live = LiveStreams(
            record.id, context.publisher, LiveReporter(self.events), around.media, linger_s=around.linger_s
        )
        self._device: Device[Any] = driver.device(record, context)

    @property
    def id(self) -> str:
        """The device."""
        return self.record.id

    def noted(self, what: str, at: float | None = None) -> None:  # noqa: B027 - only what is leased has a history
        """Something is done that needs the lease: have it in the history, as of an instant at which it was ours."""

    # --- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"device {self.id}")

    @abstractmethod
    async def _run(self) -> None:
        """Have one session after the other until cancelled; at the end, `_finish`."""

    async def _finish(self) -> None:
        await self.live.close(self._ending.reason.value)
        await self._device.close()

    async def stop(self, reason: EndReason) -> None:
        """End the session, if any, for this reason, and everything else; bounded in time."""
        self._ending = SessionEnd(reason, NOT_HELD)
        self._stopping = True
        tasks = [task for task in (self._task, *self._others) if task is not None]
        for failure in await end(*tasks):
            logger.error("device failed at its end", exc_info=failure, extra={"device": self.id})
        self._move(None)

    async def _renew(self, epoch: int) -> None:
        """The session goes on under a new epoch: say so on replies, and then on presence: who sees it may call."""
        self.epoch = epoch
        try:
            if self.session is not None:
                await self._around.endpoints.release(self.id)
                await self._hold()
        finally:
            self.presence.renewed(epoch)

    @abstractmethod
    async def renewed(self, epoch: int) -> None:
        """The shard of the device is held under a new epoch."""

    @abstractmethod
    def credentials_changed(self, name: str) -> None:
        """A credential was written, perhaps this device's."""

    # --- hooks of the driver ----------------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that outlives sessions; it is cancelled when the device is no longer held here."""
        task = asyncio.create_task(coroutine, name=f"{name} {self.id}")
        self._others.add(task)
        task.add_done_callback(self._spawned_ended)

    def described(self) -> None:
        """The description of the session has changed: presence follows, and events say what is different."""
        if self.session is not None:
            self.spawn(self._follow_description(self.session.description), "describe")

    def drifted(self, drift_s: float | None) -> None:
        """The device's clock is so many seconds ahead of ours."""
        self.presence.drifted(drift_s)

    @property
    def busy(self) -> bool:
        """Whether it should not be handed over now unless it must: an upgrade is under way."""
        return self.presence.upgrading

    def upgrading(self, *, active: bool) -> None:
        """An upgrade has begun or ended."""
        self.presence.upgrade(active=active)

    def online(self) -> bool:
        """Whether the device has a session now."""
        return self.session is not None

    def session_name(self) -> str:
        """What the present session is called in presence."""
        return self.presence.current.session_name

    @abstractmethod
    def owned(self) -> bool:
        """Whether this replica certainly holds the device at this instant."""

    @asynccontextmanager
    async def claimed(self, channel: int, stream: str, claimant: str, ttl_s: float) -> AsyncIterator[None]:
        """Claim a live stream for the length of a block, as a viewer would."""
        await self.live.start(channel, stream, claimant, ttl_s)
        try:
            yield
        finally:
            self.live.stop(channel, stream, claimant)

    async def replace_credentials(self, credentials: Credentials) -> None:
        """Store the device's account anew. Raises `SessionEnd` or `BusError` if it was not stored."""
        if self.record.credentials is None:
            raise SessionEnd(EndReason.CREDENTIALS_MISSING, "the record names no credentials")
        await self._around.credentials.replace(self.record.credentials.name, credentials)

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("device task failed", exc_info=error, extra={"device": self.id})

    # --- one session ------------------------------------------------------------------------------------

    async def _episode(self, connect: Callable[[], Awaitable[DeviceSession]]) -> SessionEnd:
        """One attempt and, if it comes up, one session; return why it ended."""
        began = _now()
        try:
            async with asyncio.timeout(self._around.connect_timeout_s):
                session = await connect()
        except Exception as error:  # noqa: BLE001  # a driver's defect must not end the supervision
            failure = self._end_of(error)
            self._around.sessions.failed(failure.reason)
            return failure
        self._around.sessions.connected(_now() - began)
        ended = self._ending
        try:
            await self._up(session)
            await session.run()
            ended = SessionEnd(EndReason.CONNECTION_LOST, "the session ended")
        except asyncio.CancelledError:
            ended = self._ending
            raise
        except Exception as error:  # noqa: BLE001  # as above
            ended = self._end_of(error)
        finally:
            await self._down(session, ended)
        return ended

    def _end_of(self, error: Exception) -> SessionEnd:
        """Return the reason in what a driver raised; anything that is none is a defect."""
        if isinstance(error, SessionEnd):
            return error
        if isinstance(error, TimeoutError):
            return SessionEnd(EndReason.TIMEOUT, "the device took too long to come up")
        logger.error("device failed", exc_info=error, extra={"device": self.id})
        return SessionEnd(EndReason.INTERNAL, "internal error")

    # --- up and down ------------------------------------------------------------------------------------

    async def _up(self, session: DeviceSession) -> None:
        description = session.description
        self.session = session
        self.noted("session-began")
        self._online_at = _now()
        self._came_up(self._online_at)
        self._move(DeviceState.ONLINE)
        await self._hold()
        await self.live.attach(session)
        changes = self.presence.online(description, self.epoch, self._address(description))
        logger.info(
            "device online", extra={"device": self.id, "model": description.model, "epoch": self.epoch}
        )
        self._away_logged = False
        await self._tell_online(description)
        await self._tell_changes(changes)
        if self._described is not None:
            await self._tell_channels(self._described, description)
        self._described = description

    def _came_up(self, now: float) -> None:  # noqa: B027 - not everybody wants to know
        """A session is up."""

    async def _down(self, session: DeviceSession, end: SessionEnd) -> None:
        """Everything at once: where the bus hangs, the device's session is closed all the same."""
        self.session = None
        self.noted("session-ended")
        lasted_s = _now() - (self._online_at or _now())
        self._around.sessions.ended(end.reason, lasted_s)
        await asyncio.gather(
            self._bounded(lambda: self._around.endpoints.release(self.id)),
            self._bounded(lambda: self._close(session)),
        )
        if not self._has_moved(end):
            self.presence.offline(end, self.epoch, None)
            await self._tell_offline(end, online_s=max(lasted_s, 0.0))

    def _has_moved(self, end: SessionEnd) -> bool:  # noqa: ARG002 - of a device we dial nobody else has it
        """Whether the device is not gone but with another replica, which says how it is from now on."""
        return False

    async def _close(self, session: DeviceSession) -> None:
        await self.live.detach()
        await session.close()

    async def _bounded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await work()
        except TimeoutError:
            logger.warning("closing took too long", extra={"device": self.id})
        except Exception:
            logger.exception("closing failed", extra={"device": self.id})

    async def _hold(self) -> None:
        headers = {header.OWNER: self._around.replica, header.EPOCH: str(self.epoch)}
        try:
            await self._around.endpoints.hold(self.id, reply_headers=headers)
        except (BusError, ValueError) as error:
            raise SessionEnd(EndReason.INTERNAL, f"commands can not be taken: {error}") from None

    # --- what others are told ---------------------------------------------------------------------------

    def _address(self, description: DeviceDescription) -> str | None:
        return description.address or self.record.address

    async def _tell_online(self, description: DeviceDescription) -> None:
        await self.events.tell(
            device_events.ONLINE,
            connection=description.connection,
            replica=self._around.replica,
            epoch=self.epoch,
            address=self._address(description),
            vendor=description.vendor,
            model=description.model,
            serial=description.serial,
            software_version=description.software_version,
            channels_total=len(description.channels),
        )

    async def _tell_offline(
        self, end: SessionEnd, *, online_s: float | None = None, event_id: str | None = None
    ) -> None:
        await self.events.tell(
            device_events.OFFLINE, event_id=event_id, reason=slug(end), text=end.text, online_s=online_s
        )

    def _log_away(self, end: SessionEnd, **extra: Any) -> None:
        """One warning when a device goes away; what follows until it is back is detail."""
        level = logging.DEBUG if self._away_logged else logging.WARNING
        self._away_logged = True
        fields = {"device": self.id, "reason": slug(end), "detail": end.text, **extra}
        logger.log(level, "device offline", extra=fields)

    async def _follow_description(self, description: DeviceDescription) -> None:
        before, self._described = self._described, description
        await self._tell_changes(self.presence.described(description))
        if before is not None:
            await self._tell_channels(before, description)

    async def _tell_changes(self, changes: list[FieldChange]) -> None:
        if changes:
            await self.events.tell(device_events.CHANGED, changes=changes)

    async def _tell_channels(self, before: DeviceDescription, after: DeviceDescription) -> None:
        for number, change, info, fields in changed_channels(before.channels, after.channels):
            await self.events.tell(
                channel_events.CHANGED, channel=number, change=change, info=info, changes=fields
            )

    def _move(self, state: DeviceState | None) -> None:
        self._around.sessions.moved(self._state, state)
        self._state = state


def _now() -> float:
    return asyncio.get_running_loop().time()
