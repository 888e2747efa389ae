"""Delivering one event to one sink: the one place that knows every kind of them."""

import ssl
import time
from pathlib import Path

import aiohttp

from cambus.alarm_router import gateway, mail
from cambus.alarm_router.mqtt import Brokers
from cambus.alarm_router.notice import Notice
from cambus.alarm_router.pictures import Pictures
from cambus.alarm_router.sink_secrets import SinkSecrets, UnusableSecret
from cambus.alarm_router.webhook import DeliveryFailedError, Envelope, headers, post
from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.schemas import headers as header
from cambus.schemas.codec import JSON
from cambus.schemas.commands import cascade
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.state.alarm_sinks import (
    AlarmSink,
    BusSink,
    CascadeSink,
    EmailSink,
    HttpSink,
    MqttSink,
    WebhookSink,
)

AWAY = frozenset({ErrorCode.OFFLINE, ErrorCode.DEADLINE, ErrorCode.OVERLOADED, ErrorCode.NOT_FOUND})
"""Refusals that tell of the way to the platform, not of the alarm."""


class Sinks:
    """All ways out of the router.

    Args:
        bus: the connection.
        session: for what goes over HTTP.
        secrets: opens those that sinks name.
        pictures: finds what e-mails attach.
        trusted: whom TLS trusts.
    """

    def __init__(
        self,
        bus: Bus,
        session: aiohttp.ClientSession,
        secrets: SinkSecrets,
        pictures: Pictures,
        trusted: ssl.SSLContext,
    ) -> None:
        self._bus = bus
        self._session = session
        self._secrets = secrets
        self._pictures = pictures
        self._trusted = trusted
        self._client = BusClient(bus)
        self.brokers = Brokers(trusted, bus.settings.instance)

    async def deliver(self, sink: AlarmSink, notice: Notice) -> str:
        """Make one attempt.

        Returns:
            What is wrong though it was taken; empty as a rule.

        Raises:
            DeliveryFailedError: The sink did not take it; says why.
        """
        try:
            return await self._deliver(sink, notice)
        except UnusableSecret as error:
            raise DeliveryFailedError(str(error), away=True) from None
        except BusError as error:
            raise DeliveryFailedError(f"bus: {error}", away=True) from None

    async def _deliver(self, sink: AlarmSink, notice: Notice) -> str:
        match sink:
            case WebhookSink():
                await self._post(sink, notice)
            case BusSink():
                fields = {header.MESSAGE_ID: notice.alarm.id, header.CONTENT_TYPE: JSON}
                await self._bus.hand_over(sink.subject, notice.body, headers=fields)
            case EmailSink():
                login = await self._secrets.credentials(sink.secret) if sink.secret else None
                pictures = await self._pictures.of(notice) if sink.pictures else []
                return await mail.send(sink, notice, pictures, login, self._trusted)
            case MqttSink():
                login = await self._secrets.credentials(sink.secret) if sink.secret else None
                await self.brokers.publish(sink, notice, login)
            case HttpSink():
                secret = await self._secrets.text(sink.secret) if sink.secret else ""
                await gateway.send(self._session, sink, notice, secret)
            case CascadeSink():
                await self._tell_platform(sink, notice)
        return ""

    async def _post(self, sink: WebhookSink, notice: Notice) -> None:
        key = await self._secrets.key(sink.secret) if sink.secret else None
        wrapped = sink.format == "cloudevents"
        envelope = Envelope(notice.alarm.id, notice.cloud_event if wrapped else notice.body)
        fields = headers(envelope, int(time.time()), key, sink.headers)
        if wrapped:
            fields["content-type"] = "application/cloudevents+json; charset=utf-8"
        await post(self._session, sink.url, envelope, fields, sink.timeout_s)

    async def _tell_platform(self, sink: CascadeSink, notice: Notice) -> None:
        if not isinstance(notice.alarm, AlarmRaised):
            return  # the standard has no word for ends
        request = cascade.CascadeAlarmRequest(link=sink.link, alarm=notice.alarm)
        try:
            await self._client.call_holder(cascade.ALARM, request)
        except CambusError as error:
            raise DeliveryFailedError(error.text, away=error.code in AWAY) from None


def trusted_by(ca_file: Path | None) -> ssl.SSLContext:
    """Whom TLS to sinks trusts: the system's authorities, and those in the file.

    Raises:
        OSError: the file cannot be read, or holds no certificates.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def target_of(sink: AlarmSink) -> str:
    """Where a sink is, for people: nothing in it is secret."""
    match sink:
        case WebhookSink() | HttpSink():
            return sink.url.partition("?")[0].partition("{")[0]
        case BusSink():
            return sink.subject
        case EmailSink():
            return f"{', '.join(sink.to)} by {sink.host}"
        case MqttSink():
            return f"{sink.topic} at {sink.host}:{sink.port}"
        case CascadeSink():
            return f"platform {sink.link}"
