"""The secrets of sinks: what webhooks are signed with, and how to log in at mail servers, brokers and gateways."""

import asyncio
import time
from collections.abc import Callable

from cambus.alarm_router.webhook import signing_key
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing, SealError
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.errors import BadRequest
from cambus.schemas.state.credentials import Credentials, SealedCredentials

SECRET_FRESH_S = 30.0


class UnusableSecret(Exception):
    """A secret cannot be had; `reason` is a slug for programs."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class SinkSecrets:
    """Secrets opened from `cambus-credentials`, and kept for half a minute.

    Args:
        bus: the connection.
        ring: what opens them; None if the service was given no key file.
        clock: seconds that never go back.
    """

    def __init__(self, bus: Bus, ring: KeyRing | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored: KeyValue[SealedCredentials] = KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials)
        self._ring = ring
        self._clock = clock
        self._known: dict[str, tuple[float, Credentials]] = {}
        self._asking = asyncio.Lock()

    async def credentials(self, name: str) -> Credentials:
        """What is stored under `name`; while NATS does not answer, what it was before.

        Raises:
            UnusableSecret: there is none, or it cannot be opened with our key file.
            BusError: NATS does not answer, and it was never asked for before.
        """
        known = self._fresh(name)
        if known is not None:
            return known
        async with self._asking:
            known = self._fresh(name)
            if known is not None:
                return known
            try:
                opened = await self.read(name)
            except BusError:
                if name not in self._known:
                    raise
                opened = self._known[name][1]
            self._known[name] = (self._clock(), opened)
            return opened

    async def key(self, name: str) -> bytes:
        """The signing key stored under `name`: its token, or else its password. Raises as `credentials`."""
        return key_of(name, await self.credentials(name))

    async def text(self, name: str) -> str:
        """The token stored under `name`, or else its password. Raises as `credentials`."""
        return _text_of(name, await self.credentials(name))

    def _fresh(self, name: str) -> Credentials | None:
        known = self._known.get(name)
        return known[1] if known is not None and self._clock() - known[0] < SECRET_FRESH_S else None

    async def read(self, name: str) -> Credentials:
        """What is stored under `name` at this moment.

        Raises:
            UnusableSecret: there is none, or it cannot be opened with our key file.
            BusError: NATS does not answer.
        """
        if self._ring is None:
            raise UnusableSecret("no-key-file", "the router has no key file to open secrets with")
        try:
            entry = await self._stored.get(name)
            opened = self._ring.open(entry.value, name) if entry is not None else None
        except (SealError, BadRequest) as error:
            raise UnusableSecret("sealed-otherwise", str(error)) from None
        if opened is None:
            raise UnusableSecret("unknown-secret", f"{assets.KV_CREDENTIALS} holds no secret {name!r}")
        return opened


def key_of(name: str, opened: Credentials) -> bytes:
    """The signing key in credentials.

    Raises:
        UnusableSecret: there is none, or it is malformed.
    """
    try:
        return signing_key(_text_of(name, opened))
    except ValueError as error:
        raise UnusableSecret("malformed-secret", f"secret {name!r}: {error}") from None


def _text_of(name: str, opened: Credentials) -> str:
    secret = opened.token or opened.password
    if not secret:
        raise UnusableSecret("unknown-secret", f"{assets.KV_CREDENTIALS} holds no secret {name!r}")
    return secret.get_secret_value()
