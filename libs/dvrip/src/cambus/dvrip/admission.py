"""Who may talk to a listener of ours before it has proved anything (DVRIP §11). No clock inside."""

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Session ids are random, not zero, and fit a signed integer.
MAX_SESSION_ID: Final = 0x7FFFFFFF
REUSE_AFTER_S: Final = 3600.0
#: Failed logins an address has free before it is held off, and how long at most.
FREE_FAILURES: Final = 5
MAX_HOLD_OFF_S: Final = 60.0
#: Addresses whose failures are remembered.
MAX_ADDRESSES: Final = 4096
FLAPS: Final = 5
#: Identities whose replacements are remembered.
MAX_IDENTITIES: Final = 4096
FLAP_WINDOW_S: Final = 60.0


class SessionIds:
    """Random session ids that are not given again within an hour after their release."""

    def __init__(self, random_id: Callable[[int], int] = secrets.randbelow) -> None:
        self._random = random_id
        self._used: dict[int, float | None] = {}  # None while in use, then when it may be given again
        self._released: deque[tuple[float, int]] = deque()

    def allocate(self, now: float) -> int:
        """A new id."""
        while self._released and self._released[0][0] <= now:
            del self._used[self._released.popleft()[1]]
        while True:
            session_id = self._random(MAX_SESSION_ID) + 1
            if session_id not in self._used:
                self._used[session_id] = None
                return session_id

    def release(self, session_id: int, now: float) -> None:
        """The session is over."""
        if self._used.get(session_id, 0.0) is None:
            self._used[session_id] = now + REUSE_AFTER_S
            self._released.append((now + REUSE_AFTER_S, session_id))


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Connections that have not proved anything: in all, and from one address."""

    total: int = 512
    per_address: int = 32


@dataclass(slots=True)
class _Failures:
    count: int = 0
    hold_until: float = 0.0


class Admission:
    """Caps unproved connections, and holds off addresses whose logins keep failing.

    Attributes:
        counters: ``refused_total``, ``refused_address``, ``held_off``.
    """

    def __init__(self, limits: AdmissionLimits | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self._limits = limits or AdmissionLimits()
        self._open: Counter[str] = Counter()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def admit(self, address: str, now: float) -> bool:
        """Whether a connection from ``address`` may speak; if so, `proved` or `left` must follow."""
        failures = self._failures.get(address)
        if failures is not None and now < failures.hold_until:
            self.counters["held_off"] += 1
            return False
        if self._open.total() >= self._limits.total:
            self.counters["refused_total"] += 1
            return False
        if self._open[address] >= self._limits.per_address:
            self.counters["refused_address"] += 1
            return False
        self._open[address] += 1
        return True

    def left(self, address: str) -> None:
        """An admitted connection is gone or has proved itself."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def failed(self, address: str, now: float) -> None:
        """A login from ``address`` failed; after `FREE_FAILURES` it is held off 1, 2, 4 ... 60 s."""
        failures = self._failures.setdefault(address, _Failures())
        self._failures.move_to_end(address)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        failures.count += 1
        if failures.count >= FREE_FAILURES:
            failures.hold_until = now + min(2.0 ** min(failures.count - FREE_FAILURES, 30), MAX_HOLD_OFF_S)

    def succeeded(self, address: str) -> None:
        """A login from ``address`` succeeded."""
        self._failures.pop(address, None)


class FlapDetector:
    """Notices identities taken over again and again: two devices with one id, or a broken network."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._alerted: dict[str, float] = {}

    def replaced(self, identity: str, now: float) -> bool:
        """A session of ``identity`` was replaced; True when that is one alert's worth (once per window)."""
        times = self._times.pop(identity, None) or deque(maxlen=FLAPS + 1)
        times.append(now)
        self._times[identity] = times
        if len(self._times) > MAX_IDENTITIES:
            self.forget(next(iter(self._times)))  # the one that was replaced longest ago
        is_flapping = len(times) > FLAPS and now - times[0] <= FLAP_WINDOW_S
        if not is_flapping or now - self._alerted.get(identity, float("-inf")) < FLAP_WINDOW_S:
            return False
        self._alerted[identity] = now
        return True

    def forget(self, identity: str) -> None:
        """The identity is gone for good."""
        self._times.pop(identity, None)
        self._alerted.pop(identity, None)
