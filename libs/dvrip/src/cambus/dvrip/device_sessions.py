"""Sessions of the device role: ids, silence, lock-outs (DVRIP §5). A session belongs to a login, not to a socket."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from cambus.dvrip.device_connection import DeviceConnection


@dataclass(eq=False, slots=True)
class Session:
    """A login.

    Attributes:
        session_id: random, never 0.
        user: who logged in.
        login_type: ``LoginType`` of the login.
        host: where from.
        started: when, seconds of the role's clock.
        last_seen: when the client was last heard.
        seed_ids: the client speaks the session ids of the original tables.
        guarded: the client wants alarms pushed (1500).
        alarms_told, alarms_heard: alarms pushed to it, and how many of them it has acknowledged.
        connections: the sockets that used the session; it ends with the last of them.
        registered: the platform was dialled by us and allocated the id (DVRIP §11).
    """

    session_id: int
    user: str
    login_type: str
    host: str
    started: float
    last_seen: float
    seed_ids: bool = False
    guarded: bool = False
    alarms_told: int = 0
    alarms_heard: int = 0
    registered: bool = False
    connections: set[DeviceConnection] = field(default_factory=set)


class SessionTable:
    """The live sessions of a device."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._sessions: dict[int, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, session_id: int) -> Session | None:
        """The live session with this id."""
        return self._sessions.get(session_id)

    def create(
        self, user: str, login_type: str, connection: DeviceConnection, now: float, session_id: int = 0
    ) -> Session:
        """A new session on ``connection``, with an id of its own unless one is given."""
        while not session_id or session_id in self._sessions:
            session_id = self._random.randrange(1, 1 << 31)
        session = Session(session_id, user, login_type, connection.host, now, now)
        self._sessions[session_id] = session
        return session

    def remove(self, session: Session) -> bool:
        """Forget it; False when that was done before."""
        return self._sessions.pop(session.session_id, None) is not None


class LockOut:
    """Counts failed logins by user and locks a user for a while (DVRIP §5, code 205)."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._locked_until: dict[str, float] = {}

    def is_locked(self, user: str, now: float) -> bool:
        """Whether the user has to wait."""
        return self._locked_until.get(user, now) > now

    def failed(self, user: str, now: float, *, after: int, seconds: float) -> None:
        """Count a failure; the ``after``-th in a row locks for ``seconds``."""
        if len(self._failures) > 1000:
            self._failures.clear()  # names are chosen by whoever dials: never let them fill the memory
        self._failures[user] = self._failures.get(user, 0) + 1
        if after and self._failures[user] >= after:
            self._failures.pop(user)
            self._locked_until = {name: until for name, until in self._locked_until.items() if until > now}
            self._locked_until[user] = now + seconds

    def succeeded(self, user: str) -> None:
        """Forget the failures of a user."""
        self._failures.pop(user, None)

    def clear(self) -> None:
        """Unlock everybody."""
        self._failures.clear()
        self._locked_until.clear()
