"""Delivering events to MQTT brokers with QoS 1: one connection to each, kept while it is used.

QoS 1 is what the promise needs: the broker has the event when it says so; one whose answer was lost comes again.
"""

import asyncio
import logging
import secrets
import ssl
from dataclasses import dataclass, field

import aiomqtt

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.client.tasks import end
from cambus.schemas.state.alarm_sinks import MqttSink
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.template import fill

logger = logging.getLogger(__name__)
logging.getLogger("mqtt").setLevel(logging.ERROR)  # the library's own; failures are ours to tell

KEEPALIVE_S = 30
MAX_TOPIC_BYTES = 65535
_BARRED = str.maketrans({"/": "_", "+": "_", "#": "_", "\0": "_"})


@dataclass(frozen=True, slots=True)
class _Broker:
    """What makes connections different."""

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)


@dataclass(slots=True)
class _Line:
    """A connection to a broker: its opening, which goes on when whoever asked for it waits no more."""

    opening: "asyncio.Task[aiomqtt.Client] | None" = None


class Brokers:
    """Connections to brokers, opened when they are needed; `close` ends them.

    Args:
        trusted: whom TLS trusts.
        instance: our name, a part of the client ids.
    """

    def __init__(self, trusted: ssl.SSLContext, instance: str) -> None:
        self._trusted = trusted
        self._instance = instance
        self._lines: dict[_Broker, _Line] = {}

    async def publish(self, sink: MqttSink, notice: Notice, login: Credentials | None) -> None:
        """Publish one event and wait until the broker has it.

        Raises:
            DeliveryFailedError: it does not say so in time, or cannot be reached.
        """
        topic = fill(sink.topic, notice.values, lambda value: value.translate(_BARRED))
        if len(topic.encode()) > MAX_TOPIC_BYTES or "+" in topic or "#" in topic:
            raise DeliveryFailedError("the topic is none")
        secret = (login.password or login.token) if login is not None else None
        password = secret.get_secret_value() if secret is not None else ""
        broker = _Broker(
            sink.host, sink.port, sink.tls, login.username if login is not None else "", password
        )
        line = self._lines.setdefault(broker, _Line())
        opening = self._opening(broker, line)
        try:
            async with asyncio.timeout(sink.timeout_s):
                client = await asyncio.shield(opening)
                await client.publish(topic, notice.body, qos=1, retain=sink.retain, timeout=sink.timeout_s)
        except TimeoutError:
            if opening.done():
                await self._lost(line, opening)
            raise DeliveryFailedError(f"no answer in {sink.timeout_s:g} s", away=True) from None
        except (aiomqtt.MqttError, OSError, ValueError) as error:  # their texts may quote the address
            await self._lost(line, opening)
            raise DeliveryFailedError(_reason(error), away=True) from None

    async def close(self) -> None:
        """End all connections."""
        for line in self._lines.values():
            if line.opening is not None:
                if not line.opening.done():
                    await end(line.opening)
                await self._lost(line, line.opening)
        self._lines.clear()

    def _opening(self, broker: _Broker, line: _Line) -> "asyncio.Task[aiomqtt.Client]":
        if line.opening is None:
            line.opening = asyncio.create_task(self._open(broker), name="mqtt")
        return line.opening

    async def _open(self, broker: _Broker) -> aiomqtt.Client:
        client = aiomqtt.Client(
            hostname=broker.host,
            port=broker.port,
            username=broker.user or None,
            password=broker.password or None,
            identifier=f"cambus-{self._instance}-{secrets.token_hex(4)}",
            keepalive=KEEPALIVE_S,
            tls_context=self._trusted if broker.tls else None,
        )
        return await client.__aenter__()

    async def _lost(self, line: _Line, opening: "asyncio.Task[aiomqtt.Client]") -> None:
        """A connection is of no use any more; whoever publishes next opens another."""
        if line.opening is not opening:
            return
        line.opening = None
        if opening.cancelled() or opening.exception() is not None:
            return
        try:
            await opening.result().__aexit__(None, None, None)
        except (aiomqtt.MqttError, OSError) as error:
            logger.debug("a broker was left without a word", extra={"reason": type(error).__name__})


def _reason(error: Exception) -> str:
    if isinstance(error, aiomqtt.MqttCodeError):
        return f"MQTT {error.rc}"
    return type(error).__name__
