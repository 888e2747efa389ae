"""A simulated DVRIP recorder as an object: start it, look into it, make it misbehave.

::

    async with DvripSimulator(user="admin", password="…", channels=2) as sim:
        ...  # a client connects to 127.0.0.1:sim.port
        await sim.wait_for(lambda: len(sim.sessions) == 1)
        sim.raise_alarm("motion", channel=1)
        sim.quirks.tail = "crlf"
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from cambus.dvrip.device_connection import Ending
from cambus.dvrip.device_media import Claim, Kind
from cambus.dvrip.device_role import DeviceRole
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_wire import broken_packet
from cambus.dvrip.errors import TransportError
from cambus.dvrip.ids import MessageId
from cambus.dvrip.server import DeviceServer
from cambus.dvrip.values import format_address, format_time
from cambus.simulators.dvrip.alarms import Alarm, AlarmStatus
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.centre import AlarmCentreSender
from cambus.simulators.dvrip.clock import DeviceClock
from cambus.simulators.dvrip.config_network import net_common
from cambus.simulators.dvrip.device import Identity, SimulatedDevice
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.ptz import PtzHead, PtzPosition
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.registration import Registration
from cambus.simulators.dvrip.upgrade import FirmwareImage
from cambus.simulators.video_loop import LoopStore
from cambus.simulators.watch import Watch

#: Between the answer to a reboot and the connections going.
_REBOOT_DELAY_S: Final = 0.05
#: States that follow from the time alone (a head that turns) are looked at so often.
_LOOK_S: Final = 0.02
#: An alarm of the timer lasts this long, or half the interval if that is less.
_ALARM_S: Final = 3.0


class DvripSimulator:
    """A device on a TCP port of its own.

    Args:
        user: name of the administrator.
        password: its password; there is no default.
        channels: cameras.
        host: address to listen on.
        port: 0 takes any free port, see `port`.
        index: number of the device in this process; makes serial number, MAC and DeviceID unique.
        quirks: how it deviates from `classic`; mutable at any time through `quirks`.
        media: what the streams look like.
        archive: what has been recorded.
        seed: of all chance in the device; None: unpredictable.
        utc_offset_minutes: the zone of its clock.
        utc_now: where its time comes from; aware datetimes.
        alarm_every_s: raise a motion alarm so often, channel by channel; 0: never.
        name: machine name.
    """

    def __init__(
        self,
        *,
        user: str,
        password: str,
        channels: int = 4,
        host: str = "127.0.0.1",
        port: int = 0,
        index: int = 0,
        quirks: Quirks | None = None,
        media: MediaPlan | None = None,
        archive: ArchivePlan | None = None,
        seed: int | None = None,
        utc_offset_minutes: int = 0,
        utc_now: Callable[[], datetime] | None = None,
        alarm_every_s: float = 0.0,
        name: str = "HVR",
    ) -> None:
        if not user or not password:
            raise ValueError("a simulated device needs a user and a password; there is no default")
        if not 1 <= channels <= 64:
            raise ValueError(f"channels {channels}: want 1-64")
        clock = (
            DeviceClock(utc_offset_minutes, utc_now)
            if utc_now is not None
            else DeviceClock(utc_offset_minutes)
        )
        self.host = host
        self.alarm_every_s = alarm_every_s
        self.device = SimulatedDevice(
            channels=channels,
            user=user,
            password=password,
            identity=Identity(
                serial=f"{3344230000 + index:012d}",
                mac=f"00:0b:3f:00:{index >> 8 & 0xFF:02x}:{index & 0xFF:02x}",
                device_id=str(123456 + index),
            ),
            plan=media or MediaPlan(),
            archive=archive or ArchivePlan(),
            quirks=quirks if quirks is not None else Quirks(),
            random=Random(seed),  # noqa: S311 - reproducible faults, no secrets
            clock=clock,
            host=host,
            name=name,
        )
        self._name = name
        self._user, self._password = user, password
        self._watch = Watch()
        self._server = DeviceServer(self.device.role, host, port)
        self._centre = AlarmCentreSender(
            self.device.config, self.quirks, self.device.identity.serial, host, self._watch.changed
        )
        self._registration = Registration(self.device, self._server, self._watch)
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm_channel = 0
        self._down = False
        self.device.on_reboot = self._reboot_requested
        self.device.on_moved = self._move_requested
        self.device.on_alarm = self._centre.put
        self.device.role.on_change = self._watch.changed
        self.device.on_das_settings = self._registration.settings_changed

    # ---- life

    async def start(self) -> None:
        """Listen and answer.

        Raises:
            TransportError: the port cannot be had.
        """
        await self._server.start()
        role = self.device.role
        role.now = self.device.booted_at = self._server.now()
        common = net_common(self.host, self.port, self.device.identity.mac, self._name)
        self.device.config.set("NetWork.NetCommon", common)
        self._own(self._centre.run())
        self._own(self._registration.run())
        if self.alarm_every_s > 0:
            self._server.call(lambda: self._later(role.now + self.alarm_every_s, self._timed_alarm))

    async def close(self) -> None:
        """Stop, and leave nothing behind."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._server.close()
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def prepare(self, channels: int | None = None) -> None:
        """Have the pictures of the first ``channels`` encoded now instead of with the first viewer."""
        wanted = range(min(channels or self.device.channels, self.device.channels))
        futures = [
            asyncio.wrap_future(LoopStore.shared.future(self.device.spec(channel, stream)))
            for channel in wanted
            for stream in (0, 1)
        ]
        await asyncio.gather(*futures)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    # ---- looking into it

    @property
    def port(self) -> int:
        """The port it listens on; the same over reboots."""
        return self._server.port

    @property
    def quirks(self) -> Quirks:
        """The switches; assign to their fields at any time."""
        return self.device.quirks

    @property
    def role(self) -> DeviceRole:
        """The protocol side: sessions, connections, counters."""
        return self.device.role

    @property
    def sessions(self) -> Sequence[Session]:
        """Who is logged in."""
        return list(self.role.sessions)

    @property
    def connection_count(self) -> int:
        """Open TCP connections."""
        return len(self.role.connections)

    @property
    def streams(self) -> Sequence[Claim]:
        """The streams that run: live, playback, download, talk."""
        return [claim for claim in self.role.media.claims() if claim.running]

    @property
    def firmware(self) -> str:
        """SoftWareVersion."""
        return self.device.identity.software

    @property
    def images(self) -> Sequence[FirmwareImage]:
        """Firmware images that arrived whole."""
        return list(self.device.upgrade.images)

    @property
    def registration(self) -> Registration:
        """The dialler of a platform."""
        return self._registration

    @property
    def centre(self) -> AlarmCentreSender:
        """The sender of alarm centre messages."""
        return self._centre

    def head(self, channel: int) -> PtzHead:
        """The PTZ head of a 0-based channel."""
        return self.device.heads[channel]

    def ptz(self, channel: int) -> PtzPosition:
        """Where a head points now."""
        return self.device.heads[channel].position(self._server.now())

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0, what: str = "") -> None:
        """Return as soon as ``predicate()`` is true.

        Raises:
            TimeoutError: it was not within ``timeout_s``.
        """
        await self._watch.until(predicate, timeout_s, what, look_s=_LOOK_S)

    def state(self) -> dict[str, Any]:
        """Everything worth seeing, as JSON; no secrets."""
        device, role, now = self.device, self.role, self._server.now()
        return {
            "port": self.port,
            "host": self.host,
            "serial": device.identity.serial,
            "mac": device.identity.mac,
            "software": device.identity.software,
            "channels": device.channels,
            "local_time": format_time(device.clock.local()),
            "boots": device.boots,
            "down": self._down,
            "connections": self.connection_count,
            "sessions": [
                {
                    "user": each.user,
                    "login_type": each.login_type,
                    "host": each.host,
                    "guarded": each.guarded,
                    "registered": each.registered,
                }
                for each in self.sessions
            ],
            "streams": [_stream_json(claim) for claim in self.streams],
            "ptz": [head.as_json(now) for head in device.heads],
            "alarms": sorted([event, channel] for event, channel in device.alarms.active),
            "alarm_reports": device.alarms.raised,
            "centre": {"sent": self._centre.sent, "failed": self._centre.failed},
            "registered": device.registered,
            "upgrade": device.upgrade.as_json(),
            "talk": {"packets": device.talk.packets, "bytes": device.talk.total_bytes},
            "titles": device.titles(),
            "log": [entry.as_json() for entry in device.log.tail(10)],
            "counters": dict(role.counters),
            "quirks": self.quirks.as_json(),
        }

    # ---- making it do things

    def raise_alarm(
        self,
        event: str = "motion",
        channel: int = 0,
        status: AlarmStatus = "Start",
        *,
        text: str = "",
        stop_after_s: float | None = None,
    ) -> Alarm:
        """Begin ("Start"), end ("Stop") or just report ("None") an alarm, and end it later if asked to.

        ``event`` is a canonical name (`alarms.canonical_names`) or any name of the device's own.
        """
        raised: list[Alarm] = []
        self._server.call(lambda: raised.append(self.device.raise_alarm(event, channel, status, text)))
        if stop_after_s is not None:
            due = self.role.now + stop_after_s
            self._server.call(lambda: self._later(due, lambda _: self._stop_alarm(event, channel)))
        return raised[0]

    def update_quirks(self, values: Mapping[str, Any]) -> None:
        """Set quirks by name; see `Switches.update`."""
        self.quirks.update(values)

    def force_logout(self) -> None:
        """Log every session out (1004)."""
        for session in self.sessions:
            self._server.call(partial(self.role.force_logout, session))

    def drop(self, *, reset: bool = True) -> int:
        """Cut every connection, with a reset or an orderly close; how many."""
        count = self.connection_count
        self._server.drop_all(reset=reset)
        return count

    def inject(self, fault: str, kind: Kind | None = None) -> int:
        """Send a broken packet on every connection, or on those that carry streams of a kind; how many."""
        targets = (
            {claim.connection: claim.session.session_id for claim in self.role.media.claims(kind)}
            if kind is not None
            else {each: (each.session.session_id if each.session else 0) for each in self.role.connections}
        )
        for connection, session_id in targets.items():
            data = broken_packet(fault, MessageId.KEEPALIVE_REPLY, session_id, 0)
            self._server.call(partial(self.role.send, connection, data))
        return len(targets)

    def register_with(self, host: str, port: int, *, user: str, password: str, device_id: str = "") -> None:
        """Have the device register with a platform, as writing ``NetWork.DAS`` does."""
        self.device.config.set(
            "NetWork.DAS",
            {
                "DeviceID": device_id or self.device.identity.device_id,
                "Enable": True,
                "Password": password,
                "Port": port,
                "ServerAddr": host,
                "UserName": user,
            },
        )

    def register(self, host: str, port: int, *, device_id: str = "") -> None:
        """Have the device register with a platform under the administrator's account."""
        self.register_with(host, port, user=self._user, password=self._password, device_id=device_id)

    def report_to(self, host: str, port: int) -> None:
        """Have alarms sent to an alarm centre, as writing ``NetWork.AlarmServer`` does."""
        address = format_address(host) if host.count(".") == 3 else ""
        target = {"Address": address, "Name": host, "Port": port}
        self.device.config.set("NetWork.AlarmServer.[0]", {"Enable": True, "Alarm": True, "Server": target})

    def go_offline(self, *, reset: bool = True) -> None:
        """Refuse and cut connections, as if the network were gone."""
        self._down = True
        self._server.stop_listening()
        self._server.drop_all(reset=reset)
        self._watch.changed()

    async def go_online(self) -> None:
        """Accept connections again."""
        self._down = False
        await self._server.listen()
        self._watch.changed()

    def address_written(self) -> None:
        """Go where the settings say, if that is elsewhere: somebody has written them without a session."""
        if self.device.address() != (self.host, self.port):
            self._server.call(lambda: self.device.on_moved(*self.device.address()))

    def reboot(self) -> None:
        """Go down for ``reboot_s`` and come back."""
        self._server.call(self.device.reboot)

    # ---- inside

    def _later(self, due: float, call: Callable[[float], None]) -> None:
        self.role.timers.at(due, call)

    def _stop_alarm(self, event: str, channel: int) -> None:
        self.device.raise_alarm(event, channel, "Stop")

    def _timed_alarm(self, now: float) -> None:
        channel = self._alarm_channel
        self._alarm_channel = (channel + 1) % self.device.channels
        timers = self.role.timers
        self.device.raise_alarm("motion", channel, "Start")
        timers.at(now + min(_ALARM_S, self.alarm_every_s / 2), lambda _: self._stop_alarm("motion", channel))
        timers.at(now + self.alarm_every_s, self._timed_alarm)

    def _reboot_requested(self, for_ever: bool) -> None:
        """Called inside a step of the role: let the answer out first, then go."""
        role = self.role
        role.timers.at(role.now + _REBOOT_DELAY_S, lambda now: self._go_down(now, for_ever=for_ever))

    def _go_down(self, now: float, *, for_ever: bool) -> None:
        self._down = True
        self._server.stop_listening()
        for connection in list(self.role.connections):
            self.role.end(connection, Ending.RESET)
        if not for_ever:
            self.role.timers.at(now + self.quirks.reboot_s, lambda _: self._own(self._come_back()))
        self._watch.changed()

    def _move_requested(self, host: str, port: int) -> None:
        """Another address was written: let the answer out first, then be there."""
        role = self.role
        role.timers.at(role.now + _REBOOT_DELAY_S, lambda _: self._own(self._move(host, port)))

    async def _move(self, host: str, port: int) -> None:
        with contextlib.suppress(TransportError):  # an address that cannot be had is none
            await self._server.move(host, port)
            self.host = host
        self._watch.changed()

    async def _come_back(self) -> None:
        self._server.call(self.device.booted)
        await self.go_online()


def _stream_json(claim: Claim) -> dict[str, Any]:
    sender = claim.sender
    return {
        "kind": claim.kind.name.lower(),
        "channel": claim.channel,
        "stream": claim.key[3],
        "user": claim.session.user,
        "frames_sent": sender.frames_sent if sender else 0,
        "frames_dropped": sender.frames_dropped if sender else 0,
    }
