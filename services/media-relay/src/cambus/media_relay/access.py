"""Who may watch: anybody, who shows the shared token, or who shows a token for that stream.

And which web pages may act in a visitor's name.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cambus.client.secret_file import read_secret
from cambus.media_relay.admission import Admission
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.key import StreamKey
from cambus.media_relay.page_sessions import PageSessions
from cambus.media_relay.settings import RelaySettings, is_loopback
from cambus.media_relay.tokens import Tokens, purpose_of
from cambus.schemas.errors import Forbidden, Overloaded, Unauthorized
from cambus.schemas.state.relay_tokens import TokenPurpose

log = logging.getLogger(__name__)

MIN_TOKEN_CHARS = 16


class HttpRequest(Protocol):
    """The parts of an aiohttp request that matter here."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in any case."""

    @property
    def query(self) -> Mapping[str, str]:
        """The decoded query."""

    @property
    def remote(self) -> str | None:
        """The peer's address."""


class Access:
    """Decides on every request of a viewer.

    The token is read anew for every decision that needs it, so that a replaced file counts at once.

    Args:
        token_file: file with the shared token; None when access is open.
        hosts: names this relay is addressed by; a request for another `Host` comes from a page that had its own
            name point here (DNS rebinding). None when any will do: with a token such a page gets nothing.
        origins: web origins besides our own that may use the relay.
        tokens: where every stream takes a token of its own. The shared one, if there is one, is then for the page:
            it moves cameras and gets tokens, and opens no stream itself.
        pages: where there are tokens, the pages that were opened by one; they may do the same.
        guesses: bounds how many wrong shared tokens an address may show.
    """

    def __init__(
        self,
        token_file: Path | None,
        *,
        hosts: frozenset[str] | None = None,
        origins: frozenset[str] = frozenset(),
        tokens: Tokens | None = None,
        pages: PageSessions | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self.tokens = tokens
        self._guesses = guesses or Guesses(0)
        self._pages = pages
        self._token_file = token_file
        self._hosts = hosts
        self._origins = origins
        if token_file is not None:
            self._token()

    @classmethod
    def of(
        cls,
        settings: RelaySettings,
        tokens: Tokens | None = None,
        pages: PageSessions | None = None,
        guesses: Guesses | None = None,
    ) -> "Access":
        """What the settings say; `tokens` and `pages` are used if they want it so, `guesses` unless access is open.

        Raises:
            ValueError, OSError: the token file is unusable.
        """
        advertised = urlsplit(settings.relay_advertised_http_url)
        origins = settings.allowed_origins
        if advertised.netloc:  # a proxy may write a `Host` of its own, the browser's `Origin` stays
            origins |= {f"{advertised.scheme}://{advertised.netloc}"}
        if settings.relay_access == "shared-token":
            return cls(settings.relay_token_file, origins=origins, guesses=guesses)
        if settings.relay_access == "token":
            return cls(
                settings.relay_token_file, origins=origins, tokens=tokens, pages=pages, guesses=guesses
            )
        hosts = None
        if is_loopback(settings.relay_host):
            named = {settings.relay_advertised_host, advertised.hostname or ""}
            hosts = frozenset({"localhost", "127.0.0.1", "::1", settings.relay_host, *named} - {""})
        return cls(None, hosts=hosts, origins=origins)

    @property
    def open(self) -> bool:
        """Whether no token is asked for."""
        return self._token_file is None and self.tokens is None

    def accepts(self, token: str) -> bool:
        """Whether this is the shared token; takes the same time for every wrong one of its length."""
        if self.open:
            return True
        expected = self.token()
        return bool(expected) and hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode())

    def password_of(self, user: str) -> str | None:
        """The password of an RTSP user: the token, whoever asks."""
        del user
        return self.token() or None

    async def admit(
        self, request: HttpRequest, wanted: Callable[[], StreamKey], purpose: TokenPurpose | None = None
    ) -> Admission:
        """Let a request for media pass; a token for it alone is used up, unless what comes of it gives it back.

        Args:
            request: what came.
            wanted: reads the stream it is for; called only where that matters.
            purpose: None for watching.

        Raises:
            CambusError: as `check_http`, `Tokens.use` and `wanted`.
        """
        if self.tokens is None:
            self.check_http(request)
            return Admission()
        self.check_site(request)
        key = wanted()
        token, address = shown_token(request), request.remote or ""
        return Admission(self.tokens, await self.tokens.use(token, key, purpose or purpose_of(key), address))

    async def check_page(self, request: HttpRequest) -> None:
        """Let a request of the page pass; a request for media is for `admit`.

        Raises:
            CambusError: as `check_http`, and as `PageSessions.knows`.
        """
        self.check_site(request)
        self.check_guesses(request.remote or "")
        if self._pages is not None and await self._pages.knows(shown_token(request)):
            return
        self.check_http(request)

    async def open_page(self, request: HttpRequest) -> str:
        """What a page is to show from now on: a session for a token of the page, the shared token for itself.

        Raises:
            CambusError: as `check_http`, and as `Tokens.use`.
        """
        token = shown_token(request)
        self.check_guesses(request.remote or "")
        if self._pages is None or self.accepts(token) or await self._pages.knows(token):
            await self.check_page(request)
            return token
        self.check_site(request)
        return await self._pages.open(token, request.remote or "")

    def check_http(self, request: HttpRequest) -> None:
        """Let a request pass that shows the shared token, or any where access is open.

        Raises:
            Unauthorized: the token is missing or wrong.
            Forbidden: another site's page made the request.
            Overloaded: too many wrong tokens came from that address.
        """
        self.check_site(request)
        if self.open:
            return
        token, address = shown_token(request), request.remote or ""
        self.check_guesses(address)
        if not self.accepts(token):
            if token:
                self.guessed(address)
            raise Unauthorized("a valid token is needed: ?token=… or Authorization: Bearer …", reason="token")

    def check_guesses(self, address: str) -> None:
        """Raises Overloaded where an address has shown too many wrong shared tokens, whatever it shows now."""
        if self._guesses.exceeded(address):
            raise Overloaded("too many wrong tokens from this address", reason="too-many-guesses")

    def guessed(self, address: str) -> None:
        """An address has shown a wrong one."""
        self._guesses.wrong(address)

    def check_site(self, request: HttpRequest) -> None:
        """Let a request pass that shows by other means that it may watch. Raises Forbidden as `check_http`."""
        host = request.headers.get("Host", "")
        if self._hosts is not None and _hostname(host) not in self._hosts:
            raise Forbidden("this relay is not known by that host name", reason="foreign-host")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._origins and urlsplit(origin).netloc != host:
            raise Forbidden("pages of other sites may not use this relay", reason="foreign-origin")

    def allowed_origin(self, request: HttpRequest) -> str | None:
        """The origin to name in `Access-Control-Allow-Origin`, None to name none."""
        origin = request.headers.get("Origin")
        return origin if origin in self._origins else None

    def token(self) -> str:
        """The token to hand to those who may pass it on, empty when access is open or it cannot be read."""
        try:
            return self._token()
        except (OSError, ValueError):
            log.exception("the viewers' token cannot be read")
            return ""

    def _token(self) -> str:
        if self._token_file is None:
            return ""
        token = read_secret(self._token_file).strip()
        if len(token) < MIN_TOKEN_CHARS:
            raise ValueError(f"{self._token_file}: wanted a token of at least {MIN_TOKEN_CHARS} characters")
        return token


def shown_token(request: HttpRequest) -> str:
    """The token in a request's header or query, empty if there is none."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else request.query.get("token", "")


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
