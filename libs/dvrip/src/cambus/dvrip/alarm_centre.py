"""The listener for alarm centre messages (DVRIP §12): devices connect and push, nothing is asked of them.

The messages are not authenticated: whoever can reach the port can send them. Say so wherever they are shown.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from cambus.dvrip.errors import ConnectionLost, MalformedPayload
from cambus.dvrip.ids import MessageId, reply_id
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.wire import PRE_AUTH_LIMITS, REPLY_VERSION, PacketReader, serialize

DEFAULT_PORT: Final = 15002
#: Addresses whose rates are remembered.
MAX_ADDRESSES: Final = 4096
#: Answers a sender may leave unread before it is dropped.
MAX_UNSENT_BYTES: Final = 256 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlarmCentreSettings:
    """How the listener behaves.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
        idle_s: connections that say nothing for this long are closed.
        reply: answer 1509, which the protocol does not define but some devices wait for.
        unassigned_per_s: messages per second and address of senders nobody knows.
        max_connections: in all.
        max_per_address: from one address.
    """

    host: str = "0.0.0.0"  # noqa: S104 - devices come from anywhere
    port: int = DEFAULT_PORT
    idle_s: float = 60.0
    reply: bool = False
    unassigned_per_s: float = 50.0
    max_connections: int = 2048
    max_per_address: int = 64


class RateLimit:
    """A bucket of tokens per address, refilled at ``per_s``; holds one second's worth."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        """Whether one more from ``address`` is within its rate."""
        tokens, at = self._buckets.pop(address, (self._per_s, now))
        tokens = min(tokens + (now - at) * self._per_s, self._per_s)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return allowed


class AlarmCentreListener:
    """Listens and hands reports on.

    Args:
        settings: see there.
        resolve: names the device a report belongs to, given it and the sender's address: by serial number,
            then by the address it carries, then by the sender's (see `find_device`); None for nobody we know.
        on_report: called with the report, the device or None, and the sender's address; must not block.
        answers: whether a device is answered, None to do as the settings say; must not block.

    Attributes:
        counters: ``reports``, ``unassigned``, ``rate_limited``, ``malformed``, ``other_ids``, ``framing``,
            ``deaf`` (they read no answers), ``idle``, ``refused``, ``callback_errors``, ``impossible_time``.
    """

    def __init__(
        self,
        settings: AlarmCentreSettings,
        resolve: Callable[[AlarmReport, str], str | None],
        on_report: Callable[[AlarmReport, str | None, str], None],
        answers: Callable[[str], bool | None] | None = None,
    ) -> None:
        self.settings = settings
        self.counters: Counter[str] = Counter()
        self._resolve = resolve
        self._on_report = on_report
        self._answers = answers
        self._rates = RateLimit(settings.unassigned_per_s)
        self._senders: Counter[str] = Counter()
        self._links: set[_Sender] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Sender(self), self.settings.host, self.settings.port)

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None or not self._server.sockets:
            raise ConnectionLost("the listener is not running")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
            for link in list(self._links):
                link.drop()
            await self._server.wait_closed()

    # for senders

    def enter(self, link: "_Sender") -> bool:
        """Whether a new connection may speak."""
        settings = self.settings
        is_full = len(self._links) >= settings.max_connections
        if is_full or self._senders[link.address] >= settings.max_per_address:
            self.counters["refused"] += 1
            return False
        self._links.add(link)
        self._senders[link.address] += 1
        return True

    def leave(self, link: "_Sender") -> None:
        """A connection is gone."""
        if link in self._links:
            self._links.remove(link)
            self._senders[link.address] -= 1
            if self._senders[link.address] <= 0:
                del self._senders[link.address]

    def take(self, payload: bytes, address: str, now: float) -> bool:
        """One message body; return whether it is to be answered."""
        device = self._take(payload, address, now)
        wanted = None if device is None or self._answers is None else self._answers(device)
        return self.settings.reply if wanted is None else wanted

    def _take(self, payload: bytes, address: str, now: float) -> str | None:
        """Hand one message on; return whose it was, if that is known."""
        try:
            report = AlarmReport.parse(decode_body(payload), self.counters)
        except MalformedPayload:
            self.counters["malformed"] += 1
            return None
        try:
            device = self._resolve(report, address)
        except Exception:  # noqa: BLE001 - whatever is wrong with the register, the listener lives
            self.counters["callback_errors"] += 1
            _log.exception("finding the device of an alarm centre report failed")
            device = None
        if device is None:
            if not self._rates.allows(address, now):
                self.counters["rate_limited"] += 1
                return None
            self.counters["unassigned"] += 1
        self.counters["reports"] += 1
        try:
            self._on_report(report, device, address)
        except Exception:  # noqa: BLE001 - a consumer's fault must not end a device's connection
            self.counters["callback_errors"] += 1
            _log.exception("the consumer of alarm centre reports raised")
        return device


class _Sender(asyncio.Protocol):
    """One connection of a device."""

    def __init__(self, listener: AlarmCentreListener) -> None:
        self.address = ""
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._reader = PacketReader(PRE_AUTH_LIMITS)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._listener.enter(self):
            self._transport.abort()
            return
        self._timer = self._loop.call_later(self._listener.settings.idle_s, self._check_idle)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        for header, payload in self._reader.receive_data(data):
            if header.message_id != MessageId.ALARM_CENTRE_MESSAGE:
                self._listener.counters["other_ids"] += 1
                continue
            answered = self._listener.take(payload, self.address, self._heard)
            if answered and self._transport is not None:
                answer = reply_id(header.message_id)
                body = encode_body({"Ret": 100})
                self._transport.write(
                    serialize(
                        answer,
                        body,
                        session_id=header.session_id,
                        sequence=header.sequence,
                        version=REPLY_VERSION,
                    )
                )
        if self._transport is not None and self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._listener.counters["deaf"] += 1
            self.drop()
        if self._reader.failure is not None:
            self._listener.counters["framing"] += 1
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._timer is not None:
            self._timer.cancel()
        self._listener.leave(self)

    def drop(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _check_idle(self) -> None:
        idle_s = self._loop.time() - self._heard
        limit_s = self._listener.settings.idle_s
        if idle_s >= limit_s:
            self._listener.counters["idle"] += 1
            self.drop()
        else:
            self._timer = self._loop.call_later(limit_s - idle_s, self._check_idle)


def find_device(
    report: AlarmReport,
    sender: str,
    by_serial: Callable[[str], str | None],
    by_address: Callable[[str], str | None],
) -> str | None:
    """The device a report is about: by serial number, by the address it carries, by the sender's."""
    if report.serial and (device := by_serial(report.serial)) is not None:
        return device
    if report.address and (device := by_address(report.address)) is not None:
        return device
    return by_address(sender)
