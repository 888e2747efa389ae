"""The service every connector is: what is shared, put together around one driver."""

import asyncio
import logging
from abc import abstractmethod
from typing import Any, ClassVar, Final, TypeVar

from cambus.bus.events import EventPublisher
from cambus.bus.leases import Before, HeldLease, LeaseKeeper
from cambus.bus.members import Members, Waiting, this_replica
from cambus.bus.outbox import ROOM_BYTES, Outbox
from cambus.bus.sealing import KeyRing, SealError
from cambus.bus.service import Runtime, Service
from cambus.bus.version import suite_version
from cambus.client.errors import BusError
from cambus.connector.commands import Commands
from cambus.connector.credentials import CredentialStore
from cambus.connector.driver import Driver
from cambus.connector.fleet import Fleet
from cambus.connector.holds import Holds
from cambus.connector.inbound import Inbound
from cambus.connector.knocks import Knocks
from cambus.connector.left_behind import LeftBehind
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.metrics import SessionMetrics
from cambus.connector.ownership import Ownership
from cambus.connector.presence import PresenceBoard
from cambus.connector.registry import Registry
from cambus.connector.settings import ConnectorSettings
from cambus.connector.succession import Succession
from cambus.connector.surroundings import Surroundings
from cambus.connector.talk_metrics import TalkMetrics
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.base import Event
from cambus.schemas.spec import EventSpec

logger = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT", bound=ConnectorSettings)

FLUSH_S: Final = 1.0
SETTLED_S: Final = 1.0
"""How long a hand-over waits for what its devices have told to be in JetStream, so that it comes before what they tell
their next owner."""
HEARD_S: Final = 2.0
"""How long a device may wait for being told that its alarm was heard: until JetStream has it, so that no other replica
can come before it with what the device tells next. While JetStream takes nothing our disk has to do."""
SYNCED: Final = "device records"


class ConnectorService(Service[SettingsT]):
    """A connector. Derive it, name it (`connector-<protocol>`), and give it a driver.

    Attributes:
        patient: whether devices that come while NATS is away are kept until it is back.
    """

    patient: ClassVar[bool] = False

    def __init__(self, runtime: Runtime[SettingsT]) -> None:
        super().__init__(runtime)
        settings, bus, metrics = runtime.settings, runtime.bus, runtime.metrics
        self.driver = self.make_driver()
        protocol = self.driver.protocol
        self.events = EventPublisher(
            bus,
            Outbox(
                settings.data_dir / f"{self.name}-{settings.instance}.outbox",
                max_rows=settings.outbox_max_events,
                room_bytes=ROOM_BYTES,
            ),
            on_overflow=self._event_dropped,
        )
        TalkMetrics(metrics, protocol)  # there from the start, whether anybody talks or not
        self.left_behind = LeftBehind(
            bus, protocol, self._publish, self._holder_of, settings.alarm_left_behind_s
        )
        self.credentials = CredentialStore(bus, self._load_keys(), self._credentials_changed)
        self.board = PresenceBoard(bus)
        self.leases = LeaseKeeper(
            bus, ttl_s=settings.lease_ttl_s, margin_s=settings.lease_margin_s, on_lost=self._lease_lost
        )
        self.around = Surroundings(
            protocol=protocol,
            replica=settings.instance,
            bus=bus,
            endpoints=runtime.endpoints,
            credentials=self.credentials,
            board=self.board,
            publish=self.left_behind.publish,
            metrics=metrics,
            sessions=SessionMetrics(metrics, protocol),
            media=MediaMetrics(metrics, protocol),
            backoff=settings.backoff,
            linger_s=settings.live_linger_s,
            connect_timeout_s=settings.connect_timeout_s,
            history=self.leases.history,
        )
        self.members = Members(
            bus,
            this_replica(self.name, settings.instance, suite_version()),
            ttl_s=settings.lease_ttl_s,
            on_change=self._wake,
            outbox=self._outbox,
        )
        self.succession = Succession(
            bus,
            self.name,
            self.events,
            self.members,
            wait_s=settings.alarm_order_wait_s,
            certain=lambda: self.ownership.certain() and self.holds.certain(),
        )
        self.holds = Holds(bus, self.leases, protocol, self._hold_changed, self._hold_taken)
        self.fleet = Fleet(self.driver, self.around, self.holds, valid=self._valid, on_shards=self._wake)
        self.inbound = Inbound(self.fleet, self.holds, self.around, patient=self.patient)
        self.knocks = Knocks(bus, protocol, settings.instance, metrics)
        self.ownership = Ownership(
            self.leases,
            self.members,
            protocol,
            self.fleet,
            ttl_s=settings.lease_ttl_s,
            history=_ShardAlarms(self.events, self.succession, self.fleet),
        )
        self.registry = Registry(bus, protocol, self.fleet.record_changed)
        self.around.sessions.wanted(lambda: len(self.registry.devices))

    @abstractmethod
    def make_driver(self) -> Driver[Any]:
        """Return the driver of the protocol; `self.runtime` is there."""

    async def start(self) -> None:
        """Open the outbox, follow the records, take what is ours, answer commands."""
        runtime = self.runtime
        await runtime.enter(self.events)
        Commands(self.fleet, self.driver).register(runtime.endpoints)
        for work, name in (
            (self.credentials.run(), "credentials"),
            (self.registry.run(), "registry"),
            (self.board.run(), "presence"),
            (self.leases.run(), "leases"),
            (self.members.run(), "members"),
            (self.succession.run(), "succession"),
            (self.fleet.run(), "fleet"),
            (self.holds.run(), "holds"),
            (self.inbound.run(), "inbound"),
            (self.knocks.run(), "knocks"),
            (self.left_behind.run(), "alarms left behind"),
        ):
            runtime.spawn(work, name=name)
        with runtime.health.pending(SYNCED, "reading device records and credentials"):
            await self.credentials.synced()
            await self.registry.synced()
            await self.holds.synced()
            await self.succession.open()
        runtime.spawn(self.ownership.run(), name="ownership")
        runtime.spawn(self._sweep_presence(), name="sweep")

    async def release(self) -> None:
        """Hand every device over at once; those that dialled in are hung up on, and dial another replica."""
        self.inbound.close()
        self.succession.let_all_go()
        await asyncio.gather(self.fleet.hang_up(), self.ownership.stop())
        await self.holds.leave()
        await self.board.flush(FLUSH_S)

    async def stop(self) -> None:
        """Say what is left to say."""
        if await self.events.flush(FLUSH_S):
            await self.succession.close()

    # --- inside -----------------------------------------------------------------------------------------

    def _load_keys(self) -> KeyRing | None:
        settings = self.runtime.settings
        path = settings.credentials_key_file
        if path is None:
            logger.warning("no CAMBUS_CREDENTIALS_KEY_FILE: devices with credentials will not be connected")
            return None
        try:
            return KeyRing.load_or_create(path) if settings.create_credentials_key else KeyRing.load(path)
        except SealError as error:
            raise ValueError(str(error)) from None

    def _holder_of(self, device: str) -> object | None:
        unit = self.fleet.unit(device)
        return unit if unit is not None and unit.owned() else None

    def _credentials_changed(self, name: str) -> None:
        self.fleet.credentials_changed(name)

    def _lease_lost(self, key: str) -> None:
        self.ownership.lease_lost(key)
        self.holds.lease_lost(key)

    def _hold_changed(self, device: str) -> None:
        self.fleet.hold_changed(device)

    def _hold_taken(self, device: str, epoch: int, former: str | None) -> None:
        before = {None: Before.GIVEN_BACK, self.members.name: Before.OURS}.get(former, Before.UNKNOWN)
        self.succession.took_over({device}, epoch, before, former)

    def _valid(self, shard: int) -> bool:
        return self.ownership.valid(shard)

    def _outbox(self) -> Waiting:
        return self.succession.outbox()

    def _wake(self) -> None:
        self.ownership.wake()

    async def _publish(self, spec: EventSpec[Any], event: Event) -> None:
        is_alarm = isinstance(event, AlarmRaised | AlarmCleared)
        await self.events.publish(spec, event, patience_s=HEARD_S if is_alarm else 0.0, in_turn=is_alarm)

    def _event_dropped(self, spec: EventSpec[Event], event: Event) -> None:
        logger.error("event dropped: the outbox is full", extra={"device": event.device, "kind": spec.name})

    async def _sweep_presence(self) -> None:
        """Remove what a connector that is no more left behind of devices that are no more."""
        try:
            for device, presence in (await self.board.everything()).items():
                if presence.protocol == self.driver.protocol and device not in self.registry.devices:
                    await self.board.remove(device, self.driver.protocol)
        except BusError as error:
            logger.warning("presence not swept", extra={"reason": str(error)})


class _ShardAlarms:
    """What becomes of the alarms of the devices in a shard that changes hands."""

    def __init__(self, events: EventPublisher, succession: Succession, fleet: Fleet) -> None:
        self._events = events
        self._succession = succession
        self._fleet = fleet

    def took_over(self, shard: int, lease: HeldLease) -> None:
        self._succession.took_over(self._fleet.dialled(shard), lease.epoch, lease.before)

    def pending(self, shard: int) -> bool:
        return self._succession.pending(self._fleet.dialled(shard))

    async def settled(self) -> object:
        return await self._events.settled(SETTLED_S)
