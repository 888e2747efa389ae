"""Whether an RTSP client may go on: by the shared token as a password, or by a token for the stream it asks for."""

from collections.abc import Sequence
from typing import Final

from cambus.media_relay.access import Access
from cambus.media_relay.admission import Admission
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.tokens import Tokens, purpose_of
from cambus.rtsp import Authenticator, Described, Pause, Play, RtspUrl, SetUp, basic_credentials
from cambus.schemas.errors import NotFound, Unauthorized

REALM: Final = "Cambus"
BASIC: Final = (("WWW-Authenticate", f'Basic realm="{REALM}"'),)
"""What is asked for where streams have tokens: of a Digest nobody could tell which of them made it."""

Request = Described | SetUp | Play | Pause


class RtspAccess:
    """Decides for one connection.

    Once let in, it stays so: a nonce that expires must not stop a PAUSE. By a token it is let in to one stream.

    Attributes:
        failures: how often something wrong was shown.
    """

    def __init__(self, access: Access) -> None:
        self.failures = 0
        self._access = access
        self._auth = Authenticator(REALM, access.password_of, basic=True)
        self._let_in = access.open
        self._opened: StreamKey | None = None
        self._admission = Admission()

    async def challenge(self, event: Request, now: float, address: str) -> Sequence[tuple[str, str]] | None:
        """What to ask the client for in a 401; None if it may go on.

        Args:
            event: what it asks.
            now: the time, of any one clock.
            address: where it is.

        Raises:
            CambusError: as `Tokens.use`, but for `Unauthorized`; `NotFound` for a URL that names no stream.
        """
        if self._access.tokens is not None:
            return await self._challenge_by_token(self._access.tokens, event, address)
        if not self._let_in:
            self._access.check_guesses(address)
            token = event.url.query.get("token")
            verdict = self._auth.check(event.request, now)
            self._let_in = (token is not None and self._access.accepts(token)) or verdict.user is not None
            if not self._let_in:
                shown = token is not None or "authorization" in event.request.headers
                if shown and not verdict.stale:
                    self.failures += 1
                    self._access.guessed(address)
                return self._auth.challenges(now, stale=verdict.stale)
        return None

    async def _challenge_by_token(
        self, tokens: Tokens, event: Request, address: str
    ) -> Sequence[tuple[str, str]] | None:
        if isinstance(event, Play | Pause):
            return BASIC if self._opened is None else None
        key = key_of(event.url)
        if key == self._opened:
            return None
        token = event.url.query.get("token") or _login(event.request.headers.get("authorization", ""))
        try:
            self._admission = Admission(tokens, await tokens.use(token, key, purpose_of(key), address))
        except Unauthorized:
            self.failures += bool(token)
            return BASIC
        self._opened = key
        return None

    def settle(self) -> None:
        """What was asked for is there: the token that was shown for it is used up."""
        self._admission = Admission()

    async def give_back(self) -> None:
        """It is not: a token that was shown for it, if one was, is good for another try."""
        admission, self._admission = self._admission, Admission()
        if await admission.give_back():
            self._opened = None


def _login(authorization: str) -> str:
    """The token in Basic credentials: the password, or the user where players have no password."""
    user, password = basic_credentials(authorization) or ("", "")
    return password or user


def key_of(url: RtspUrl) -> StreamKey:
    """The stream a URL names. Raises NotFound."""
    parts = url.path.strip("/").split("/")
    if len(parts) == 4 and parts[0] == "live":
        parts = parts[1:]
    if len(parts) != 3:
        raise NotFound("wanted rtsp://HOST/<device>/<channel>/<stream>", reason="no-such-path")
    return parse_key(*parts)
