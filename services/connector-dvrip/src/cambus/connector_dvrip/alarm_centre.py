"""The alarm centre: takes alarms that devices push over connections of their own (DVRIP §12). Off unless a port is set.

The messages are not authenticated. What they say is published as untrusted, and what nobody can be named for is
reported once in a while, not once a message.
"""

import asyncio
import logging
import zlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.connector.device_events import DeviceEvents, Publish
from cambus.connector.errors import InvalidRecord
from cambus.connector.registry import Desired
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.alarms import DeviceAlarms, Moment
from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.connector_dvrip.mapping.native import json_object, text
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.pushed import PUSHED, PushedAlarm
from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings, find_device
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.schemas.assets import KV_PRESENCE
from cambus.schemas.errors import CambusError
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

logger = logging.getLogger(__name__)

QUEUE: Final = 1024
WORKERS: Final = 8
MAX_AWAY: Final = 1024
MAX_CHANNELS: Final = 256
UNKNOWN_NEWS_S: Final = 600.0
UNASSIGNED: Final = "unassigned"
"""The device under which messages of unknown senders are reported."""

_COUNTERS: Final = (
    "reports",
    "unassigned",
    "rate_limited",
    "malformed",
    "other_ids",
    "framing",
    "idle",
    "refused",
)


_Message = tuple[AlarmReport, str | None, str]
"""What was said, of which device, and where it came from."""


class Directory:
    """Which device a message is of: by serial number, else by address. Follows presence and the records.

    Args:
        bus: the connection.
        protocol: whose devices.
        records: the records as known now.
    """

    def __init__(self, bus: Bus, protocol: str, records: Callable[[], dict[str, Desired]]) -> None:
        self._protocol = protocol
        self._records = records
        self._watch = KeyValue(bus, KV_PRESENCE, Presence).watch()
        self._serials: dict[str, str] = {}

    async def run(self) -> None:
        """Follow presence until cancelled."""
        async for device, entry in self._watch:
            self._serials = {serial: known for serial, known in self._serials.items() if known != device}
            if entry is not None and entry.value.protocol == self._protocol and entry.value.serial:
                self._serials[entry.value.serial] = device

    def find(self, report: AlarmReport, sender: str) -> str | None:
        """Return the device a message is of, None if nobody can be named."""
        return find_device(report, sender, self._serials.get, self._by_address)

    def answered(self, device: str) -> bool | None:
        """Return whether a device is to be answered; None: its record does not say."""
        record = self._records().get(device)
        if not isinstance(record, DeviceRecord):
            return None
        try:
            return DvripOptions.of(record.options).alarm_centre_reply
        except InvalidRecord:
            return None

    def _by_address(self, address: str) -> str | None:
        found = [device for device, record in self._records().items() if _host(record) == address]
        return found[0] if len(found) == 1 else None  # behind one address there may be many


def _host(record: Desired) -> str | None:
    try:
        return parse_address(record.address)[0] if isinstance(record, DeviceRecord) else None
    except InvalidRecord:
        return None


class AlarmCentre:
    """Listens, and brings each alarm to the replica that holds its device.

    Args:
        settings: of the listener.
        directory: names devices.
        client: hands alarms on.
        publish: publishes what nobody holds.
        protocol: for those events.
        hold_s: when the alarm of a device that nobody holds counts as over.
        metrics: counts.
    """

    def __init__(
        self,
        settings: AlarmCentreSettings,
        directory: Directory,
        client: BusClient,
        publish: Publish,
        protocol: str,
        *,
        hold_s: float,
        metrics: Metrics,
    ) -> None:
        self._directory = directory
        self._client = client
        self._publish = publish
        self._protocol = protocol
        self._hold_s = hold_s
        self._queues: list[asyncio.Queue[_Message]] = [asyncio.Queue(QUEUE) for _ in range(WORKERS)]
        self._away: OrderedDict[str, DeviceAlarms] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._messages = metrics.counter(
            "dvrip_alarm_centre_total",
            "Messages to the alarm centre, by what became of them",
            {"outcome": (*_COUNTERS, "dropped", "log")},
        )
        self._listener = AlarmCentreListener(settings, directory.find, self._take, directory.answered)
        self._counted = dict.fromkeys(_COUNTERS, 0)

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._listener.port

    async def run(self) -> None:
        """Listen and hand on until cancelled.

        Raises:
            OSError: the address is taken.
        """
        await self._listener.start()
        logger.info("alarm centre listens", extra={"port": self.port})
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._directory.run())
                for queue in self._queues:
                    tasks.create_task(self._hand_on_for_ever(queue))
        finally:
            await self._listener.close()

    def _take(self, report: AlarmReport, device: str | None, sender: str) -> None:
        """Called by the listener; must not block."""
        self._count()
        queue = self._queues[
            zlib.crc32((device or sender).encode()) % WORKERS
        ]  # one device, one queue: in order
        try:
            queue.put_nowait((report, device, sender))
        except asyncio.QueueFull:
            self._messages("dropped").inc()

    def _count(self) -> None:
        for name in _COUNTERS:
            now = self._listener.counters[name]
            self._messages(name).inc(now - self._counted[name])
            self._counted[name] = now

    # --- handing on -------------------------------------------------------------------------------------

    async def _hand_on_for_ever(self, queue: "asyncio.Queue[_Message]") -> None:
        while True:
            report, device, sender = await queue.get()
            try:
                await self._hand_on(report, device, sender)
            except Exception:
                logger.exception("alarm not handed on", extra={"device": device})

    async def _hand_on(self, report: AlarmReport, device: str | None, sender: str) -> None:
        if report.is_log:
            self._messages("log").inc()
            logger.info("device log", extra={"device": device, "kind": text(report.native), "source": sender})
        elif device is None:
            await self._tell_unknown(report, sender)
        else:
            try:
                pushed = PushedAlarm(body=json_object(report.raw, 200))
                await self._client.call(PUSHED, pushed, device=device)
            except CambusError:
                await self._publish_away(report, device)

    async def _publish_away(self, report: AlarmReport, device: str) -> None:
        """Publish the alarm of a device that has no session: its zone is not known, so its time is not told."""
        alarms = self._away.pop(device, None) or DeviceAlarms(device, self._hold_s)
        self._away[device] = alarms
        while len(self._away) > MAX_AWAY:
            self._away.popitem(last=False)
        moment = Moment(datetime.now(UTC), asyncio.get_running_loop().time(), UTC_ZONE, MAX_CHANNELS)
        events = DeviceEvents(device, self._protocol, self._publish)
        for event in alarms.report(report, moment, "push"):
            await events.tell(event.spec, event_id=event.event_id, **{**event.fields, "device_time": None})

    async def _tell_unknown(self, report: AlarmReport, sender: str) -> None:
        """Report a sender nobody knows, once in a while."""
        now = asyncio.get_running_loop().time()
        who = f"{sender} {report.serial}"
        if now - self._unknown.get(who, -UNKNOWN_NEWS_S) < UNKNOWN_NEWS_S:
            return
        self._unknown[who] = now
        while len(self._unknown) > MAX_AWAY:
            self._unknown.popitem(last=False)
        await DeviceEvents(UNASSIGNED, self._protocol, self._publish).exception(
            "unknown-device",
            "an alarm came from a device nobody configured",
            source=sender,
            serial=text(report.serial),
            event=text(report.native),
        )
