"""Sessions, ours and a device's, driven by a script of what the peer, the caller and the clock do in turn."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import cast

from dvrip_fuzz import DeadSocket
from fuzz_targets_bodies import BODIES
from fuzz_targets_dvrip import KEY, small_device
from fuzzing import Script, Target

from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings, _Sender
from cambus.dvrip.errors import ConnectionLost, Refused
from cambus.dvrip.exchange import Exchange
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict, _Guest
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import ExchangeFailed, Replied, SessionClosed
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import PacketReader, serialize

SID = 0x57
ADMIN = Credentials("admin", "admin")
REQUESTS = (1020, 1042, 1440, 1450, 1522, 1542, 1560, 1410, 1413)
ANSWERS = (
    1001,
    1003,
    1004,
    1006,
    1007,
    1021,
    1043,
    1412,
    1422,
    1423,
    1441,
    1451,
    1504,
    1523,
    1524,
    1543,
    1561,
    7,
)


def packet_of(script: Script, ids: tuple[int, ...]) -> bytes:
    """A packet as the script says: id, session, parts, a body we know or bytes of the script."""
    message_id, mood = script.one_of(ids), script.byte()
    payload = script.one_of(BODIES) if mood & 1 else script.take(script.byte())
    if mood & 2:
        payload = KEY.serialize()[: script.byte()]
    return serialize(
        message_id,
        payload,
        session_id=script.one_of((SID, 0, 9)) if mood & 4 else SID,
        sequence=script.byte() % 4,
        version=1,
        channel=script.byte() % 4 if mood & 8 else 0,
        end=bool(mood & 16),
    )


class ClientPlay:
    """One client session; every request comes to one end, and the session to one."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.now = 1000.0
        profile = Profile(parallel_requests=bool(script.byte() & 1), seed_ids=bool(script.byte() & 1))
        self.session = ClientSession(profile, hand_out=frozenset({1411}))
        self.open: set[Exchange] = set()
        self.ends: Counter[str] = Counter()
        self.steps: tuple[Callable[[], object], ...] = (
            lambda: self.session.login(ADMIN, self.now),
            lambda: self.session.attach(SID),
            lambda: self.session.adopt(SID, self.now),
            lambda: self.session.logout(self.now),
            self.ask,
            self.ask,
            self.give_up,
            self.wait,
            self.session.receive_eof,
            lambda: self.session.fail(ConnectionLost("script")),
            lambda: self.session.notify(script.one_of(ANSWERS), {}),
            self.logged_in,
            lambda: self.hear(packet_of(script, ANSWERS)),
            lambda: self.hear(packet_of(script, ANSWERS)),
            lambda: self.hear(packet_of(script, ANSWERS)[: script.byte()]),
            lambda: self.hear(script.take(script.byte())),
        )

    def run(self) -> object:
        """Play to the end, then let the connection go."""
        while self.script:
            with contextlib.suppress(Refused):
                self.script.one_of(self.steps)()
            self.settle()
        self.session.receive_eof()
        self.settle()
        assert self.session.state is State.CLOSED
        assert self.session.next_timeout() is None
        assert self.ends["closed"] == 1
        assert not self.open
        return sorted(self.ends), sorted(self.session.counters)

    def ask(self) -> None:
        self.open.add(
            self.session.request(self.script.one_of(REQUESTS), {}, self.now, soft=self.script.byte() % 3 == 0)
        )

    def give_up(self) -> None:
        if self.open:
            exchange = min(self.open, key=id)
            self.open.discard(exchange)
            if self.script.byte() & 1:
                self.session.settle(exchange, self.now)
            else:
                self.session.cancel(exchange)

    def wait(self) -> None:
        self.now += self.script.byte() / 4
        self.session.handle_timeout(self.now)

    def logged_in(self) -> None:
        self.hear(serialize(1001, BODIES[0], session_id=SID, version=1))

    def hear(self, data: bytes) -> None:
        self.session.receive_data(data, self.now)

    def settle(self) -> None:
        assert len(self.session.data_to_send()) < 1 << 20
        for event in self.session.events_received():
            if isinstance(event, Replied | ExchangeFailed):
                self.open.remove(event.exchange)  # a second end of the same request is a fault
                self.ends[type(event).__name__] += 1
            elif isinstance(event, SessionClosed):
                self.ends["closed"] += 1
        due = self.session.next_timeout()
        assert due is None or due > self.now - 1000


def client_session(data: bytes) -> object:
    """Our session with a device."""
    return ClientPlay(Script(data)).run()


def device_session(data: bytes) -> object:
    """The sessions of a reference device with two connections."""
    script = Script(data)
    now = 1000.0
    device = small_device()
    role = device.role
    connections = [role.connection_made("127.0.0.1", now) for _ in range(2)]
    session = role.sessions.create("admin", "x", connections[0], now, SID)
    connections[0].session = session
    role.bind(connections[0], session)
    answers: set[int] = set()
    ids = tuple(range(999, 1008)) + tuple(range(1040, 1056, 2)) + tuple(range(1360, 1580))
    while script:
        connection = script.one_of(tuple(connections))
        match script.byte() % 8:
            case 0:
                now += script.byte() / 4
                role.handle_timeout(now)
            case 1:
                role.set_writable(connection, bool(script.byte() & 1), now)
            case 2 if script.byte() < 40:
                role.connection_lost(connection, now)
                connections[connections.index(connection)] = role.connection_made("127.0.0.1", now)
            case 3:
                role.receive_data(connection, script.take(script.byte()), now)
            case _:
                role.receive_data(connection, packet_of(script, ids), now)
        for dirty in role.take_dirty():
            answers |= {header.message_id for header, _ in PacketReader().receive_data(dirty.data_to_send())}
        now += 0.01
    for connection in connections:
        role.connection_lost(connection, now)
    assert len(role.sessions) == 0
    assert list(role.media.claims()) == []
    return sorted(answers)


class _Loop:
    """A clock for protocols that want a loop; its timers never fire."""

    now = 1000.0

    def time(self) -> float:
        self.now += 0.01
        return self.now

    def call_later(self, delay: float, callback: object) -> "_Loop":
        return self

    call_at = call_later

    def cancel(self) -> None:
        """The timer will not fire indeed."""


def alarm_centre(data: bytes) -> object:
    """Senders at the alarm centre's port."""
    reports = []
    listener = AlarmCentreListener(
        AlarmCentreSettings(reply=True),
        lambda report, address: "gate" if report.serial else None,
        lambda report, device, address: reports.append(report.event),
    )
    sender = _bare(_Sender, listener)
    socket = DeadSocket(sender)
    sender.connection_made(socket)
    script = Script(data)
    while script and not socket.is_closing():
        packet = (
            packet_of(script, (1508, 1508, 1508, 1504, 7))
            if script.byte() & 3
            else script.take(script.byte())
        )
        sender.data_received(packet)
    socket.close()
    assert listener._links == set()
    assert listener.counters["callback_errors"] == 0
    return sorted(listener.counters), reports[:3]


def registration(data: bytes) -> object:
    """Guests at the registration port, as far as their first message."""
    listener = RegistrationListener(
        RegistrationSettings(),
        lambda login, address: Verdict(login.check_password("p") + 1000),
        lambda device: None,
    )
    listener._is_listening = True  # on a socket that nobody needs here
    guest = _bare(_Guest, listener)
    socket = DeadSocket(guest)
    guest.connection_made(socket)
    script = Script(data)
    while script and not socket.is_closing():
        ids = (1000, 999, 1008, 1413, 1424, 1434, 1020)
        guest.data_received(packet_of(script, ids) if script.byte() & 3 else script.take(script.byte()))
    socket.close()
    assert listener._guests == set()
    assert listener.counters["callback_errors"] == 0
    return sorted(listener.counters)


def _bare(protocol: type, listener: object) -> "_Guest":
    """A protocol on a loop that only tells the time."""
    with _running(_Loop()):
        return cast(_Guest, protocol(listener))


@contextlib.contextmanager
def _running(loop: _Loop) -> Iterator[None]:
    before = asyncio.get_running_loop
    asyncio.get_running_loop = lambda: loop  # type: ignore[assignment,return-value]  # it only tells the time
    try:
        yield
    finally:
        asyncio.get_running_loop = before


def _script(*steps: int) -> bytes:
    return bytes(steps)


TARGETS = (
    Target(
        "client-session",
        client_session,
        (
            _script(0, 0, 0, 11, 4, 0, 1, 12, 5, 1, 0, 7, 200, 3, 12, 1, 1),
            _script(1, 0, 2, 4, 1, 1, 5, 2, 2, 12, 6, 1, 13, 0, 8, 8),
            _script(0, 1, 1, 12, 7, 2, 40, 10, 3, 9),
        ),
        tokens=(b"\x0b", b"\x04\x00\x01", b"\x0c\x05\x01\x00", b"\x07\xff"),
    ),
    Target(
        "device-session",
        device_session,
        (
            bytes([0, 4, 1, 1, 0, 0, 4, 60, 1, 13, 0, 0, 250]) * 3,
            bytes(range(120)),
        ),
    ),
    Target("alarm-centre", alarm_centre, (_script(1, 0, 1, 11, 1, 1, 0, 1, 10, 0), bytes(range(60)))),
    Target("registration", registration, (_script(1, 0, 1, 12, 0, 1, 3, 1, 13), bytes(range(60)))),
)
