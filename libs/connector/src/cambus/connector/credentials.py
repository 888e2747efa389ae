"""The sealed accounts in `cambus-credentials`, opened for whoever connects a device.

What is kept here is sealed; a password is in clear only on its way into a login.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing, SealError
from cambus.client.kv import Entry, KeyValue
from cambus.connector.errors import EndReason, SessionEnd
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.state.credentials import Credentials, SealedCredentials

logger = logging.getLogger(__name__)

_FINGERPRINTS: Final = secrets.token_bytes(32)
"""Keys the fingerprints of this process: they are to say nothing to anybody else."""


class CredentialStore:
    """The credentials of all devices.

    Args:
        bus: the connection.
        keys: open and seal; None: there is no key, so nothing opens.
        on_change: told the name of every credential that comes, changes or goes.

    Attributes:
        keys: open and seal, None without a key.
    """

    def __init__(self, bus: Bus, keys: KeyRing | None, on_change: Callable[[str], None]) -> None:
        self.keys = keys
        self._on_change = on_change
        self._bucket = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        self._watch = self._bucket.watch()
        self._sealed: dict[str, Entry[SealedCredentials]] = {}

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        async for name, entry in self._watch:
            if entry is None:
                self._sealed.pop(name, None)
            else:
                self._sealed[name] = entry
            self._on_change(name)

    async def synced(self) -> None:
        """Wait until everything that was there at the start is known."""
        await self._watch.synced.wait()

    def written(self, name: str) -> datetime | None:
        """Return when a credential was written, by the server's clock; None if there is none."""
        entry = self._sealed.get(name)
        return None if entry is None else entry.written

    def open(self, name: str) -> Credentials:
        """Return a credential in clear.

        Raises:
            SessionEnd: there is none of that name, there is no key, or it does not open.
        """
        entry = self._sealed.get(name)
        if entry is None:
            raise SessionEnd(EndReason.CREDENTIALS_MISSING, f"there are no credentials {name}")
        if self.keys is None:
            raise SessionEnd(
                EndReason.CREDENTIALS_MISSING, "no key to open credentials: set CAMBUS_CREDENTIALS_KEY_FILE"
            )
        try:
            return self.keys.open(entry.value, name)
        except SealError as error:
            raise SessionEnd(EndReason.CREDENTIALS_MISSING, str(error)) from None

    def fingerprint(self, name: str) -> bytes | None:
        """Return what tells an account from another without showing it; None if it can not be opened."""
        try:
            credentials = self.open(name)
        except SessionEnd:
            return None
        return blake2b(encode(credentials, MSGPACK), digest_size=16, key=_FINGERPRINTS).digest()

    async def replace(self, name: str, credentials: Credentials) -> None:
        """Store a credential anew, sealed.

        Raises:
            SessionEnd: there is no key to seal with.
            BusError: NATS refuses or does not answer.
        """
        if self.keys is None:
            raise SessionEnd(EndReason.CREDENTIALS_MISSING, "no key to seal credentials with")
        await self._bucket.put(name, self.keys.seal(credentials, name))
