"""Tokens that open one stream once, whichever relay is asked.

A token is 128 random bits. Only its hash is stored, with what it opens, in the bucket `cambus-tokens`, where it
vanishes a minute later. Using it deletes it by compare-and-set: of all who show it, at any relay, one gets in. Where he
then finds nothing to open it is put back, by compare-and-set as well: only while that deletion is the last that was
heard of it. It is looked up by the hash, so that no comparison could tell by its duration how much of a guess is right.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import SecretStr

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import Entry, KeyValue
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.key import StreamKey
from cambus.schemas.assets import KV_TOKENS
from cambus.schemas.commands.media_relay import IssuedToken
from cambus.schemas.errors import BadRequest, Offline, Overloaded, Unauthorized
from cambus.schemas.state.relay_tokens import RelayToken, TokenPurpose

log = logging.getLogger(__name__)

TOKEN_BYTES: Final = 16
TOKEN_LIFE_S: Final = 60
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22}")

_OUTCOMES: Final = ("issued", "accepted", "returned", "unknown", "foreign", "limited")
_LEAST_LIFE_S: Final = 1.0
"""What has less left is not worth giving back."""


def purpose_of(key: StreamKey) -> TokenPurpose:
    """What a token has to be for that watches this stream."""
    return "live" if key.live else "playback"


@dataclass(frozen=True, slots=True)
class UsedToken:
    """A token that was taken in.

    Attributes:
        name: its key.
        value: what it opens.
        revision: of what marks its deletion.
    """

    name: str
    value: RelayToken
    revision: int


class Tokens:
    """Issues tokens, takes them in, and gives them back where they opened nothing.

    Args:
        bus: the bucket is there.
        metrics: `cambus_relay_tokens_total` counts what became of them.
        guesses: bounds how many wrong ones an address may show.
        clock: what time it is.
    """

    def __init__(
        self,
        bus: Bus,
        metrics: Metrics,
        guesses: Guesses,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bucket = KeyValue(bus, KV_TOKENS, RelayToken)
        self._guesses = guesses
        self._clock = clock
        self._counts = metrics.counter(
            "relay_tokens_total",
            "Tokens issued, accepted, returned because nothing could be opened, and refused: unknown (wrong, used, "
            "expired), of another stream (foreign), too many wrong ones of one address (limited)",
            {"outcome": _OUTCOMES},
        )

    async def issue(self, key: StreamKey, purpose: TokenPurpose) -> IssuedToken:
        """Make a token for one stream.

        Raises:
            BadRequest: the stream is not of that kind.
            Offline: the bucket does not answer.
        """
        if purpose in {"live", "playback"} and purpose != purpose_of(key):
            raise BadRequest(f"purpose: {key.stream} is watched with {purpose_of(key)}", reason="purpose")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = self._clock() + timedelta(seconds=TOKEN_LIFE_S)
        value = RelayToken(
            device=key.device,
            channel=key.channel,
            stream=key.stream,
            purpose=purpose,
            expires_at=expires_at,
        )
        try:
            await self._bucket.create(hashed(token), value, ttl_s=TOKEN_LIFE_S)
        except BusError as error:
            raise Offline("tokens can not be stored at the moment", reason="tokens") from error
        self._counts("issued").inc()
        return IssuedToken(token=SecretStr(token), expires_at=expires_at)

    async def use(self, token: str, key: StreamKey, purpose: TokenPurpose, address: str) -> UsedToken:
        """Take a token in; it opens nothing again unless it is given back.

        One that is shown for another stream or purpose stays as it is: an address mistyped must not cost it.

        Args:
            token: what the viewer showed, empty for nothing.
            key: the stream he wants.
            purpose: and what for.
            address: where he is.

        Raises:
            Unauthorized: it is wrong, used, expired, or of another stream.
            Overloaded: too many wrong ones came from that address.
            Offline: the bucket does not answer.
        """
        wanted = (key.device, key.channel, key.stream, purpose)
        return await self._take(
            token,
            address,
            lambda opens: (opens.device, opens.channel, opens.stream, opens.purpose) == wanted,
            "a token for this stream is needed, ?token=… or Authorization: Bearer …; each opens once",
        )

    async def use_for_page(self, token: str, address: str) -> UsedToken:
        """Take a token of the page in, whatever picture it opens with. Raises as `use`."""
        return await self._take(
            token,
            address,
            lambda opens: opens.purpose == "page",
            "a token for the page is needed; each opens once",
        )

    async def _take(
        self, token: str, address: str, fits: Callable[[RelayToken], bool], otherwise: str
    ) -> UsedToken:
        if self._guesses.exceeded(address):
            self._counts("limited").inc()
            raise Overloaded("too many wrong tokens from this address", reason="too-many-guesses")
        try:
            outcome = await self._try(token, fits)
        except BusError as error:
            raise Offline("tokens can not be looked up at the moment", reason="tokens") from error
        if isinstance(outcome, UsedToken):
            self._counts("accepted").inc()
            return outcome
        self._counts(outcome).inc()
        if token:
            self._guesses.wrong(address)
        raise Unauthorized(otherwise, reason="token")

    async def give_back(self, used: UsedToken) -> None:
        """Make a token good again that opened nothing, for as long as it would have been.

        Nothing happens if somebody did that before: then it may have been used since.
        """
        left_s = (used.value.expires_at - self._clock()).total_seconds()
        if left_s < _LEAST_LIFE_S:
            return
        try:
            await self._bucket.update(used.name, used.value, used.revision, ttl_s=left_s)
        except WrongRevision:
            return
        except BusError:
            log.warning("a token that opened nothing could not be given back")
            return
        self._counts("returned").inc()

    async def _try(self, token: str, fits: Callable[[RelayToken], bool]) -> UsedToken | str:
        if not TOKEN.fullmatch(token):
            return "unknown"
        name = hashed(token)
        entry: Entry[RelayToken] | None = await self._bucket.get(name)
        if entry is None or entry.value.expires_at <= self._clock():
            return "unknown"
        if not fits(entry.value):
            return "foreign"
        try:
            marker = await self._bucket.delete(name, entry.revision)
        except WrongRevision:  # another was faster
            return "unknown"
        return UsedToken(name, entry.value, marker)


def hashed(token: str) -> str:
    """The key under which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
