"""The alarm centre side of a device: dials the centre and sends messages 1508 (DVRIP §12)."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cambus.dvrip.device_wire import TAILS
from cambus.dvrip.ids import MessageId
from cambus.dvrip.payload import encode_body, strip_tail
from cambus.dvrip.values import as_list, as_object, parse_address, parse_number
from cambus.dvrip.wire import serialize
from cambus.simulators.dvrip.alarms import Alarm
from cambus.simulators.dvrip.config_store import ConfigStore
from cambus.simulators.dvrip.quirks import Quirks

_QUEUED: Final = 1000
_CONNECT_S: Final = 5.0
#: How long ``joined`` waits for a second message to put into the same write.
_JOIN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class CentreAddress:
    """Where an alarm centre listens."""

    host: str
    port: int


def configured_centre(config: ConfigStore) -> CentreAddress | None:
    """The first enabled ``NetWork.AlarmServer`` that wants alarms."""
    for entry in map(as_object, as_list(config.find("NetWork.AlarmServer"))):
        if entry.get("Enable") and entry.get("Alarm", True):
            target = as_object(entry.get("Server"))
            host = parse_address(target.get("Address")) or str(target.get("Name", ""))
            if host and host != "0.0.0.0":  # noqa: S104 - "not set", not a bind
                return CentreAddress(host, parse_number(target.get("Port"), 15002))
    return None


class AlarmCentreSender:
    """Sends alarms to the configured centre, in order; what cannot be delivered is dropped and counted.

    Attributes:
        sent: messages written.
        failed: messages dropped because the centre could not be reached or the queue was full.
    """

    def __init__(
        self, config: ConfigStore, quirks: Quirks, serial: str, address: str, changed: Callable[[], None]
    ) -> None:
        self.sent = 0
        self.failed = 0
        self._config = config
        self._quirks = quirks
        self._serial = serial
        self._address = address
        self._changed = changed
        self._queue: asyncio.Queue[Alarm] = asyncio.Queue(_QUEUED)
        self._writer: asyncio.StreamWriter | None = None
        self._connected_to: CentreAddress | None = None

    def put(self, alarm: Alarm) -> None:
        """Have an alarm sent; does nothing when no centre is configured."""
        if configured_centre(self._config) is None:
            return
        try:
            self._queue.put_nowait(alarm)
        except asyncio.QueueFull:
            self.failed += 1

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                batch = [await self._queue.get()]
                if self._quirks.centre_style == "joined":
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_JOIN_S):  # `wait_for` may lose the end of this task
                            batch.append(await self._queue.get())
                await self._deliver(batch)
                self._changed()
        finally:
            self._hang_up()

    async def _deliver(self, batch: list[Alarm]) -> None:
        centre = configured_centre(self._config)
        data = b"".join(self._message(alarm) for alarm in batch)
        if centre is None:  # switched off meanwhile
            self.failed += len(batch)
            return
        try:
            writer = await self._connect(centre)
            if self._quirks.centre_style == "split":
                for at in range(len(data)):
                    writer.write(data[at : at + 1])
                    await writer.drain()
            else:
                writer.write(data)
                await writer.drain()
            self.sent += len(batch)
        except OSError:
            self.failed += len(batch)
            self._hang_up()
        if self._quirks.centre_style != "persistent":
            self._hang_up()

    async def _connect(self, centre: CentreAddress) -> asyncio.StreamWriter:
        if self._writer is not None and self._connected_to == centre and not self._writer.is_closing():
            return self._writer
        self._hang_up()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, writer = await asyncio.open_connection(centre.host, centre.port)
        except TimeoutError:
            raise OSError("the alarm centre does not answer") from None
        except (ValueError, OverflowError) as error:  # the address may have come from a client
            raise OSError(f"no address of an alarm centre: {error}") from None
        self._writer, self._connected_to = writer, centre
        return writer

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _message(self, alarm: Alarm) -> bytes:
        body: dict[str, Any] = alarm.centre_body(
            self._address, self._serial, named=self._quirks.centre_shape == "named"
        )
        payload = strip_tail(encode_body(body)) + TAILS[self._quirks.tail]
        return serialize(MessageId.ALARM_CENTRE_MESSAGE, payload, version=self._quirks.version)
