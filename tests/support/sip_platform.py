"""A SIP endpoint that answers everything and remembers what it was told."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from sip_peer import DEVICE, DOMAIN, PLATFORM

from cambus.sip.endpoint import Incoming, SipEndpoint
from cambus.sip.events import RequestReceived
from cambus.sip.fields import CSeq
from cambus.sip.message import Request
from cambus.sip.peer import Peer


class Platform:
    """An endpoint; `answers` is the status for a method, None to leave it open; 200 by default."""

    def __init__(self, answers: dict[str, int | None] | None = None, **options: Any) -> None:
        self.told: asyncio.Queue[Incoming] = asyncio.Queue()
        self.lost: asyncio.Queue[Peer] = asyncio.Queue()
        self._answers = answers or {}
        self.endpoint = SipEndpoint(self._take, on_lost=self.lost.put_nowait, **options)

    async def __aenter__(self) -> Self:
        await self.endpoint.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.endpoint.close()

    @property
    def port(self) -> int:
        """Where it listens, on UDP and TCP."""
        return self.endpoint.port

    def _take(self, event: Incoming) -> None:
        self.told.put_nowait(event)
        if isinstance(event, RequestReceived):
            status = self._answers.get(event.request.method, 200)
            if status is not None:
                self.endpoint.respond(event.transaction, status)

    async def hears(self) -> Incoming:
        """The next event."""
        return await asyncio.wait_for(self.told.get(), 20)

    async def hears_request(self) -> RequestReceived:
        """The next event, which has to be a request."""
        event = await self.hears()
        assert isinstance(event, RequestReceived)
        return event


def outgoing(method: str, *, call_id: str = "call-1", body: bytes = b"") -> Request:
    """A request of the platform's to a device."""
    made = Request(method=method, uri=f"sip:{DEVICE}@{DOMAIN}", body=body)
    made.headers.add("From", f"<sip:{PLATFORM}@{DOMAIN}>;tag=ours")
    made.headers.add("To", f"<sip:{DEVICE}@{DOMAIN}>")
    made.headers.add("Call-ID", call_id)
    made.headers.add("CSeq", str(CSeq(20, method)))
    return made
