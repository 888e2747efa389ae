"""The command endpoints of a service: which commands it answers, for which devices, and how many at once.

One subscription a held device, `cambus.v1.cmd.<device>.>` in a queue group named after the device, is all
the routing there is: while nobody holds the device NATS itself answers "no responders". Which command it is
follows from the rest of the subject, so a thousand devices cost a thousand subscriptions, not sixty thousand.

Each call passes one gate. Commands that talk to the device share the device's gate (one at a time, 32 wait,
then 429); the others, answered from what the service knows, have a gate of their own for each command.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from nats.aio.msg import Msg

from cambus.bus.calls import (
    NO_HEADERS,
    CallHandler,
    Rep,
    Req,
    answer,
    content_type_for_reply,
    deadline_of,
    error_body,
)
from cambus.bus.connection import Bus
from cambus.bus.discovery import Discovery
from cambus.bus.gate import Gate
from cambus.bus.routes import CallCounts, Route, unroutable_reply
from cambus.client.delivery import Subscription
from cambus.client.errors import BusError
from cambus.client.tasks import TaskSet
from cambus.schemas import headers as header
from cambus.schemas import subjects
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.errors import CambusError, NotFound, Offline, Overloaded, Unsupported
from cambus.schemas.spec import CommandSpec

logger = logging.getLogger(__name__)

DEVICE_CONCURRENCY = 1
DEVICE_QUEUE = 32
COMMAND_CONCURRENCY = 64
COMMAND_QUEUE = 256
MAX_CALLS = 1 << 20  # the gates are the bound
MAX_REFUSALS = 1024
CANCEL_GRACE_S = 1.0


class Endpoints:
    """What one service answers.

    Args:
        bus: the connection.
        service: the service's name, also in discovery (`$SRV`).
        version: its version (semantic versioning).
        description: one sentence for discovery.
        metadata: further facts for discovery.
        device_concurrency: commands in flight on one device.
        device_queue: commands that wait for a device; further ones are answered 429.

    Attributes:
        metadata: further facts for discovery, texts only; what is added later is told from then on.
    """

    def __init__(
        self,
        bus: Bus,
        service: str,
        version: str = "0.0.0",
        *,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
        device_concurrency: int = DEVICE_CONCURRENCY,
        device_queue: int = DEVICE_QUEUE,
    ) -> None:
        self.service = service
        self.metadata = dict(metadata or {})
        self._bus = bus
        self._device_gate = (device_concurrency, device_queue)
        self._counts = CallCounts(bus.metrics)
        self._device_routes: dict[str, Route] = {}
        self._service_routes: dict[str, dict[str, Route]] = {}
        self._held: dict[str, _HeldDevice] = {}
        self._subscriptions: list[Subscription] = []
        self._calls = TaskSet(MAX_CALLS)
        self._refusals = TaskSet(MAX_REFUSALS)
        self._draining = False
        self._cut_off = False
        self._discovery = Discovery(bus, service, version, self.routes, description, self.metadata)

    # --- what is answered -------------------------------------------------------------------------------

    def add(
        self,
        spec: CommandSpec[Req, Rep],
        handler: CallHandler[Req, Rep],
        *,
        device: str | None = None,
        exclusive: bool = True,
        concurrency: int = COMMAND_CONCURRENCY,
        queue: int = COMMAND_QUEUE,
    ) -> None:
        """Answer a command with `handler`; before `start()` for a command to a service.

        Args:
            spec: the command, from the catalog or a protocol's own.
            handler: `async (context, request) -> reply`; raises a `CambusError` to refuse.
            device: only for this device, which is held already; None: for every device that will be held.
            exclusive: a device command takes its turn at the device's gate. False for what does not talk to
                the device: then, as for a command to a service, the next two count.
            concurrency: how many calls of it may run at the same time.
            queue: how many more may wait.
        """
        gate = None if spec.service is None and exclusive else Gate(concurrency, queue)
        route = Route(spec, handler, gate, self._counts)
        if spec.service is not None:
            self._service_routes.setdefault(spec.service, {})[spec.name] = route
        elif device is not None:
            self._held[device].own[spec.name] = route
        else:
            self._device_routes[spec.name] = route

    def remove(self, spec: CommandSpec[Any, Any], *, device: str | None = None) -> None:
        """No longer answer a command: 501 from now on."""
        if spec.service is not None:
            self._service_routes.get(spec.service, {}).pop(spec.name, None)
        else:
            routes = self._device_routes if device is None else self._held[device].own
            routes.pop(spec.name, None)

    def routes(self) -> list[Route]:
        """The commands answered, without those of single devices."""
        services = (route for routes in self._service_routes.values() for route in routes.values())
        return [*self._device_routes.values(), *services]

    async def start(self) -> None:
        """Subscribe to the commands of services, and answer discovery."""
        for service, routes in self._service_routes.items():
            await self._subscribe(
                _service_commands(service), _ServiceCommands(self, service, broadcast=False).deliver, service
            )
            for route in routes.values():
                if route.spec.broadcast:
                    deliver = _ServiceCommands(self, service, broadcast=True).deliver
                    await self._subscribe(route.spec.subject(), deliver, "")
        self._subscriptions += await self._discovery.start()
        await self._bus.flush()

    async def _subscribe(self, subject: str, deliver: Any, queue: str) -> None:
        self._subscriptions.append(await self._bus.subscribe(subject, deliver, queue=queue))

    # --- devices ----------------------------------------------------------------------------------------

    @property
    def held(self) -> frozenset[str]:
        """The devices commands are answered for."""
        return frozenset(self._held)

    async def hold(self, device: str, *, reply_headers: Mapping[str, str] | None = None) -> None:
        """Answer commands to this device; returns when NATS routes them here.

        Args:
            device: the device id.
            reply_headers: added to every reply, such as `Cambus-Owner` and `Cambus-Epoch`.

        Raises:
            ValueError: it is held already, or no device id.
        """
        if device in self._held:
            raise ValueError(f"{device} is held already")
        if self._draining:
            raise ValueError("the service is stopping")
        held = _HeldDevice(self, device, Gate(*self._device_gate), dict(reply_headers or {}))
        self._held[device] = held
        try:
            subject = subjects.device_commands(device)
            held.subscription = await self._bus.subscribe(subject, held.deliver, queue=device)
            if self._bus.connected:
                await self._bus.flush()
        except BaseException:
            del self._held[device]
            if held.subscription is not None:
                await held.subscription.close()
            raise

    async def release(self, device: str) -> None:
        """No longer answer commands to this device; what waited is answered 503, what runs may finish."""
        held = self._held.pop(device, None)
        if held is not None:
            held.closed = True
            held.gate.open()
            await held.stop()

    # --- the end ----------------------------------------------------------------------------------------

    async def drain(self, timeout_s: float = 20.0) -> None:
        """Take no new calls, finish those under way, cut off what is not done after `timeout_s` seconds.

        Calls that are cut off are answered 503.
        """
        self._draining = True
        held, self._held = list(self._held.values()), {}
        await asyncio.gather(
            *(device.stop() for device in held),
            *(subscription.drain() for subscription in self._subscriptions),
            return_exceptions=True,
        )
        self._subscriptions.clear()
        await self._calls.wait(timeout_s)
        if len(self._calls):
            logger.warning("commands cut off by the stop", extra={"count": len(self._calls)})
            self._cut_off = True
            self._calls.cancel()
            for gate in {device.gate for device in held} | {r.gate for r in self.routes() if r.gate}:
                gate.open()
            await self._calls.wait(CANCEL_GRACE_S)
        await self._refusals.wait(CANCEL_GRACE_S)

    @property
    def in_flight(self) -> int:
        """Calls that run or are being answered."""
        return len(self._calls)

    # --- one call ---------------------------------------------------------------------------------------

    def dispatch(self, message: Msg, route: Route, gate: Gate, target: "Target") -> None:
        """Let a call through the gate, now or later, or refuse it."""
        if unroutable_reply(message.reply):
            self._counts.unroutable().inc()
            return
        deadline = deadline_of(message, route.spec, asyncio.get_running_loop().time())

        def start() -> None:
            self._calls.spawn(self._run(message, route, gate, target, deadline))

        if not gate.enter(start):
            self.refuse(message, Overloaded(f"{route.spec.key}: too many wait already"), route)

    def refuse(self, message: Msg, error: CambusError, route: Route | None = None) -> None:
        """Answer with an error without running anything. Floods beyond what can be sent go unanswered."""
        if route is not None:
            route.record(0.0, error)
        if message.reply and not unroutable_reply(message.reply):
            self._refusals.spawn(self._send_error(message, error, NO_HEADERS))

    async def _run(self, message: Msg, route: Route, gate: Gate, target: "Target", deadline: float) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        failure: CambusError | None = None
        try:
            if target.closed or self._cut_off:
                raise Offline("this replica no longer answers for it; nothing was done")
            body = await answer(
                route.handler,
                route.spec,
                message,
                device=target.device,
                deadline=deadline,
                max_payload=self._bus.max_payload,
            )
        except CambusError as error:
            failure = error
        except asyncio.CancelledError:
            failure = Offline("cut off by a stop; whether it was done is unknown", retryable=False)
        finally:
            gate.leave()
        route.record(loop.time() - started, failure)
        if failure is not None:
            await self._send_error(message, failure, target.reply_headers)
        elif message.reply:
            content_type = content_type_for_reply(message)
            headers = {header.CONTENT_TYPE: content_type, **target.reply_headers}
            await self._send(message, body, headers)

    async def _send_error(self, message: Msg, error: CambusError, reply_headers: Mapping[str, str]) -> None:
        if message.reply:
            body, headers = error_body(error, content_type_for_reply(message))
            await self._send(message, body, {**headers, **reply_headers})

    async def _send(self, message: Msg, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            await self._bus.publish(message.reply, body, headers=headers)
        except BusError as error:
            logger.warning("an answer could not be sent", extra={"reason": str(error)})

    def device_route(self, name: str) -> Route | None:
        """The route every held device has for a command."""
        return self._device_routes.get(name)

    def service_route(self, service: str, name: str) -> Route | None:
        """The route of a command to a service."""
        return self._service_routes.get(service, {}).get(name)


class Target:
    """Whom calls are for: a held device, or the service itself.

    Attributes:
        device: the device id; None for the service.
        reply_headers: added to every reply.
        closed: no longer ours; calls that still wait are refused.
    """

    __slots__ = ("closed", "device", "reply_headers")

    def __init__(self, device: str | None = None, reply_headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.device = device
        self.reply_headers = reply_headers
        self.closed = False


class _HeldDevice(Target):
    """A device whose commands arrive here."""

    __slots__ = ("_endpoints", "_prefix", "gate", "own", "subscription")

    def __init__(
        self, endpoints: Endpoints, device: str, gate: Gate, reply_headers: Mapping[str, str]
    ) -> None:
        super().__init__(device, reply_headers)
        self._endpoints = endpoints
        self._prefix = len(subjects.device_commands(device)) - 1
        self.gate = gate
        self.own: dict[str, Route] = {}
        self.subscription: Subscription | None = None

    def deliver(self, message: Msg) -> None:
        """Route one command by what follows the device in its subject."""
        name = message.subject[self._prefix :]
        route = self.own.get(name) or self._endpoints.device_route(name)
        if self.closed:
            self._endpoints.refuse(message, Offline(f"{self.device} is no longer held here"), route)
        elif route is None:
            self._endpoints.refuse(message, _no_such_command(name, DEVICE_COMMANDS, name))
        else:
            gate = self.gate if route.gate is None else route.gate
            self._endpoints.dispatch(message, route, gate, self)

    async def stop(self) -> None:
        """End the subscription; what NATS had routed here already is still handed over."""
        if self.subscription is not None:
            await self.subscription.drain()


class _ServiceCommands(Target):
    """The commands to one service, either those that one replica answers or those that all do."""

    __slots__ = ("_broadcast", "_endpoints", "_prefix", "_service")

    def __init__(self, endpoints: Endpoints, service: str, *, broadcast: bool) -> None:
        super().__init__()
        self._endpoints = endpoints
        self._service = service
        self._prefix = len(_service_commands(service)) - 1
        self._broadcast = broadcast

    def deliver(self, message: Msg) -> None:
        """Route one command by what follows the service in its subject."""
        name = message.subject[self._prefix :]
        route = self._endpoints.service_route(self._service, name)
        if route is None or route.gate is None:
            error = _no_such_command(name, SERVICE_COMMANDS, f"{self._service}.{name}")
            self._endpoints.refuse(message, error)
        elif route.spec.broadcast is self._broadcast:  # a broadcast arrives on both subscriptions
            self._endpoints.dispatch(message, route, route.gate, self)


def _service_commands(service: str) -> str:
    """The wildcard over every command to one service."""
    return f"{subjects.PREFIX}.svc.{service}.>"


def _no_such_command(
    name: str, catalog: Mapping[str, CommandSpec[Any, Any]], key: str
) -> Unsupported | NotFound:
    if key in catalog:
        return Unsupported(f"{name} is not supported here")
    return NotFound("there is no such command", reason="no-such-command")
