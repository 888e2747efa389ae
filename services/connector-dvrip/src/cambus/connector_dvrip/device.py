"""One DVRIP device, over all its sessions: what must not be forgotten when the connection is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from cambus.client.objects import ObjectStore
from cambus.connector.context import DeviceContext
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.upgrades import MarkBegun, OnState, Upgrades
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.alarm_pump import AlarmPump
from cambus.connector_dvrip.alarms import DeviceAlarms
from cambus.connector_dvrip.client import DialledClient, MeteredClient, RegisteredClient
from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.connector_dvrip.disk_health import DiskHealth
from cambus.connector_dvrip.endpoints import Endpoint
from cambus.connector_dvrip.following import follow_to
from cambus.connector_dvrip.mapping.errors import end_of_attempt
from cambus.connector_dvrip.mapping.native import text as shown
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.session import DvripSession
from cambus.connector_dvrip.survey import read_clock, survey
from cambus.connector_dvrip.upgrade_run import UpgradeRun
from cambus.connector_dvrip.whereabouts import Claimed, Whereabouts
from cambus.dvrip.errors import ConnectionLimit, DeviceError, DvripError
from cambus.dvrip.events import EventStream
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.system import Disk
from cambus.dvrip.profile import Credentials as NativeCredentials
from cambus.dvrip.profile import Topology
from cambus.schemas.alarms import Severity
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import Conflict
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

LIMIT_NEWS_S: Final = 600.0
SEEN_DRIFT_S: Final = 3.0
"""By how much the dates in the video, which have whole seconds and come late, must differ from what is shown."""

DRIFT_NEWS_S: Final = 60.0
"""A drift that was reported is reported again when it has changed by so much."""


_NOBODY_THERE: Final = frozenset(
    {EndReason.UNREACHABLE, EndReason.CONNECTION_LOST, EndReason.TIMEOUT, EndReason.CONNECTION_LIMIT}
)
"""Why an attempt fails at an address a device may still come to."""


class DvripDevice:
    """A device this replica holds.

    Args:
        record: what it is to be.
        context: what the connector gives it.
        metrics: counts.
        request_timeout_s: the connector's own setting.
        decoding: how many pictures are decoded at a time.
        download_rate_bytes_s: the connector's own bound on downloads.

    Attributes:
        options: of its record.
        pump: publishes its alarms.
        upgrades: its firmware upgrade, if one is under way.
        session: the present session, None without one.
        credentials: the account of the present session.
        snapshot_supported: whether it gives pictures itself; None until it was tried.
        decoding: how many pictures are decoded at a time.
        download_rate_bytes_s: bytes of recordings fetched per second at most, None for no bound.

    Raises:
        InvalidRecord: the address or an option can not work.
    """

    def __init__(
        self,
        record: DeviceRecord,
        context: DeviceContext,
        metrics: DvripMetrics,
        *,
        request_timeout_s: float,
        decoding: asyncio.Semaphore,
        download_rate_bytes_s: int | None = None,
    ) -> None:
        self.id = record.id
        self.options = DvripOptions.of(record.options)
        self.context = context
        self.metrics = metrics
        self.decoding = decoding
        self.download_rate_bytes_s = self.options.download_rate_bytes_s or download_rate_bytes_s
        self.session: DvripSession | None = None
        self.credentials: Credentials | None = None
        self.snapshot_supported: bool | None = None if self.options.snapshots != "stream" else False
        self._whereabouts = None if record.address is None else Whereabouts(parse_address(record.address))
        self._serial = ""
        self._request_timeout_s = request_timeout_s
        self._topology = Topology(self.options.topology)
        self._disks = DiskHealth()
        self._drift_told: float | None = None
        self._drift_shown: float | None = None
        self._limit_told_at = -LIMIT_NEWS_S
        self._up_since: float | None = None
        self._restart_expected = False
        self._expiring = False
        self._session_changed = asyncio.Event()
        self.pump = AlarmPump(
            DeviceAlarms(record.id, self.options.alarm_hold_s),
            context.events,
            metrics,
            zone=lambda: UTC_ZONE if self.session is None else self.session.zone,
            channels=lambda: 1 if self.session is None else self.session.facts.channels,
        )
        self.upgrades = Upgrades(context, self._upgrade_run, may_begin=self._not_downloading)

    # --- sessions ---------------------------------------------------------------------------------------

    async def connect(self, credentials: Credentials | None) -> DvripSession:
        """Log in, find out what the device is, have it report alarms."""
        if credentials is None or credentials.password is None:
            raise SessionEnd(EndReason.CREDENTIALS_MISSING, "DVRIP devices need a user and a password")
        *others, last = self._addresses()
        for address in others:
            try:
                return await self._dial(address, credentials, elsewhere=True)
            except SessionEnd as end:
                logger.info(
                    "not there yet", extra={"device": self.id, "address": address[0], "reason": str(end)}
                )
                if end.reason not in _NOBODY_THERE:
                    self.stay()  # it is somebody else, whom we do not bother again
        return await self._dial(last, credentials, elsewhere=False)

    def _addresses(self) -> list[Endpoint]:
        """Where to dial; the last is where it was."""
        if self._whereabouts is None:
            return [parse_address(None)]
        return self._whereabouts.candidates()

    async def _dial(self, address: Endpoint, credentials: Credentials, *, elsewhere: bool) -> DvripSession:
        """Dial one address; where the device was only told to be, nobody else may answer."""
        password = "" if credentials.password is None else credentials.password.get_secret_value()
        client = DialledClient(
            *address,
            credentials=NativeCredentials(
                credentials.username, password, encrypt_type=self.options.login_encryption
            ),
            profile=self.options.profile(self._topology),
            timeouts=self.options.timeouts(self._request_timeout_s),
            metrics=self.metrics,
        )
        session = await self._come_up(
            client, client.connect, credentials, serial=self._serial if elsewhere else ""
        )
        if self._whereabouts is not None and self._whereabouts.reached(address):
            self.context.hooks.spawn(follow_to(self.context, address), "address")
        return session

    def write_address(self, name: str, value: Any) -> bool:
        """A setting is written; return whether that moves the device: then it is looked for there from now on."""
        now = Claimed.in_setting(name, value)
        if self._whereabouts is None or self.session is None or now == Claimed():
            return False
        return self._whereabouts.written(self.session.facts.claimed, now) is not None

    def stay(self) -> None:
        """What would have moved it was refused."""
        if self._whereabouts is not None:
            self._whereabouts.written(Claimed(), Claimed())

    async def accept(self, link: RegisteredClient, credentials: Credentials) -> DvripSession:
        """Find out what a device is that has dialled in, have it report alarms (DVRIP §11)."""

        async def logged_in() -> LoginReply:
            return link.login_reply

        return await self._come_up(link, logged_in, credentials, called_from=link.address)

    async def _come_up(
        self,
        client: MeteredClient,
        log_in: Callable[[], Awaitable[LoginReply]],
        credentials: Credentials,
        *,
        called_from: str | None = None,
        serial: str = "",
    ) -> DvripSession:
        client.snapshot_supported = self.snapshot_supported
        try:
            session = await self._set_up(client, await log_in(), called_from)
            _recognise(session, serial)
        except DvripError as error:
            await client.close()
            client.count_error(error)
            if isinstance(error, ConnectionLimit):
                await self.connection_limit(str(error))
            raise end_of_attempt(error) from error
        except BaseException:
            await client.close()
            raise
        self.credentials = credentials
        self._set_session(session)
        self._hold_alarms()
        await self._look_for_another(session.facts.info.serial)
        await self._look_for_restart(session)
        return session

    async def _set_up(
        self, client: MeteredClient, login: LoginReply, called_from: str | None
    ) -> DvripSession:
        if self.options.sync_time_after_login:
            clock = await read_clock(client, self.options)
            await client.machine.sync_time(clock.zone.to_local(clock.at).replace(microsecond=0))
        facts = replace(await survey(client, login), called_from=called_from)
        clock = await read_clock(client, self.options)
        alarms = await self._guard(client) if self.options.alarms else None
        return DvripSession(self, client, facts, clock, alarms)

    async def _guard(self, client: MeteredClient) -> EventStream | None:
        """Have alarms reported; a device that will not is no less a device (DVRIP §12)."""
        alarms = client.events(only=frozenset({int(MessageId.ALARM)}))
        try:
            await client.alarms.guard()
        except DeviceError as error:
            logger.warning("device reports no alarms", extra={"device": self.id, "reason": str(error)})
        return alarms

    def _hold_alarms(self) -> None:
        """From the first session on, ends that never come are supplied, also while the device is away."""
        if not self._expiring:
            self._expiring = True
            self.context.hooks.spawn(self.pump.expire_for_ever(), "alarms")

    async def close(self) -> None:
        """Nothing of it outlives its sessions but what the connector cancels itself."""

    # --- what was learnt --------------------------------------------------------------------------------

    def topology_works(self, topology: Topology) -> None:
        """Media came this way: the next session begins with it."""
        self._topology = topology

    def topology_failed(self) -> None:
        """Media did not come the way it used to: the next session looks for another, unless one was prescribed."""
        if self.options.topology == "auto":
            self._topology = Topology.AUTO

    async def drifted(self, drift_s: float) -> None:
        """Show how far the clock is off, and report it once when that is too much (DVRIP §14)."""
        self._drift_shown = drift_s
        self.context.hooks.drifted(round(drift_s, 1))
        if abs(drift_s) <= self.options.clock_drift_s:
            self._drift_told = None
            return
        if self._drift_told is not None and abs(drift_s - self._drift_told) < DRIFT_NEWS_S:
            return
        self._drift_told = drift_s
        side = "ahead" if drift_s > 0 else "behind"
        await self.context.events.exception(
            "clock-drift", f"the device's clock is {abs(drift_s):.0f} s {side}", drift_s=round(drift_s, 1)
        )

    async def seen_drift(self, drift_s: float) -> None:
        """The dates in the video show the clock too: worth a word when it is no longer what was shown."""
        if self._drift_shown is None or abs(drift_s - self._drift_shown) > SEEN_DRIFT_S:
            await self.drifted(drift_s)

    async def clock_jumped(self, jump_s: float) -> None:
        """The dates in the video show that the clock was set."""
        await self.context.events.exception(
            "clock-drift",
            f"the device's clock was set by {jump_s:+.0f} s",
            severity=Severity.INFO,
            jump_s=round(jump_s, 1),
        )

    async def disks_are(self, disks: Sequence[Disk]) -> None:
        """Report a disk that has changed, once (DVRIP §14)."""
        change = self._disks.look(disks)
        if change is not None:
            await self.context.events.exception(
                "disk-changed",
                change.text[:500],
                severity=Severity.MAJOR if change.failed else Severity.INFO,
                partitions=change.partitions[:64],
            )

    async def connection_limit(self, text: str) -> None:
        """Report, now and then, that the device takes no more connections (DVRIP §5)."""
        now = asyncio.get_running_loop().time()
        if now - self._limit_told_at >= LIMIT_NEWS_S:
            self._limit_told_at = now
            await self.context.events.exception("connection-limit", text)

    # --- waiting for sessions ---------------------------------------------------------------------------

    def _set_session(self, session: DvripSession | None) -> None:
        self.session = session
        self._session_changed.set()
        self._session_changed = asyncio.Event()

    def session_closed(self, session: DvripSession) -> None:
        """A session is over."""
        if self.session is session:
            self._set_session(None)

    async def next_session(self, session: DvripSession) -> DvripSession:
        """Wait for the session after this one; bound it with a timeout."""
        while self.session is None or self.session is session:
            await self._session_changed.wait()
        return self.session

    async def _look_for_another(self, serial: str) -> None:
        """Report that what answers, or calls itself so, is another device than before (DVRIP §11)."""
        before, self._serial = self._serial, serial or self._serial
        if before and serial and before != serial:
            self._up_since = None  # how long it is up says nothing about the one before
            text = f"another device answers: its serial number is {shown(serial, 64)}, it was {shown(before, 64)}"
            await self.context.events.exception("serial-changed", text)

    # --- upgrades ---------------------------------------------------------------------------------------

    def _upgrade_run(
        self, request: UpgradeStartRequest, on_state: OnState, mark_begun: MarkBegun
    ) -> UpgradeRun:
        store = ObjectStore(self.context.bus, request.bucket)
        return UpgradeRun(self, request, store, on_state=on_state, mark_begun=mark_begun)

    def _not_downloading(self) -> None:
        if self.session is not None and self.session.slot.holder is not None:
            raise Conflict("the device is sending a download", reason="download-under-way")

    # --- restarts ---------------------------------------------------------------------------------------

    def expect_restart(self) -> None:
        """The device was told to restart."""
        self._restart_expected = True

    async def _look_for_restart(self, session: DvripSession) -> None:
        """Report a device that has restarted by itself: it is up for less long than we have known it (DVRIP §14)."""
        now = asyncio.get_running_loop().time()
        since = now - session.facts.info.uptime_minutes * 60.0
        before, self._up_since = self._up_since, since
        expected, self._restart_expected = self._restart_expected, False
        if before is not None and not expected and since - before > 180.0 and not self.upgrades.busy:
            await self.context.events.exception("unexpected-restart", "the device restarted by itself")


def _recognise(session: DvripSession, serial: str) -> None:
    """Make sure that a device is the one that was expected.

    Raises:
        SessionEnd: it is another one.
    """
    if serial not in ("", session.facts.info.serial):
        raise SessionEnd(EndReason.DEVICE_ERROR, "another device answers there")
