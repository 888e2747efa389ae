"""Delivering one alarm to one sink: what is sent, signed with what, and how."""

import asyncio
import time
from collections.abc import Callable

import aiohttp

from cambus.alarm_router.rules import Alarm, phase_of
from cambus.alarm_router.webhook import DeliveryFailedError, Envelope, headers, post, signing_key
from cambus.bus.connection import Bus
from cambus.bus.errors import BusError
from cambus.bus.kv import KeyValue
from cambus.bus.sealing import KeyRing, SealError
from cambus.schemas import assets
from cambus.schemas import headers as header
from cambus.schemas.codec import JSON, encode
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Message
from cambus.schemas.state.alarm_rule import AlarmSink, BusSink, WebhookSink
from cambus.schemas.state.credentials import SealedCredentials

SECRET_FRESH_S = 30.0
MAX_BODY_BYTES = 16 * 1024 * 1024


class RoutedAlarm(Message):
    """What a sink receives, as JSON."""

    type: str
    rule: str
    suppressed: int
    alarm: Alarm


def body_of(alarm: Alarm, rule: str, suppressed: int) -> bytes:
    """The JSON a sink receives: `{"type": "alarm.raised", "rule": …, "suppressed": n, "alarm": {…}}`."""
    kind = f"alarm.{phase_of(alarm)}"
    routed = RoutedAlarm.model_construct(type=kind, rule=rule, suppressed=suppressed, alarm=alarm)
    return encode(routed, JSON, limit=MAX_BODY_BYTES)


class UnusableSecret(Exception):
    """A signing key cannot be had; `reason` is a slug for programs."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class SigningKeys:
    """The keys webhooks are signed with, opened from `cambus-credentials` and kept for half a minute.

    Args:
        bus: the connection.
        ring: what opens them; None if the service was given no key file.
        clock: seconds that never go back.
    """

    def __init__(self, bus: Bus, ring: KeyRing | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored: KeyValue[SealedCredentials] = KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials)
        self._ring = ring
        self._clock = clock
        self._known: dict[str, tuple[float, bytes]] = {}
        self._asking = asyncio.Lock()

    async def key(self, name: str) -> bytes:
        """The signing key stored under `name`; while NATS does not answer, the one it was before.

        Raises:
            UnusableSecret: there is none, or it cannot be opened with our key file.
            BusError: NATS does not answer, and it was never asked before.
        """
        known = self._fresh(name)
        if known is not None:
            return known
        async with self._asking:
            known = self._fresh(name)
            if known is not None:
                return known
            try:
                key = await self.read(name)
            except BusError:
                if name not in self._known:
                    raise
                key = self._known[name][1]
            self._known[name] = (self._clock(), key)
            return key

    def _fresh(self, name: str) -> bytes | None:
        known = self._known.get(name)
        return known[1] if known is not None and self._clock() - known[0] < SECRET_FRESH_S else None

    async def read(self, name: str) -> bytes:
        """The key stored under `name` at this moment: its token, or else its password.

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
        secret = opened and (opened.token or opened.password)
        if not secret:
            raise UnusableSecret("unknown-secret", f"{assets.KV_CREDENTIALS} holds no secret {name!r}")
        try:
            return signing_key(secret.get_secret_value())
        except ValueError as error:
            raise UnusableSecret("malformed-secret", f"secret {name!r}: {error}") from None


class Sinks:
    """All ways out of the router."""

    def __init__(self, bus: Bus, session: aiohttp.ClientSession, keys: SigningKeys) -> None:
        self._bus = bus
        self._session = session
        self._keys = keys

    async def deliver(self, sink: AlarmSink, envelope: Envelope) -> None:
        """Make one attempt.

        Raises:
            DeliveryFailedError: The sink did not take it; says why.
        """
        try:
            match sink:
                case WebhookSink():
                    key = await self._keys.key(sink.secret) if sink.secret else None
                    fields = headers(envelope, int(time.time()), key, sink.headers)
                    await post(self._session, sink.url, envelope, fields, sink.timeout_s)
                case BusSink():
                    fields = {header.MESSAGE_ID: envelope.id, header.CONTENT_TYPE: JSON}
                    await self._bus.publish(sink.subject, envelope.body, headers=fields)
                    await self._bus.flush()
        except UnusableSecret as error:
            raise DeliveryFailedError(str(error), away=True) from None
        except BusError as error:
            raise DeliveryFailedError(f"bus: {error}", away=True) from None
