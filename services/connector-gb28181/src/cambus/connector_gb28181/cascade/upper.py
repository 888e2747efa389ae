"""One upper platform: registered at, answered, and told (GB/T 28181-2022 §4.3; §12)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from cambus.connector_gb28181.behalf import acting_for, who_asks
from cambus.connector_gb28181.cascade.alarms import Alarms
from cambus.connector_gb28181.cascade.broadcasts import Broadcasts
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import SharedSet
from cambus.connector_gb28181.cascade.orders import Orders
from cambus.connector_gb28181.cascade.questions import Questions
from cambus.connector_gb28181.cascade.sessions import Sessions
from cambus.connector_gb28181.cascade.watchers import Watchers
from cambus.gb28181.agent import Agent
from cambus.gb28181.agent_settings import AgentSettings
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.versions import Version
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.state.cascade import CascadeLink, CascadeStatus
from cambus.schemas.state.credentials import Credentials
from cambus.sip.digest import Algorithm
from cambus.sip.errors import TransportError
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request

logger = logging.getLogger(__name__)

_RETRY_LISTEN_S: Final = 5.0
LEAVE_S: Final = 3.0


class UpperLink:
    """Runs one link; the backend of its agent.

    Args:
        context: the link.
        credentials: what it proves itself with.
        replica: who holds it.
        on_change: called when its status is another.

    Attributes:
        planned: set once it is known what the platform sees.
        unregisters: whether it does when it ends; not where another replica may be registered by then.
        since: since when it is registered, or not.
        last_error: why it is not.
    """

    def __init__(
        self, context: LinkContext, credentials: Credentials, replica: str, on_change: Callable[[], None]
    ) -> None:
        self.context = context
        self.since = datetime.now(UTC)
        self.last_error = ""
        self.planned = asyncio.Event()
        self.unregisters = True
        self._replica = replica
        self._on_change = on_change
        context.agent = Agent(
            agent_settings(context, credentials),
            self,
            timers=context.settings.timers,
            on_state=self._state,
            on_refused=lambda reason: context.metrics.refusals(reason).inc(),
        )
        self._questions = Questions(context)
        self._orders = Orders(context)
        self.sessions = Sessions(context)
        self.watchers = Watchers(context)
        self.broadcasts = Broadcasts(context)
        self._alarms = Alarms(context, self.watchers)

    async def run(self) -> None:
        """Be a part of the platform until cancelled; then leave it."""
        context = self.context
        while True:
            try:
                await context.agent.start()
                break
            except TransportError as error:
                self._state(registered=False, reason=str(error))
                await asyncio.sleep(_RETRY_LISTEN_S)
        try:
            await self._alarms.run()
        finally:
            try:
                await self._leave()
            finally:  # whoever ends us may cancel again meanwhile: the socket goes all the same
                await context.agent.close(unregister=self.unregisters)

    async def _leave(self) -> None:
        """End what is open, as far as there is time."""
        self.sessions.end_all("withdrawn")
        if self.registered and self.unregisters:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self.watchers.end_all()
        self.context.tasks.cancel()
        await self.context.tasks.wait(LEAVE_S)

    @property
    def registered(self) -> bool:
        """Whether it is registered."""
        return self.context.agent.registered.is_set()

    @property
    def status(self) -> CascadeStatus:
        """How it is."""
        return CascadeStatus(
            link=self.context.link.id,
            registered=self.registered,
            since=self.since,
            replica=self._replica,
            nodes=len(self.context.shared),
            sessions=len(self.sessions.open) + len(self.broadcasts.open),
            subscriptions=len(self.watchers.active),
            last_error=self.last_error,
        )

    def see(self, shared: SharedSet) -> None:
        """Show the platform this from now on."""
        self.context.shared = shared
        self.planned.set()
        self.sessions.judge()
        self.watchers.changed(shared)
        self._on_change()

    def _state(self, registered: bool, reason: str) -> None:
        self.since, self.last_error = datetime.now(UTC), reason[:500]
        facts = {**self.context.facts, "reason": reason}
        if registered:
            logger.info("registered at an upper platform", extra=facts)
        else:
            logger.warning("not registered at an upper platform", extra=facts)
            self.sessions.end_all("upper-offline")
            self.watchers.forget_all()
        self._on_change()

    async def tell_alarm(self, event: AlarmRaised) -> None:
        """Tell the platform an alarm because somebody says so. Raises BadRequest, Offline."""
        await self._alarms.tell(event)

    # --- being asked: what the agent calls --------------------------------------------------------------

    def message(self, agent: Agent, envelope: Envelope, request: Request) -> int:  # noqa: ARG002 - protocol
        """A body from the platform."""
        with acting_for(who_asks(request)):
            return self._told(envelope, request)

    def _told(self, envelope: Envelope, request: Request) -> int:
        if envelope.root is Root.NOTIFY and envelope.command.lower() == "broadcast":
            return self.broadcasts.told(envelope)
        node = self.context.shared.node(envelope.code)
        if node is None:
            return 404  # whatever it is about: what is not shared is not there (GB-242)
        if envelope.root is Root.QUERY:
            return self._questions.ask(node, envelope)
        if envelope.root is Root.CONTROL:
            return self._orders.give(node, envelope, request)
        return 200

    def invite(self, agent: Agent, event: RequestReceived) -> None:  # noqa: ARG002 - of the protocol
        """Somebody wants to watch."""
        self.sessions.invite(event)

    def subscribe(self, agent: Agent, event: RequestReceived) -> None:  # noqa: ARG002 - of the protocol
        """Somebody wants to be told."""
        self.watchers.subscribe(event)


def agent_settings(context: LinkContext, credentials: Credentials) -> AgentSettings:
    """A link as its agent wants it."""
    link, settings = context.link, context.settings
    host, _, port = link.server_address.rpartition(":")
    version = Version(link.version)
    secret = credentials.password or credentials.token
    return AgentSettings(
        code=link.code,
        server_code=link.server_code,
        domain=link.server_domain or link.server_code[:10],
        server=(host.strip("[]"), int(port)),
        password=secret.get_secret_value() if secret is not None else "",
        username=link.username or credentials.username,
        tcp=link.transport == "tcp",
        host=settings.host,
        port=link.local_port,
        advertised_host=settings.advertised,
        expires_s=link.expires_s,
        keepalive_s=link.keepalive_s,
        version=version,
        charset=link.charset or version.charset,
        retry_s=link.retry_s,
        signing=Algorithm(link.signing) if link.signing is not None else None,
    )


def is_for(link: CascadeLink, name: str) -> bool:
    """Whether a link proves itself with these credentials."""
    return link.credentials is not None and link.credentials.name == name
