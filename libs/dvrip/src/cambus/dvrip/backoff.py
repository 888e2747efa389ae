"""When to dial a device again (DVRIP §5): plain failures and refused credentials. No clock inside."""

import random
from enum import StrEnum
from typing import Final, Protocol

from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import AuthError, DvripError, EncryptedUnsupported

MIN_DELAY_S: Final = 1.0
MAX_DELAY_S: Final = 60.0
#: Delays vary by this share to both sides, so that devices that went away together do not come back together.
JITTER: Final = 0.2
#: A session this old has proved that the device is well.
STABLE_S: Final = 60.0
AUTH_DELAY_S: Final = 60.0
MAX_AUTH_DELAY_S: Final = 30 * 60.0
#: From so many refusals in a row on it is the longest at once: most devices lock an account at the fifth.
MOST_REFUSALS: Final = 4


class Random(Protocol):
    """Where jitter comes from."""

    def uniform(self, a: float, b: float) -> float:
        """A number between ``a`` and ``b``."""


class Backoff:
    """Delays of 1, 2, 4 ... 60 s with 20 % jitter; the first again after `STABLE_S` online."""

    def __init__(self, rng: Random | None = None) -> None:
        self._rng: Random = rng or random.SystemRandom()
        self._delay_s = MIN_DELAY_S
        self._online_since: float | None = None

    def online(self, now: float) -> None:
        """A session began."""
        self._online_since = now

    def failed(self, now: float) -> float:
        """A session or an attempt ended; return the seconds to wait before the next."""
        if self._online_since is not None and now - self._online_since >= STABLE_S:
            self._delay_s = MIN_DELAY_S
        self._online_since = None
        delay_s, self._delay_s = self._delay_s, min(self._delay_s * 2, MAX_DELAY_S)
        return min(delay_s * self._rng.uniform(1 - JITTER, 1 + JITTER), MAX_DELAY_S)


class CredentialPolicy:
    """Keeps a failing credential away from the device: 60 s, doubling to 30 min; a changed one goes at once.

    Without it our own retries would lock the account; after `MOST_REFUSALS` it is 30 min at once.
    """

    def __init__(self) -> None:
        self._refused: str | None = None
        self._delay_s = AUTH_DELAY_S
        self._refusals = 0
        self._not_before = 0.0

    def delay_s(self, fingerprint: str, now: float) -> float:
        """Seconds to wait before the credential with this fingerprint may be tried; 0 at once."""
        if fingerprint != self._refused:
            return 0.0
        return max(self._not_before - now, 0.0)

    def refused(self, fingerprint: str, now: float) -> float:
        """The device refused it; return the seconds to wait."""
        if fingerprint != self._refused:
            self._delay_s, self._refusals = AUTH_DELAY_S, 0
        self._refused = fingerprint
        self._refusals += 1
        if self._refusals >= MOST_REFUSALS:
            self._delay_s = MAX_AUTH_DELAY_S
        delay_s, self._delay_s = self._delay_s, min(self._delay_s * 2, MAX_AUTH_DELAY_S)
        self._not_before = now + delay_s
        return delay_s

    def accepted(self) -> None:
        """The device accepted one."""
        self._refused = None
        self._delay_s, self._refusals = AUTH_DELAY_S, 0


class DialState(StrEnum):
    """What a device that is not online is waiting for."""

    BACKOFF = "backoff"
    AUTH_FAILED = "auth_failed"
    LOCKED = "locked"
    ENCRYPTED_UNSUPPORTED = "encrypted_unsupported"


_CREDENTIAL_REASONS: Final = frozenset(
    {AuthReason.BAD_PASSWORD, AuthReason.UNKNOWN_USER, AuthReason.LOCKED, AuthReason.BLACKLISTED}
)


class DialPolicy:
    """Both together: what an ended attempt or session means for the next one.

    Attributes:
        state: why the device is not dialled at once.
    """

    def __init__(self, rng: Random | None = None) -> None:
        self.state = DialState.BACKOFF
        self._backoff = Backoff(rng)
        self._credentials = CredentialPolicy()

    def online(self, now: float) -> None:
        """A login succeeded."""
        self._credentials.accepted()
        self._backoff.online(now)

    def failed(self, error: DvripError | None, fingerprint: str, now: float) -> float:
        """An attempt or a session ended with ``error``; return the seconds to wait.

        Args:
            error: why, or None.
            fingerprint: names the credential without revealing it, and changes when it is changed.
            now: the time.
        """
        self.state = dial_state(error)
        if self.state is DialState.BACKOFF:
            return self._backoff.failed(now)
        return self._credentials.refused(fingerprint, now)

    def delay_s(self, fingerprint: str, now: float) -> float:
        """Seconds a credential still has to wait; 0 for one that was changed."""
        return self._credentials.delay_s(fingerprint, now)


def dial_state(error: DvripError | None) -> DialState:
    """What ``error`` makes of a device."""
    if isinstance(error, EncryptedUnsupported):
        return DialState.ENCRYPTED_UNSUPPORTED
    if isinstance(error, AuthError) and error.reason in _CREDENTIAL_REASONS:
        return DialState.LOCKED if error.reason is AuthReason.LOCKED else DialState.AUTH_FAILED
    return DialState.BACKOFF
