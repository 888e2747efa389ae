"""What operations need of a session."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from cambus.dvrip.connection import Connection, Reply
from cambus.dvrip.errors import Refused
from cambus.dvrip.events import EventStream
from cambus.dvrip.profile import Profile


class Caller(Protocol):
    """A session with a device."""

    @property
    def profile(self) -> Profile:
        """Deviations of the device."""

    @property
    def counters(self) -> Counter[str]:
        """What did not fit."""

    @property
    def control(self) -> Connection:
        """The control connection.

        Raises:
            ConnectionLost: there is none.
        """

    def events(self, *, only: frozenset[int] | None = None) -> EventStream:
        """What the device tells from now on, of the ids in ``only``."""

    async def call(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Send a request and wait for its successful reply; options as in `Connection.submit`.

        Raises:
            DvripError: it failed.
        """

    async def request(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Send a request and wait for its reply, whatever it says.

        Raises:
            DvripError: there is no reply.
        """


def require_confirm(what: str, *, confirm: bool) -> None:
    """Stop a destructive operation that was not confirmed (DVRIP §19).

    Raises:
        Refused: ``confirm_required``; nothing was sent.
    """
    if not confirm:
        raise Refused("confirm_required", f"{what} needs an explicit confirmation")
