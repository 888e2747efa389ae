"""A receiver of webhooks, and what tests do with the bus of an alarm router and with the routers themselves."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from cambus.alarm_router.service import AlarmRouter
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.sealing import KeyRing
from cambus.client.calling import BusClient
from cambus.client.errors import AssetNotFound
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.codec import MSGPACK, decode, encode
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import CambusError
from cambus.schemas.events import alarm as events
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Empty
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.dead_letters import DeadLetter
from cambus.schemas.state.deliveries import DeliveryProgress, OpenEscalation


class Receiver:
    """A web server for webhooks: what it does with a path is scripted, what came it remembers.

    A script is called with the request's number on that path, from 1, and returns the status to answer with, or
    a response.
    """

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.accepted: list[tuple[str, str, dict]] = []
        self.scripts: dict[str, Callable[[int], object]] = {}
        self._numbers: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self.url = ""

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(request)
        self.bodies.append(body)
        self._numbers[request.path] += 1
        script = self.scripts.get(request.path, lambda _: 200)
        outcome = script(self._numbers[request.path])
        if isinstance(outcome, Awaitable):
            outcome = await outcome
        response = outcome if isinstance(outcome, web.StreamResponse) else web.Response(status=int(outcome))
        async with self._changed:
            if 200 <= response.status < 300:
                self.accepted.append((request.path, request.headers["webhook-id"], json.loads(body)))
            self._changed.notify_all()
        return response

    async def until(self, condition: Callable[[], object], within_s: float = 30.0) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(condition)

    def ids(self, path: str = "/hook") -> list[str]:
        return [event for at, event, _ in self.accepted if at == path]

    def told(self, path: str = "/hook") -> list[tuple[str, str]]:
        """What was accepted, as (type, device)."""
        return [(body["type"], body["alarm"]["device"]) for at, _, body in self.accepted if at == path]

    def attempts(self, path: str = "/hook") -> int:
        return self._numbers[path]


class AlarmBus:
    """Raises alarms, writes rules, runs routers, and looks at what they leave behind."""

    def __init__(self, bus: Bus, settings: AlarmRouterSettings, folder: Path) -> None:
        self.bus = bus
        self.settings = settings
        self.client = BusClient(bus)
        self._folder = folder
        self._at = datetime.now(UTC)

    # --- the service ------------------------------------------------------------------------------------

    def in_process(self, **settings: object) -> RunningService[AlarmRouterSettings]:
        return RunningService(AlarmRouter, self.settings.model_copy(update=settings))

    @asynccontextmanager
    async def process(self, **settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
        """The service as a process of its own, for real signals."""
        changed = self.settings.model_copy(update=settings)
        told = changed.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        environment = {f"CAMBUS_{name.upper()}": str(value) for name, value in told.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cambus.alarm_router",
            env={**os.environ, **environment},
            stderr=asyncio.subprocess.PIPE,
        )
        reading = None
        try:
            async with asyncio.timeout(30):
                async for line in process.stderr:
                    if json.loads(line).get("event") == "started":
                        break
            reading = asyncio.create_task(process.stderr.read())
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            if reading is not None:
                await reading

    # --- devices ----------------------------------------------------------------------------------------

    def raised(self, device: str, **fields: object) -> events.AlarmRaised:
        self._at += timedelta(milliseconds=1)
        facts = {"type": "motion", "severity": "info", "key": "motion:0", "at": self._at} | fields
        return events.AlarmRaised(id=new_ulid(), device=device, protocol="dvrip", **facts)

    def cleared(self, device: str, **fields: object) -> events.AlarmCleared:
        self._at += timedelta(milliseconds=1)
        facts = {"type": "motion", "severity": "info", "key": "motion:0", "at": self._at} | fields
        return events.AlarmCleared(id=new_ulid(), device=device, protocol="dvrip", **facts)

    async def publish(self, event: events.AlarmEvent, *, message_id: str | None = None) -> str:
        spec = events.RAISED if isinstance(event, events.AlarmRaised) else events.CLEARED
        await self.bus.jetstream.publish(
            spec.subject(event.device),
            encode(event, MSGPACK),
            headers={"Nats-Msg-Id": message_id or event.id, "Content-Type": MSGPACK},
        )
        return event.id

    async def raise_alarm(self, device: str, **fields: object) -> str:
        return await self.publish(self.raised(device, **fields))

    async def clear_alarm(self, device: str, **fields: object) -> str:
        return await self.publish(self.cleared(device, **fields))

    # --- rules and what is stored -----------------------------------------------------------------------

    async def put(self, rule_id: str, *sinks: dict, **fields: object) -> None:
        """Put a rule by command."""
        rule = AlarmRule(id=rule_id, sinks=list(sinks), **fields)
        await self.client.call(commands.RULES_PUT, commands.RulesPutRequest(rule=rule))

    async def store_secret(self, name: str, **credentials: object) -> None:
        sealed = KeyRing.load_or_create(self._folder / "key").seal(Credentials(**credentials), name)
        await KeyValue(self.bus, assets.KV_CREDENTIALS, SealedCredentials).put(name, sealed)

    async def active(self, **request: object) -> list[tuple[str, int]]:
        """The raised alarms as (device, count)."""
        reply = await self.client.call(commands.ALARMS_LIST, commands.AlarmsListRequest(**request))
        return sorted((alarm.raised.device, alarm.count) for alarm in reply.alarms)

    async def rules(self) -> list[str]:
        return [rule.id for rule in (await self.client.call(commands.RULES_LIST, Empty())).rules]

    async def dead_letters(self) -> list[DeadLetter]:
        info = await self.bus.jetstream.call(f"STREAM.INFO.{assets.STREAM_DEAD_LETTERS}")
        state = info["state"]
        letters = []
        for seq in range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else ():
            message = await self.bus.js.get_msg(assets.STREAM_DEAD_LETTERS, seq)
            letters.append(decode(DeadLetter, message.data, MSGPACK))
        return letters

    async def unfinished(self) -> int:
        """Events the router has not been given, or has not ended; all of them before it is on duty at all."""
        try:
            info = await self.bus.jetstream.call(f"CONSUMER.INFO.{assets.STREAM_EVENTS}.{commands.SERVICE}")
        except AssetNotFound:
            return 1
        return info["num_pending"] + info["num_ack_pending"]

    async def all_done(self) -> bool:
        return await self.unfinished() == 0

    async def store(self, rule_id: str, *sinks: dict, **fields: object) -> None:
        """Write a rule past the command, as it may be there before the first router is."""
        rule = AlarmRule(id=rule_id, sinks=list(sinks), **fields)
        await KeyValue(self.bus, assets.KV_POLICIES, AlarmRule).put(keys.alarm_rule(rule_id), rule)

    async def delete(self, rule_id: str) -> None:
        """Delete a rule by command."""
        await self.client.call(commands.RULES_DELETE, commands.RulesDeleteRequest(id=rule_id))

    async def refused(self, rule_id: str, *sinks: dict, **fields: object) -> CambusError:
        """Put a rule that is to be refused; the refusal."""
        try:
            await self.put(rule_id, *sinks, **fields)
        except CambusError as error:
            return error
        raise AssertionError("the rule was taken")

    async def owed(self, event: str) -> list[str] | None:
        """The routes that are to get an event still, as it is written down."""
        entry = await KeyValue(self.bus, assets.KV_DELIVERIES, DeliveryProgress).get(event)
        return None if entry is None else list(entry.value.routes)

    async def open_escalations(self) -> list[tuple[str, int]]:
        """What is written down of escalations, as (alarm, next step)."""
        stored = KeyValue(self.bus, assets.KV_DELIVERIES, OpenEscalation)
        entries = await stored.items(f"{keys.ESCALATIONS}>")
        return sorted((entry.value.alarm.id, entry.value.step) for entry in entries.values())

    async def make_due(self) -> None:
        """Have every escalation be due, as if the time had gone by."""
        stored = KeyValue(self.bus, assets.KV_DELIVERIES, OpenEscalation)
        for key, entry in (await stored.items(f"{keys.ESCALATIONS}>")).items():
            await stored.put(key, entry.value.model_copy(update={"due_at": datetime.now(UTC)}))
