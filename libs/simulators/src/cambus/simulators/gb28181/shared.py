"""One SIP address for many devices, as behind a NAT: what makes thousands of them cheap (§18, storm mode)."""

from __future__ import annotations

from typing import Self

from cambus.gb28181.agent import Agent
from cambus.sip.endpoint import Incoming, SipEndpoint
from cambus.sip.events import RequestReceived
from cambus.sip.timers import Timers
from cambus.sip.uri import SipUri


class SharedEndpoint:
    """Sockets that many agents speak through; what comes in goes to the one whose code it is for.

    Args:
        host: address to listen on.
        timers: of SIP transactions.
    """

    def __init__(self, host: str = "127.0.0.1", *, timers: Timers | None = None) -> None:
        self.endpoint = SipEndpoint(self._incoming, host=host, timers=timers)
        self._agents: dict[str, Agent] = {}

    async def __aenter__(self) -> Self:
        await self.endpoint.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.endpoint.close()

    def join(self, agent: Agent, codes: list[str]) -> None:
        """Send what is for these codes to an agent."""
        self._agents.update((code, agent) for code in codes)

    def leave(self, codes: list[str]) -> None:
        """These codes are gone."""
        for code in codes:
            self._agents.pop(code, None)

    def _incoming(self, event: Incoming) -> None:
        request = event.request if isinstance(event, RequestReceived) else event.transaction.request
        agent = self._agents.get(SipUri.parse(request.to.uri).user)
        if agent is not None:
            agent.incoming(event)
        elif isinstance(event, RequestReceived):
            self.endpoint.respond(event.transaction, 404)
