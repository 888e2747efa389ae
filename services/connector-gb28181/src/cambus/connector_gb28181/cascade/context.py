"""What the parts of one link share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.tasks import TaskSet
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.connector_gb28181.cascade.nodes import Node, SharedSet
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181.agent import Agent
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.layout import Body
from cambus.gb28181.ssrc import SsrcPool
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.cascade import CascadeLink
from cambus.sip.errors import SipError

logger = logging.getLogger(__name__)

MAX_TASKS = 1000
"""Answers, controls and sessions under way at a time, of one link."""

P = ParamSpec("P")
Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)


@dataclass
class LinkContext:
    """One link, as its parts see it.

    Attributes:
        link: what it is to be.
        bus: for frames and subscriptions.
        client: for commands.
        settings: of the machine.
        metrics: counts.
        shared: what the platform sees now.
        ssrcs: gives out the numbers of sessions.
    """

    link: CascadeLink
    bus: Bus
    client: BusClient
    settings: CascadeSettings
    metrics: CascadeMetrics
    shared: SharedSet = field(default_factory=lambda: SharedSet([]))
    tasks: TaskSet = field(default_factory=lambda: TaskSet(MAX_TASKS))
    ssrcs: SsrcPool = field(init=False)
    _agent: Agent | None = None
    _lanes: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ssrcs = SsrcPool(self.link.code[:10])

    @property
    def agent(self) -> Agent:
        """How the platform is spoken to."""
        assert self._agent is not None  # noqa: S101 - set before anything is asked
        return self._agent

    @agent.setter
    def agent(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def facts(self) -> dict[str, str]:
        """For the log."""
        return {"link": self.link.id}

    async def call(self, node: Node, spec: CommandSpec[Req, Rep], request: Req) -> Rep:
        """Send a command to the device of a node. Raises CambusError."""
        return await self.client.call(spec, request, device=node.device)

    def own(self, work: Callable[P, Coroutine[Any, Any, object]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do something for as long as the link lives; False if too much is under way.

        What devices, the platform or the bus make fail is told in the log, and is no fault of ours.
        """

        async def run() -> None:
            try:
                await work(*args, **kwargs)
            except (CambusError, GbError, SipError, OSError) as error:
                logger.info("not done for an upper platform", extra={**self.facts, "reason": str(error)})

        return self.tasks.spawn(run())

    def lane(self, device: str) -> asyncio.Lock:
        """What keeps the controls of a device in order: first come, first served (GB-025)."""
        return self._lanes.setdefault(device, asyncio.Lock())

    def body(self, body: Body, sn: int | None, code: str | None) -> bytes:
        """A body for the platform; with a number of our own where none is given."""
        return body.serialize(
            self.agent.next_sn() if sn is None else sn, code, charset=self.agent.settings.charset
        )
