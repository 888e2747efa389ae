"""Who is told how a connection and the consumers on it are doing: nobody, unless a service counts it."""

from collections.abc import Callable
from typing import Literal

Outcome = Literal["handled", "retried", "dead"]
"""How one try to handle an event ended."""


class ConsumerWatch:
    """What one durable consumer tells. This one is told in vain."""

    def outcome(self, what: Outcome) -> None:
        """An event was handled, is tried again, or was given up."""

    def recreated(self) -> None:
        """A subscription had gone deaf and was replaced."""

    def lag(self, pending: int) -> None:
        """So many events there are that the consumer has not been given yet."""


class Watch:
    """What a connection tells. This one is told in vain."""

    def subscriptions(self, count: Callable[[], int]) -> None:
        """Whoever wants to know how many subscriptions there are asks `count`."""

    def connected(self) -> None:
        """The connection is up."""

    def disconnected(self, detail: str) -> None:
        """It is down, or still down, and why."""

    def reconnected(self) -> None:
        """It is up again; `connected` follows."""

    def dropped(self) -> None:
        """A message was lost because a subscriber was too slow."""

    def forbidden(self, what: str, subject: str, *, ours: bool) -> None:
        """The server refused a `publish` or a `subscription`.

        Args:
            what: which of them.
            subject: to where.
            ours: the permissions are wrong. Otherwise a caller may have brought it about by its reply subject.
        """

    def consumer(self) -> ConsumerWatch:
        """Return what a new durable consumer tells."""
        return ConsumerWatch()
