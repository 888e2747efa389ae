"""The service: alarms from the event stream to the sinks of the rules."""

import asyncio
import time
from itertools import count
from typing import ClassVar

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.backlog import Backlog
from cambus.alarm_router.duty import Duty
from cambus.alarm_router.handlers import AlarmRouterCommands
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.outlet import Pace
from cambus.alarm_router.outlets import Outlets
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.router import Patience, Router
from cambus.alarm_router.rules import RuleBook
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.alarm_router.sinks import SigningKeys, Sinks
from cambus.alarm_router.webhook import open_session
from cambus.bus.consumer import EventConsumer
from cambus.bus.leases import LeaseKeeper
from cambus.bus.received import ReceivedEvent
from cambus.bus.sealing import KeyRing
from cambus.bus.service import Runtime, Service
from cambus.schemas import keys, subjects
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised

WANTED = [f"{subjects.PREFIX}.evt.*.alarm.{phase}" for phase in ("raised", "cleared")]
GIVEN_BACK_WHILE_WANTED = 50
"""How often an alarm comes again at most while its time has not run out, when it has to be given back."""
MAX_UNFINISHED = 100_000
NATS_DELAYS_S = (0.5, 1.0, 2.0, 5.0)
LEASE_MARGIN_S = 3.0


class AlarmRouter(Service[AlarmRouterSettings]):
    """Routes the alarms of all devices; one replica delivers, the others stand by."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Routes the alarms of the bus to webhooks and bus subjects, losing none."

    def __init__(self, runtime: Runtime[AlarmRouterSettings]) -> None:
        super().__init__(runtime)
        self._rules = RuleBook(runtime.bus)
        self._active = ActiveAlarms(runtime.bus)
        self._router: Router | None = None
        self._duty: Duty | None = None
        self._on_duty: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn the rules, then consume."""
        runtime, settings = self.runtime, self.runtime.settings
        key_file = settings.credentials_key_file
        signing = SigningKeys(runtime.bus, KeyRing.load(key_file) if key_file is not None else None)
        sinks = Sinks(runtime.bus, await runtime.enter(open_session()), signing)
        metrics = RouterMetrics(runtime.metrics)
        pace = Pace(
            parallel=settings.deliveries_per_sink,
            first_delay_s=settings.delivery_first_delay_s,
            longest_delay_s=settings.delivery_longest_delay_s,
            clock=time.monotonic,
        )
        outlets = Outlets(self._rules, sinks.deliver, pace, metrics)
        self._rules.on_change = outlets.rules_changed
        patience = Patience(
            give_up_s=settings.delivery_give_up_s,
            max_waiting=settings.alarms_in_memory * 3 // 4,
            later_s=settings.delivery_give_up_s / GIVEN_BACK_WHILE_WANTED,
        )
        backlog = Backlog(settings.redelivery_s * 1.25 + 1.0)
        progress = Progress(runtime.bus)
        self._router = Router(self._rules, outlets, self._active, progress, metrics, patience, backlog)
        ttl_s = settings.lease_ttl_s
        leases = LeaseKeeper(runtime.bus, ttl_s=ttl_s, margin_s=min(LEASE_MARGIN_S, ttl_s / 5))
        self._duty = Duty(
            leases,
            keys.service_lease(commands.SERVICE),
            lambda: backlog.learn(runtime.bus, commands.SERVICE, WANTED),
            self._consumer,
            self._router,
        )
        AlarmRouterCommands(self._rules, self._active, signing).register(runtime.endpoints)
        runtime.spawn(self._rules.follow_rules(), name="rules")
        runtime.spawn(self._rules.follow_devices(), name="devices")
        runtime.spawn(self._deliver(outlets, self._router), name="outlets")
        runtime.spawn(leases.run(), name="lease")
        await asyncio.gather(self._rules.wait_synced(), outlets.open.wait())
        self._on_duty = runtime.spawn(self._duty.run(), name="duty")

    def _consumer(self) -> EventConsumer:
        settings, numbers = self.runtime.settings, count()
        return EventConsumer(
            self.runtime.bus,
            commands.SERVICE,
            WANTED,
            self._handle,
            key=lambda _: str(next(numbers)),  # each by itself: the router keeps the order
            max_deliver=2 * GIVEN_BACK_WHILE_WANTED,
            backoff=NATS_DELAYS_S,
            max_in_flight=settings.alarms_in_memory,
            max_unfinished=max(MAX_UNFINISHED, settings.alarms_in_memory),
            ack_sync=True,
            ack_wait_s=settings.redelivery_s,
        )

    async def release(self) -> None:
        """Take no more events; another replica gets what was not begun, and what waits for a sink."""
        if self._duty is not None:
            self._duty.stop()

    async def stop(self) -> None:
        """Finish what is being delivered."""
        if self._on_duty is not None:
            await asyncio.wait({self._on_duty})

    async def _deliver(self, outlets: Outlets, router: Router) -> None:
        try:
            await outlets.run()
        finally:
            router.hand_over()

    async def _handle(self, received: ReceivedEvent) -> None:
        event, router = received.event, self._router
        if router is not None and isinstance(event, AlarmRaised | AlarmCleared):
            await router.handle(event, received.seq, again=received.attempts > 1)
