"""Every state meets every input; every byte stream ends in events, never in an exception."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.errors import ConnectionLost, Refused
from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import SessionClosed
from cambus.dvrip.session_state import TRANSITIONS, Input, State
from cambus.dvrip.wire import serialize

ADMIN = Credentials("admin", "admin")


def reach(state: State) -> ClientSession:
    session = ClientSession()
    if state is State.ATTACHED:
        session.attach(7)
    elif state is not State.NEW:
        session.login(ADMIN, 0.0)
        if state is not State.LOGGING_IN:
            session.receive_data(serialize(1001, encode_body({"Ret": 100}), session_id=7), 0.0)
        if state is State.LOGGING_OUT:
            session.logout(0.0)
        if state is State.CLOSED:
            session.fail(ConnectionLost("test"))
    session.events_received()
    session.data_to_send()
    assert session.state is state
    return session


def apply(session: ClientSession, what: Input) -> None:
    body = {Input.LOGIN_ACCEPTED: {"Ret": 100}, Input.LOGIN_REFUSED: {"Ret": 203}}.get(what)
    if body is not None:
        session.receive_data(serialize(1001, encode_body(body), session_id=7), 1.0)
    elif what is Input.LOGGED_OUT:
        session.receive_data(serialize(1003, encode_body({"Ret": 100}), session_id=7), 1.0)
    elif what is Input.FAIL:
        session.fail(ConnectionLost("test"))
    else:
        {
            Input.REQUEST: lambda: session.request(1020, {}, 1.0),
            Input.LOGIN: lambda: session.login(ADMIN, 1.0),
            Input.ATTACH: lambda: session.attach(8),
            Input.ADOPT: lambda: session.adopt(8, 1.0),
            Input.LOGOUT: lambda: session.logout(1.0),
        }[what]()


COMMANDS = {Input.REQUEST, Input.LOGIN, Input.ATTACH, Input.ADOPT, Input.LOGOUT}


@pytest.mark.parametrize(("state", "what"), list(itertools.product(State, Input)))
def test_every_state_takes_every_input_as_the_table_says(state, what):
    session = reach(state)
    expected = TRANSITIONS.get((state, what))
    if expected is None and what in COMMANDS:
        with pytest.raises(Refused):
            apply(session, what)
        assert session.state is state
        assert session.data_to_send() == b""
    else:
        apply(session, what)
        assert session.state is (expected or state)
    if session.state is State.CLOSED and state is not State.CLOSED:
        assert sum(isinstance(event, SessionClosed) for event in session.events_received()) == 1
        assert session.next_timeout() is None


messages = st.builds(
    lambda message_id, body, sid, sequence: serialize(
        message_id, body, session_id=sid, sequence=sequence, version=1
    ),
    st.sampled_from(
        [999, 1000, 1001, 1003, 1004, 1006, 1007, 1021, 1043, 1411, 1412, 1423, 1504, 1561, 65535]
    ),
    st.sampled_from(
        [b"", b"{}\n\x00", b'{"Ret":100}', b'{"Ret":105}', b'{"Ret":"x"}', b"[", b"\xff\xfe", b'{"Ret":null}']
    )
    | st.binary(max_size=20),
    st.sampled_from([0, 7, 9]),
    st.integers(0, 3),
)
steps = st.one_of(
    messages.map(lambda data: ("data", data)),
    st.binary(max_size=30).map(lambda data: ("data", data)),
    st.just(("eof", b"")),
    st.just(("time", b"")),
    st.sampled_from(list(COMMANDS)).map(lambda what: ("command", what)),
)


@given(st.lists(steps, max_size=25), st.booleans(), st.booleans())
def test_no_sequence_of_inputs_raises_anything_but_refused(sequence, seed_ids, parallel):
    session = ClientSession(Profile(seed_ids=seed_ids, parallel_requests=parallel))
    closed = 0
    now = 0.0
    for kind, value in sequence:
        now += 1.7
        if kind == "data":
            session.receive_data(value, now)
        elif kind == "eof":
            session.receive_eof()
        elif kind == "time":
            now = max(now, session.next_timeout() or now)
            session.handle_timeout(now)
        else:
            with contextlib.suppress(Refused):
                apply(session, value)
        session.data_to_send()
        events = session.events_received()
        closed += sum(isinstance(event, SessionClosed) for event in events)
        if session.state is State.CLOSED:
            assert closed == 1
            assert session.is_idle
        else:
            assert closed == 0
