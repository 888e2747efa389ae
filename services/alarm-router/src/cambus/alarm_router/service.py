"""The service: alarms from the event stream to the sinks of the rules."""

from typing import ClassVar

import aiohttp

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.handlers import AlarmRouterCommands
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.progress import Progress
from cambus.alarm_router.router import Router
from cambus.alarm_router.rules import RuleBook
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.alarm_router.sinks import SigningKeys, Sinks
from cambus.bus.consumer import EventConsumer
from cambus.bus.received import ReceivedEvent
from cambus.bus.sealing import KeyRing
from cambus.bus.service import Runtime, Service
from cambus.schemas import subjects
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised

WANTED = [f"{subjects.PREFIX}.evt.*.alarm.{phase}" for phase in ("raised", "cleared")]
MAX_TRIED = 10_000


class AlarmRouter(Service[AlarmRouterSettings]):
    """Routes the alarms of all devices; any number of replicas share the work."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Routes the alarms of the bus to webhooks and bus subjects, losing none."

    def __init__(self, runtime: Runtime[AlarmRouterSettings]) -> None:
        super().__init__(runtime)
        settings = runtime.settings
        self._rules = RuleBook(runtime.bus)
        self._active = ActiveAlarms(runtime.bus)
        self._consumer = EventConsumer(
            runtime.bus,
            commands.SERVICE,
            WANTED,
            self._handle,
            max_deliver=settings.delivery_attempts,
            backoff=settings.delays_s(),
            max_in_flight=settings.parallel_alarms,
            ack_sync=True,
        )
        self._tried: set[str] = set()  # events whose last attempt in this process failed
        self._router: Router | None = None

    async def start(self) -> None:
        """Learn the rules, then consume."""
        runtime, key_file = self.runtime, self.runtime.settings.credentials_key_file
        session = await runtime.enter(aiohttp.ClientSession())
        ring = KeyRing.load(key_file) if key_file is not None else None
        sinks = Sinks(runtime.bus, session, SigningKeys(runtime.bus, ring))
        self._router = Router(
            self._rules, sinks, self._active, Progress(runtime.bus), RouterMetrics(runtime.metrics)
        )
        AlarmRouterCommands(self._rules, self._active).register(runtime.endpoints)
        runtime.spawn(self._rules.follow_rules(), name="rules")
        runtime.spawn(self._rules.follow_devices(), name="devices")
        await self._rules.wait_synced()
        runtime.spawn(self._consumer.run(), name="alarms")

    async def release(self) -> None:
        """Take no more events; other replicas get what was not begun."""
        self._consumer.stop()

    async def _handle(self, received: ReceivedEvent) -> None:
        event, router = received.event, self._router
        if router is None:
            return
        again = received.attempts > 1 or event.id in self._tried
        if len(self._tried) >= MAX_TRIED:  # what became dead letters stays behind
            self._tried.clear()
        self._tried.add(event.id)
        match event:
            case AlarmRaised():
                await router.raised(event, again=again)
            case AlarmCleared():
                await router.cleared(event, again=again)
        self._tried.discard(event.id)
