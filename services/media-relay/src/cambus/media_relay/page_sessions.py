"""Pages that were opened by a token: what each shows from then on, instead of the token, whichever relay it asks.

A session is 128 random bits, and good for half a day. As of tokens only its hash is stored, in the bucket
`cambus-page-sessions`, which forgets it by its age. It may do what the page may: list devices, move cameras, and get
a token for every picture it opens; it opens no stream itself.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.media_relay.tokens import TOKEN, TOKEN_BYTES, Tokens, hashed
from cambus.schemas.assets import KV_PAGE_SESSIONS
from cambus.schemas.errors import Offline
from cambus.schemas.state.relay_tokens import PageSession

SESSION_LIFE: Final = timedelta(hours=12)


class PageSessions:
    """Opens sessions and knows them again.

    Args:
        bus: the bucket is there.
        tokens: takes in what opens one.
        clock: what time it is.
    """

    def __init__(
        self, bus: Bus, tokens: Tokens, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bucket = KeyValue(bus, KV_PAGE_SESSIONS, PageSession)
        self._tokens = tokens
        self._clock = clock

    async def open(self, token: str, address: str) -> str:
        """A new session, for a token of the page. Raises as `Tokens.use`."""
        used = await self._tokens.use_for_page(token, address)
        session, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock()
        try:
            await self._bucket.create(
                hashed(session), PageSession(opened_at=now, expires_at=now + SESSION_LIFE)
            )
        except BusError as error:
            await self._tokens.give_back(used)
            raise Offline("the page can not be opened at the moment", reason="tokens") from error
        return session

    async def knows(self, session: str) -> bool:
        """Whether this is a session that has not expired. Raises Offline when the bucket does not answer."""
        if not TOKEN.fullmatch(session):
            return False
        try:
            entry = await self._bucket.get(hashed(session))
        except BusError as error:
            raise Offline("the bus does not answer at the moment", reason="tokens") from error
        return entry is not None and self._clock() < entry.value.expires_at
