"""One device under supervision: never more than one session, every end has a reason, and another try follows.

    disconnected --> connecting --> online
         ^               |            |
         +-- back-off <--+------------+

What a session needs around it (presence, commands, live streams, events) comes up and goes down with it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cambus.bus.errors import BusError
from cambus.connector.backoff import Backoff
from cambus.connector.context import DeviceContext
from cambus.connector.device_events import DeviceEvents
from cambus.connector.device_presence import DevicePresence, changed_channels, slug
from cambus.connector.driver import DeviceDescription, DeviceSession, Driver
from cambus.connector.ending import end
from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
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
REBOOT_POLL_S: Final = 5.0
"""How often a device that restarts is tried at least: it is expected back, not away."""

REBOOT_S: Final = 300.0
"""How long a device may take to restart before it counts as away."""


class DeviceUnit:
    """Holds one device from when it becomes this replica's to when it is no longer.

    Args:
        record: what the device is to be.
        driver: makes it.
        around: what all devices share.
        epoch: the lease revision it is held under.
        owned: whether the lease is certainly ours at this instant.

    Attributes:
        record: what the device is to be; replaced by `update`.
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
        owned: Callable[[], bool],
    ) -> None:
        self.record = record
        self.epoch = epoch
        self.session: DeviceSession | None = None
        self._owned = owned
        self._around = around
        self._backoff = Backoff(around.backoff)
        self._retry = asyncio.Event()
        self._stop_reason = EndReason.HANDED_OVER
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[None]] = set()
        self._state: DeviceState | None = None
        self._online_at: float | None = None
        self._away_logged = False
        self._expected_until = 0.0
        self._described: DeviceDescription | None = None
        self.events = DeviceEvents(record.id, around.protocol, around.publish)
        self.presence = DevicePresence(record.id, around.protocol, around.replica, around.board.show)
        context = DeviceContext(
            record.id, around.protocol, around.bus, self.events, around.metrics, around.media, self
        )
        self.live = LiveStreams(
            record.id, context.publisher, LiveReporter(self.events), around.media, linger_s=around.linger_s
        )
        self._device = driver.device(record, context)

    @property
    def id(self) -> str:
        """The device."""
        return self.record.id

    # --- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name=f"device {self.id}")

    async def stop(self, reason: EndReason) -> None:
        """End the session, if any, for this reason, and everything else; bounded in time."""
        self._stop_reason = reason
        self._stopping = True
        tasks = [task for task in (self._task, *self._others) if task is not None]
        for failure in await end(*tasks):
            logger.error("device failed at its end", exc_info=failure, extra={"device": self.id})
        self._move(None)

    async def renewed(self, epoch: int) -> None:
        """The device is held under a new epoch: say so on presence and replies."""
        self.epoch = epoch
        self.presence.renewed(epoch)
        if self.session is not None:
            await self._around.endpoints.release(self.id)
            await self._hold()

    def update(self, record: DeviceRecord) -> None:
        """The record changed in what needs no new connection."""
        self.record = record

    def credentials_changed(self, name: str) -> None:
        """A credential was written: if it is this device's and it is not online, it is tried at once."""
        reference = self.record.credentials
        if reference is not None and reference.name == name and self.session is None:
            self._backoff.reset()
            self._retry.set()

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

    def owned(self) -> bool:
        """Whether this replica certainly holds the device at this instant."""
        return self._owned()

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

    # --- one try after the other ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._take_over()
            self._move(DeviceState.CONNECTING)
            self.presence.connecting(self.epoch)
            while not self._stopping:  # a cancellation may get lost in what ends in the same turn
                ended = await self._episode()
                if not self._stopping:
                    await self._wait(self._report(ended))
        finally:
            await self.live.close(self._stop_reason.value)
            await self._device.close()

    async def _take_over(self) -> None:
        """Go on from what the last holder showed; a credential it saw refused is not tried sooner here."""
        try:
            last = await self._around.board.last(self.id)
        except BusError:
            return
        self.presence.adopt(last)
        if last is None or last.retry_at is None or last.state is not DeviceState.CREDENTIALS_REJECTED:
            return
        reference = self.record.credentials
        written = None if reference is None else self._around.credentials.written(reference.name)
        refused_at = last.last_error.at if last.last_error else None
        if written is None or refused_at is None or written < refused_at:
            self._backoff.refused()
            self._move(last.state)
            self.presence.renewed(self.epoch)
            await self._wait(min((last.retry_at - datetime.now(UTC)).total_seconds(), 1800.0))

    async def _episode(self) -> SessionEnd:
        """One attempt and, if it comes up, one session; return why it ended."""
        began = _now()
        try:
            async with asyncio.timeout(self._around.connect_timeout_s):
                session = await self._connect()
        except Exception as error:  # noqa: BLE001  # a driver's defect must not end the supervision
            failure = self._end_of(error)
            self._around.sessions.failed(failure.reason)
            return failure
        self._around.sessions.connected(_now() - began)
        ended = SessionEnd(self._stop_reason, "no longer held here")
        try:
            await self._up(session)
            await session.run()
            ended = SessionEnd(EndReason.CONNECTION_LOST, "the session ended")
        except asyncio.CancelledError:
            ended = SessionEnd(self._stop_reason, "no longer held here")
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

    async def _connect(self) -> DeviceSession:
        """Log in with the stored account; if that is refused, with the one before it, if there is one."""
        reference = self.record.credentials
        if reference is None:
            session: DeviceSession = await self._device.connect(None)
            return session
        credentials = self._around.credentials.open(reference.name)
        try:
            session = await self._device.connect(credentials)
        except CredentialsRefused:
            if credentials.previous_password is None:
                raise
            before = Credentials(username=credentials.username, password=credentials.previous_password)
            session = await self._device.connect(before)
            await self.replace_credentials(before)
            return session
        if credentials.previous_password is not None:
            await self.replace_credentials(credentials.model_copy(update={"previous_password": None}))
        return session

    def _failed(self, end: SessionEnd) -> SessionEnd:
        self._around.sessions.failed(end.reason)
        return end

    async def _wait(self, delay_s: float) -> None:
        """Sleep, unless there is reason to try at once."""
        self._retry.clear()
        try:
            async with asyncio.timeout(max(delay_s, 0.0)):
                await self._retry.wait()
        except TimeoutError:
            return

    # --- up and down ------------------------------------------------------------------------------------

    async def _up(self, session: DeviceSession) -> None:
        description = session.description
        self.session = session
        self._online_at = _now()
        self._backoff.online(self._online_at)
        self._move(DeviceState.ONLINE)
        await self._hold()
        await self.live.attach(session)
        changes = self.presence.online(description, self.epoch, self.record.address)
        logger.info(
            "device online", extra={"device": self.id, "model": description.model, "epoch": self.epoch}
        )
        self._away_logged = False
        await self.events.tell(
            device_events.ONLINE,
            connection=description.connection,
            replica=self._around.replica,
            epoch=self.epoch,
            address=self.record.address,
            vendor=description.vendor,
            model=description.model,
            serial=description.serial,
            software_version=description.software_version,
            channels_total=len(description.channels),
        )
        await self._tell_changes(changes)
        if self._described is not None:
            await self._tell_channels(self._described, description)
        self._described = description

    async def _down(self, session: DeviceSession, end: SessionEnd) -> None:
        """Everything at once: where the bus hangs, the device's session is closed all the same."""
        self.session = None
        lasted_s = _now() - (self._online_at or _now())
        self._around.sessions.ended(end.reason, lasted_s)
        await asyncio.gather(
            self._bounded(lambda: self._around.endpoints.release(self.id)),
            self._bounded(lambda: self._close(session)),
        )
        self.presence.offline(end, self.epoch, None)
        await self.events.tell(
            device_events.OFFLINE, reason=slug(end), text=end.text, online_s=max(lasted_s, 0.0)
        )

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

    def _report(self, end: SessionEnd) -> float:
        """Show why there is no session; return the seconds until the next try."""
        delay_s = self._delay(end)
        retry_at = datetime.now(UTC) + timedelta(seconds=delay_s)
        self.presence.offline(end, self.epoch, retry_at)
        self._move(self.presence.current.state)
        level = logging.DEBUG if self._away_logged else logging.WARNING
        self._away_logged = True
        extra = {"device": self.id, "reason": slug(end), "detail": end.text, "retry_s": round(delay_s, 1)}
        logger.log(level, "device offline", extra=extra)
        if isinstance(end, CredentialsRefused):
            self.spawn(self._tell_refused(end, retry_at), "refusal")
        return delay_s

    def _delay(self, end: SessionEnd) -> float:
        if isinstance(end, CredentialsRefused):
            return self._backoff.refused()
        now = _now()
        if end.reason is EndReason.REBOOTING:
            self._expected_until = now + REBOOT_S
        delay_s = self._backoff.failed(now)
        expected = self.presence.upgrading or now < self._expected_until
        return min(delay_s, REBOOT_POLL_S) if expected else delay_s

    async def _tell_refused(self, end: CredentialsRefused, retry_at: datetime) -> None:
        await self.events.tell(
            device_events.AUTH_FAILED,
            reason=end.detail,
            text=end.text,
            direction="to-device",
            retry_at=retry_at,
        )

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
