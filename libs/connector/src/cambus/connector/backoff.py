"""How long to wait before trying a device again: a small state machine, time comes in as a value.

A device that is away is tried after 1, 2, 4 … 60 seconds; once it was online for a minute the count starts
over. Refused credentials are another matter: every try is a failed login in the device's own count, and enough
of them lock the operator out; most devices lock at the fifth within half an hour. So they wait a minute, doubling, and
from the fourth wrong login on half an hour, until the credential changes.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The delays, in seconds.

    Attributes:
        first_s: after the first failure.
        last_s: where doubling ends.
        jitter: each delay is spread by this share of itself, both ways, so that a thousand devices behind one
            switch do not come back in the same second.
        steady_s: time online after which the next failure counts as the first again.
        auth_first_s: after the first refusal of a credential; never shortened by the jitter.
        auth_last_s: where doubling ends for refused credentials.
        auth_most: from so many wrong logins on it is `auth_last_s` at once: one less than locks an account.
    """

    first_s: float = 1.0
    last_s: float = 60.0
    jitter: float = 0.2
    steady_s: float = 60.0
    auth_first_s: float = 60.0
    auth_last_s: float = 1800.0
    auth_most: int = 4


class Backoff:
    """Counts the failures of one device and says how long to wait after each.

    Args:
        policy: the delays.
        rng: gives numbers in [0, 1); spreads the delays.
    """

    def __init__(
        self,
        policy: BackoffPolicy | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy or BackoffPolicy()
        self._rng = rng
        self._failures = 0
        self._refusals = 0
        self._wrong = 0
        self._online_at: float | None = None

    @property
    def failures(self) -> int:
        """Failures since the device was last steadily online, refusals not counted."""
        return self._failures

    @property
    def refusals(self) -> int:
        """How often in a row the present credential was refused."""
        return self._refusals

    def online(self, now: float) -> None:
        """Record that a session was established at `now` (monotonic seconds); the credential is good."""
        self._online_at = now
        self._refusals = self._wrong = 0

    def failed(self, now: float) -> float:
        """Record that the session, or the attempt at one, ended at `now`; return the delay in seconds."""
        policy = self._policy
        if self._online_at is not None and now - self._online_at >= policy.steady_s:
            self._failures = 0
        self._online_at = None
        self._failures += 1
        delay_s = _doubled(policy.first_s, policy.last_s, self._failures)
        return min(delay_s * (1 + policy.jitter * (2 * self._rng() - 1)), policy.last_s)

    def refused(self, logins: int = 1) -> float:
        """Record that the device refused the credential; return the delay in seconds, never less than a minute.

        Args:
            logins: how many wrong logins that was for the device.
        """
        self._online_at = None
        self._refusals += 1
        self._wrong += logins
        policy = self._policy
        if self._wrong >= policy.auth_most:
            return policy.auth_last_s
        delay_s = _doubled(policy.auth_first_s, policy.auth_last_s, self._refusals)
        return min(delay_s * (1 + policy.jitter * self._rng()), policy.auth_last_s)

    def resume(self, delay_s: float) -> None:
        """Go on where another left off who had to wait so long after a refusal."""
        policy = self._policy
        count = 1
        while count < policy.auth_most and delay_s >= _doubled(
            policy.auth_first_s, policy.auth_last_s, count + 1
        ):
            count += 1
        self._refusals = self._wrong = count

    def reset(self) -> None:
        """Forget everything: the credential or the address was changed, so the next try is the first."""
        self._failures = self._refusals = self._wrong = 0
        self._online_at = None


def _doubled(first: float, last: float, count: int) -> float:
    """`first` doubled `count - 1` times, at most `last`."""
    return min(first * 2.0 ** min(count - 1, 32), last)
