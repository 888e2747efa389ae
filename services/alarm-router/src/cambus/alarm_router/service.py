"""The service: alarms from the event stream to the sinks of the rules."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import ClassVar

from cambus.alarm_router.acknowledging import publish
from cambus.alarm_router.actions import Actions
from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.backlog import Backlog
from cambus.alarm_router.duty import Duty
from cambus.alarm_router.escalation import Escalations
from cambus.alarm_router.handlers import AlarmRouterCommands
from cambus.alarm_router.mqtt import Brokers
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.outlet import Pace
from cambus.alarm_router.outlets import Outlets
from cambus.alarm_router.pictures import Pictures
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.router import Handling, Patience, Router
from cambus.alarm_router.routing import Routing
from cambus.alarm_router.rules import PHASES, RuleBook, Told
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.alarm_router.sink_report import statuses
from cambus.alarm_router.sink_secrets import SinkSecrets
from cambus.alarm_router.sinks import Sinks, trusted_by
from cambus.alarm_router.suppression import Suppression
from cambus.alarm_router.telling import Telling
from cambus.alarm_router.webhook import open_session
from cambus.bus.jetstream_watch import JetStreamWatch
from cambus.bus.leases import LeaseKeeper
from cambus.bus.sealing import KeyRing
from cambus.bus.service import Runtime, Service
from cambus.client.consumer import EventConsumer
from cambus.client.received import ReceivedEvent
from cambus.schemas import headers as header
from cambus.schemas import keys, subjects
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.commands.alarm_cases import SinksListReply
from cambus.schemas.events.alarm_handling import ACTED, ESCALATED, AlarmActed, AlarmEscalated

WANTED = [f"{subjects.PREFIX}.evt.*.alarm.{phase}" for phase in PHASES]
GIVEN_BACK_WHILE_WANTED = 50
"""How often an alarm comes again at most while its time has not run out, when it has to be given back."""
MAX_UNFINISHED = 100_000
NATS_DELAYS_S = (0.5, 1.0, 2.0, 5.0)
LEASE_MARGIN_S = 3.0
ELECTION_S = 10.0
"""How long a NATS cluster may take to agree on who gives out events; until then it gives out none."""


class AlarmRouter(Service[AlarmRouterSettings]):
    """Routes the alarms of all devices; one replica delivers, the others stand by."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Routes the alarms of the bus to whoever is to know, and acts on them."

    def __init__(self, runtime: Runtime[AlarmRouterSettings]) -> None:
        super().__init__(runtime)
        self.clock: Callable[[], float] = time.monotonic
        self._rules = RuleBook(runtime.bus)
        self._active = ActiveAlarms(runtime.bus)
        self._router: Router | None = None
        self._duty: Duty | None = None
        self._outlets: Outlets | None = None
        self._brokers: Brokers | None = None
        self._metrics: RouterMetrics | None = None
        self._on_duty: asyncio.Task[None] | None = None
        self._backlog: Backlog | None = None
        self._taking: EventConsumer | None = None

    async def start(self) -> None:
        """Learn the rules, then consume."""
        runtime, settings = self.runtime, self.runtime.settings
        key_file = settings.credentials_key_file
        secrets = SinkSecrets(runtime.bus, KeyRing.load(key_file) if key_file is not None else None)
        metrics = RouterMetrics(runtime.metrics)
        actions = Actions(runtime.bus, self._tell_acted, metrics)
        trusted = trusted_by(settings.sinks_ca_file)
        session = await runtime.enter(open_session(trusted))
        sinks = Sinks(runtime.bus, session, secrets, Pictures(runtime.bus, actions.taken), trusted)
        self._brokers = sinks.brokers
        self._outlets = outlets = Outlets(self._rules, sinks.deliver, _pace(settings), metrics)
        self._rules.on_change = outlets.rules_changed
        suppression = Suppression()
        escalations = Escalations(runtime.bus, self._rules, self._tell_escalated)
        routing = Routing(self._rules, suppression, metrics, self._now)
        self._metrics = metrics
        bus = runtime.bus
        self._backlog = backlog = Backlog(settings.redelivery_s * 1.25 + ELECTION_S, lambda: bus.connected)
        bus.on_reconnect(backlog.more_time)
        handling = Handling(routing, self._active, actions, escalations)
        progress = Progress(runtime.bus)
        self._router = Router(handling, outlets, progress, metrics, _patience(settings), backlog)
        ttl_s = settings.lease_ttl_s
        leases = LeaseKeeper(runtime.bus, ttl_s=ttl_s, margin_s=min(LEASE_MARGIN_S, ttl_s / 5))

        async def learn() -> None:
            await backlog.learn(runtime.bus, commands.SERVICE, WANTED)
            await escalations.learn()

        self._duty = Duty(
            leases,
            keys.service_lease(commands.SERVICE),
            learn,
            self._meanwhile(Telling(runtime.bus, escalations, suppression, self._now)),
            self._consumer,
            self._router,
        )
        AlarmRouterCommands(runtime.bus, self._rules, self._active, secrets, self._report).register(
            runtime.endpoints
        )
        runtime.spawn(self._rules.follow_rules(), name="rules")
        runtime.spawn(self._rules.follow_devices(), name="devices")
        runtime.spawn(self._deliver(outlets, self._router), name="outlets")
        runtime.spawn(leases.run(), name="lease")
        runtime.spawn(JetStreamWatch(runtime.bus).run(), name="jetstream")
        await asyncio.gather(self._rules.wait_synced(), outlets.open.wait())
        self._on_duty = runtime.spawn(self._duty.run(), name="duty")

    def _now(self) -> float:
        return self.clock()

    def _report(self) -> SinksListReply:
        on_duty = self._duty is not None and self._duty.on
        return SinksListReply(
            replica=self.runtime.settings.instance,
            on_duty=on_duty,
            sinks=statuses(self._rules, self._outlets) if on_duty and self._outlets is not None else [],
            given_back=self._router.given_back if self._router is not None else 0,
        )

    async def _tell_acted(self, event: AlarmActed) -> None:
        await publish(self.runtime.bus, ACTED, event)

    async def _tell_escalated(self, event: AlarmEscalated) -> None:
        await publish(self.runtime.bus, ESCALATED, event)
        if self._metrics is not None:
            self._metrics.escalated()

    def _meanwhile(self, telling: Telling) -> Callable[[], Awaitable[None]]:
        async def meanwhile() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(telling.run())
                group.create_task(self._take_new_ones())

        return meanwhile

    async def _take_new_ones(self) -> None:
        """Once what was left to us has come, what is new may come as well."""
        if self._backlog is not None and self._taking is not None:
            await self._backlog.over.wait()
            await self._taking.allow(self._most_unfinished())

    def _most_unfinished(self) -> int:
        return max(MAX_UNFINISHED, self.runtime.settings.alarms_in_memory)

    def _consumer(self) -> EventConsumer:
        settings, numbers = self.runtime.settings, count()
        unsettled = self._backlog.unsettled if self._backlog is not None else 0
        keeps_room = 0 < unsettled <= settings.alarms_in_memory
        self._taking = EventConsumer(
            self.runtime.bus,
            commands.SERVICE,
            WANTED,
            self._handle,
            key=lambda _: str(next(numbers)),  # each by itself: the router keeps the order
            max_deliver=2 * GIVEN_BACK_WHILE_WANTED,
            backoff=NATS_DELAYS_S,
            max_in_flight=settings.alarms_in_memory,
            # more new ones would take the room that those need which are to come before them
            max_unfinished=settings.alarms_in_memory if keeps_room else self._most_unfinished(),
            ack_sync=True,
            ack_wait_s=settings.redelivery_s,
        )
        return self._taking

    async def release(self) -> None:
        """Take no more events; another replica gets what was not begun, and what waits for a sink."""
        if self._duty is not None:
            self._duty.stop()

    async def stop(self) -> None:
        """Finish what is being delivered."""
        if self._on_duty is not None:
            await asyncio.wait({self._on_duty})
        if self._brokers is not None:
            await self._brokers.close()

    async def _deliver(self, outlets: Outlets, router: Router) -> None:
        try:
            await outlets.run()
        finally:
            router.hand_over()

    async def _handle(self, received: ReceivedEvent) -> None:
        event, router = received.event, self._router
        if router is not None and isinstance(event, Told):
            again = received.attempts > 1 or header.RETRY_FOR in received.headers
            await router.handle(event, received.seq, again=again)


def _pace(settings: AlarmRouterSettings) -> Pace:
    return Pace(
        parallel=settings.deliveries_per_sink,
        first_delay_s=settings.delivery_first_delay_s,
        longest_delay_s=settings.delivery_longest_delay_s,
        clock=time.monotonic,
    )


def _patience(settings: AlarmRouterSettings) -> Patience:
    return Patience(
        give_up_s=settings.delivery_give_up_s,
        max_waiting=settings.alarms_in_memory * 3 // 4,
        later_s=settings.delivery_give_up_s / GIVEN_BACK_WHILE_WANTED,
    )
