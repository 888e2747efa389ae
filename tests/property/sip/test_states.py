"""Every pair of state and input in the four machines (RFC 3261 §17)."""

from __future__ import annotations

import itertools

import pytest
from sip_peer import request

from cambus.sip.peer import Peer
from cambus.sip.states import (
    INVITE_CLIENT,
    INVITE_SERVER,
    OTHER_CLIENT,
    OTHER_SERVER,
    Effect,
    Input,
    State,
    Table,
)
from cambus.sip.timers import Timers
from cambus.sip.transactions import ClientTransaction, ServerTransaction, Transaction

MACHINES = {
    "invite-client": (INVITE_CLIENT, State.CALLING),
    "other-client": (OTHER_CLIENT, State.TRYING),
    "invite-server": (INVITE_SERVER, State.PROCEEDING),
    "other-server": (OTHER_SERVER, State.TRYING),
}
TIMERS = {Input.RESEND_TIMER, Input.TIMEOUT_TIMER, Input.LINGER_TIMER}


def transaction(machine: str, transport: str = "udp") -> Transaction:
    method = "INVITE" if machine.startswith("invite") else "MESSAGE"
    kind = ClientTransaction if machine.endswith("client") else ServerTransaction
    made = kind(("key",), request(method), Peer(transport, "192.0.2.7", 5060, 1), Timers())
    made.begin(0.0)
    return made


def reachable(table: Table, start: State) -> set[State]:
    found, rest = {start}, [start]
    while rest:
        state = rest.pop()
        for (before, _), (after, _) in table.items():
            if before is state and after not in found:
                found.add(after)
                rest.append(after)
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_a_transaction_begins_where_its_machine_does(machine: str) -> None:
    assert transaction(machine).state is MACHINES[machine][1]
    assert transaction(machine).table is MACHINES[machine][0]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("machine", MACHINES)
def test_every_pair_does_what_its_table_says_and_all_others_nothing(machine: str, transport: str) -> None:
    for state, event in itertools.product(State, Input):
        made = transaction(machine, transport)
        made.state = state
        expected = MACHINES[machine][0].get((state, event))

        effects = made.take(event, 1.0)

        assert (made.state, effects) == (expected or (state, ())), (state, event)
        assert made.deadline is None or made.deadline >= 0.0, (state, event)
        if made.state is State.TERMINATED:
            assert made.deadline is None, (state, event)
        if Effect.LINGER in effects:
            assert made.deadline is not None, (state, event)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached_and_left_and_the_last_one_is_the_end(machine: str) -> None:
    table, start = MACHINES[machine]
    states = reachable(table, start)

    assert {state for state, _ in table} | {State.TERMINATED} == states
    assert State.TERMINATED not in {state for state, _ in table}
    for state in states - {State.TERMINATED}:
        assert State.TERMINATED in reachable(table, state)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("machine", MACHINES)
def test_whatever_happens_time_alone_ends_it_unless_a_call_rings(machine: str, transport: str) -> None:
    happenings = [event for event in Input if event not in TIMERS]

    for events in itertools.chain(*(itertools.product(happenings, repeat=count) for count in range(4))):
        made = transaction(machine, transport)
        for second, event in enumerate(events):
            made.take(event, float(second))
        fired = 0
        while (at := made.deadline) is not None:
            if (due := made.due(at)) is not None:
                made.take(due, at)
            fired += 1
            assert fired < 100, events
        rings = machine == "invite-client" and made.state is State.PROCEEDING
        assert made.state is State.TERMINATED or rings, events
