"""Since when a connection waits for the rest of a message (GB-275)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sip_peer import request_text

from cambus.sip.connections import Connection, Limits
from cambus.sip.framing import Framed
from cambus.sip.message import Request
from cambus.sip.peer import Peer


class Owner:
    """Takes everything."""

    def __init__(self) -> None:
        self.limits, self.counts = Limits(), Counter[str]()
        self.taken: list[Framed] = []

    def take(self, framed: Framed, peer: Peer) -> bool:
        self.taken.append(framed)
        return True

    def pump(self) -> None:
        pass

    def joined(self, connection: Connection) -> Peer | None:
        return Peer("tcp", "192.0.2.7", 5060, 1)

    def left(self, peer: Peer) -> None:
        pass


@pytest.fixture
async def connection() -> Connection:
    transport: Any = object()
    made = Connection(Owner())
    made.connection_made(transport)
    return made


async def test_between_messages_nothing_is_waited_for(connection: Connection) -> None:
    connection.data_received(request_text())
    assert connection.waiting_since is None
    connection.data_received(b"\r\n")
    assert connection.waiting_since is None


async def test_a_head_is_waited_for_since_it_began(connection: Connection) -> None:
    connection.data_received(b"MESSAGE sip:1@x SIP/2.0\r\n")
    assert connection.waiting_since is not None
    connection.waiting_since = -1.0

    connection.data_received(b"Via: SIP/2.0/TCP a\r\n")

    assert connection.waiting_since == -1.0


async def test_the_next_head_is_waited_for_since_the_message_before_it_ended(connection: Connection) -> None:
    data = request_text()
    connection.data_received(data[:20])
    connection.waiting_since = -1.0

    connection.data_received(data[20:] + data[:20])

    assert connection.waiting_since != -1.0
    assert connection.waiting_since is not None


async def test_a_body_is_waited_for_since_something_of_it_came(connection: Connection) -> None:
    connection.data_received(request_text(length="100") + b"x")
    connection.waiting_since = -1.0

    connection.data_received(b"x")

    assert connection.waiting_since != -1.0


async def test_what_was_refused_is_not_read() -> None:
    class Full(Owner):
        def joined(self, connection: Connection) -> Peer | None:
            return None

    class Transport:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    owner, transport = Full(), Transport()
    connection = Connection(owner)
    connection.connection_made(transport)  # type: ignore[arg-type]  # all that is asked of it
    connection.data_received(request_text())
    connection.connection_lost(None)

    assert transport.aborted
    assert not any(isinstance(each, Request) for each in owner.taken)
    assert connection.gone.is_set()
