"""Delivering one alarm along one route."""

import time
from collections.abc import Callable

import aiohttp

from cambus.alarm_router.rules import Phase, Route
from cambus.alarm_router.webhook import DeliveryFailedError, Envelope, headers, post
from cambus.bus.connection import Bus
from cambus.bus.errors import BusError
from cambus.bus.kv import KeyValue
from cambus.bus.sealing import KeyRing, SealError
from cambus.schemas import assets
from cambus.schemas.codec import JSON
from cambus.schemas.events.alarm import AlarmEvent
from cambus.schemas.model import Message
from cambus.schemas.state.alarm_rule import BusSink, WebhookSink
from cambus.schemas.state.credentials import SealedCredentials

SECRET_FRESH_S = 30.0


class RoutedAlarm(Message):
    """What a sink receives, as JSON."""

    type: str
    rule: str
    suppressed: int
    alarm: AlarmEvent


def body_of(alarm: AlarmEvent, phase: Phase, rule: str, suppressed: int) -> bytes:
    """The JSON a sink receives: `{"type": "alarm.raised", "rule": …, "suppressed": n, "alarm": {…}}`."""
    routed = RoutedAlarm(type=f"alarm.{phase}", rule=rule, suppressed=suppressed, alarm=alarm)
    return routed.model_dump_json(serialize_as_any=True).encode()


class SigningKeys:
    """The keys webhooks are signed with, opened from `cambus-credentials` and kept for half a minute."""

    def __init__(self, bus: Bus, ring: KeyRing | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored: KeyValue[SealedCredentials] = KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials)
        self._ring = ring
        self._clock = clock
        self._known: dict[str, tuple[float, bytes]] = {}

    async def key(self, name: str) -> bytes:
        """The signing key stored under `name`: its token, or else its password.

        Raises:
            DeliveryFailedError: There is none, or it cannot be opened with our key file.
        """
        known = self._known.get(name)
        if known is not None and self._clock() - known[0] < SECRET_FRESH_S:
            return known[1]
        if self._ring is None:
            raise DeliveryFailedError(f"no key file to open the secret {name!r} with")
        try:
            entry = await self._stored.get(name)
            opened = self._ring.open(entry.value, name) if entry is not None else None
        except (SealError, BusError) as error:
            raise DeliveryFailedError(str(error)) from error
        secret = opened and (opened.token or opened.password)
        if not secret:
            raise DeliveryFailedError(f"there is no secret {name!r}")
        key = secret.get_secret_value().encode()
        self._known[name] = (self._clock(), key)
        return key


class Sinks:
    """All ways out of the router."""

    def __init__(self, bus: Bus, session: aiohttp.ClientSession, keys: SigningKeys) -> None:
        self._bus = bus
        self._session = session
        self._keys = keys

    async def deliver(self, route: Route, event_id: str, body: bytes) -> None:
        """Make one attempt.

        Raises:
            DeliveryFailedError: The sink did not take it; says why.
        """
        match route.sink:
            case WebhookSink() as sink:
                envelope = Envelope(event_id, body)
                secret = await self._keys.key(sink.secret) if sink.secret else None
                fields = headers(envelope, int(time.time()), secret, sink.headers)
                await post(self._session, sink.url, envelope, fields, sink.timeout_s)
            case BusSink() as sink:
                await self._publish(sink.subject, event_id, body)

    async def _publish(self, subject: str, event_id: str, body: bytes) -> None:
        try:
            await self._bus.publish(subject, body, headers={"Nats-Msg-Id": event_id, "Content-Type": JSON})
            await self._bus.flush()
        except BusError as error:
            raise DeliveryFailedError(f"bus: {error}") from error
