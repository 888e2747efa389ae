"""The simulated recorder behind the protocol: everything it is, has and remembers (DVRIP §18)."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import MediaSource, Request
from cambus.dvrip.device_media import Dial, Kind
from cambus.dvrip.device_role import DeviceRole
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_wire import Reply
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.search import parse_file_name
from cambus.dvrip.values import as_list, as_object, parse_address, parse_number, parse_time
from cambus.simulators.dvrip.accounts import Accounts
from cambus.simulators.dvrip.alarms import Alarm, AlarmBoard, AlarmStatus
from cambus.simulators.dvrip.answers import REQUIRED, Handler
from cambus.simulators.dvrip.answers_accounts import AccountAnswers
from cambus.simulators.dvrip.answers_info import InfoAnswers
from cambus.simulators.dvrip.answers_search import SearchAnswers
from cambus.simulators.dvrip.answers_system import SystemAnswers
from cambus.simulators.dvrip.archive import Archive, ArchivePlan, Recording, matching, recording_size
from cambus.simulators.dvrip.clock import DeviceClock
from cambus.simulators.dvrip.config_events import event_defaults
from cambus.simulators.dvrip.config_network import machine_defaults, network_defaults
from cambus.simulators.dvrip.config_store import ConfigStore
from cambus.simulators.dvrip.config_video import storage_defaults, video_defaults
from cambus.simulators.dvrip.disks import Disks
from cambus.simulators.dvrip.logs import DeviceLog
from cambus.simulators.dvrip.media_plan import MediaPlan, spec_of_settings
from cambus.simulators.dvrip.ptz import PtzHead
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.serial_ports import SerialPorts
from cambus.simulators.dvrip.sources import LiveSource, PlaybackSource, TalkSource
from cambus.simulators.dvrip.upgrade import UpgradeDesk
from cambus.simulators.jpeg import jpeg_picture
from cambus.simulators.video_loop import LoopStore, VideoLoop, VideoSpec

_FAST_SCAN: Final = 2
_KEPT_TALK_BYTES: Final = 256 * 1024


@dataclass
class Identity:
    """What a device calls itself; unique per device of a process."""

    serial: str
    mac: str
    device_id: str
    hardware: str = "HVR_HI3520"
    vendor: str = "Cambus"
    device_type: str = "HVR"
    software: str = "V4.02.R11.00002531.10010.140600.00000"
    build_time: datetime = field(default=datetime(2024, 5, 17, 10, 20, 30))  # noqa: DTZ001 - device local time


@dataclass
class Talk:
    """What a talker said: counts, and the last bytes."""

    packets: int = 0
    total_bytes: int = 0
    recent: bytearray = field(default_factory=bytearray)


class SimulatedDevice:
    """A recorder with cameras. It is the `DeviceBackend` of its own `DeviceRole`.

    All times of calls are seconds of the role's clock unless they are datetimes, which are device local.
    """

    def __init__(
        self,
        *,
        channels: int,
        user: str,
        password: str,
        identity: Identity,
        plan: MediaPlan,
        archive: ArchivePlan,
        quirks: Quirks,
        random: Random,
        clock: DeviceClock,
        host: str,
        name: str,
        inputs: int = 4,
        outputs: int = 2,
    ) -> None:
        self.channels, self.inputs, self.outputs = channels, inputs, outputs
        self.identity, self.quirks, self.clock, self.plan = identity, quirks, clock, plan
        self.random = random
        self.role = DeviceRole(self, quirks, random, self._dial_back)
        self.accounts = Accounts(user, password, channels)
        self.archive = Archive(archive, channels, clock.local())
        self.log = DeviceLog(clock.local())
        self.disks = Disks()
        self.alarms = AlarmBoard()
        self.heads = [PtzHead() for _ in range(channels)]
        self.upgrade = UpgradeDesk(self)
        self.serial_ports = SerialPorts(self)
        self.talk = Talk()
        self.keys: deque[tuple[str, str]] = deque(maxlen=256)
        self.bitmaps = 0
        self.time_syncs = 0
        self.camera_addresses: list[dict[str, Any]] = []
        self.registered = False
        self.booted_at = 0.0
        self.boots = 1
        self.on_reboot: Callable[[bool], None] = lambda _for_ever: None
        self.on_alarm: Callable[[Alarm], None] = lambda _alarm: None
        self.on_moved: Callable[[str, int], None] = lambda _host, _port: None
        self.on_das_settings: Callable[[], None] = lambda: None
        self.on_dial: Dial = lambda _kind, _section, _session, accept: accept()
        self.config = ConfigStore(
            {
                **video_defaults(plan, channels),
                **storage_defaults(channels),
                **event_defaults(channels, inputs, outputs),
                "NetWork": network_defaults(host, 34567, identity.mac, name, channels),
                **machine_defaults(name, channels, round(clock.utc_offset.total_seconds() / 60)),
            },
            self._config_changed,
        )
        self._specs: dict[tuple[int, int], VideoSpec] = {}
        groups = (
            InfoAnswers(self),
            SearchAnswers(self),
            SystemAnswers(self),
            AccountAnswers(self),
            self.serial_ports,
        )
        self._handlers: dict[int, Handler] = {}
        for group in groups:
            self._handlers.update(group.handlers())
        self._handlers |= {
            MessageId.UPGRADE: self.upgrade.control,
            MessageId.UPGRADE_DATA: self.upgrade.data,
            MessageId.UPGRADE_INFO: self.upgrade.info,
        }

    # ---- what the role asks

    def check_login(self, user: str, secret: str, encryption: str) -> int:
        """See `DeviceBackend`."""
        return self.accounts.check(user, secret, encryption)

    def login_fields(self) -> Mapping[str, Any]:
        """See `DeviceBackend`."""
        return {"ChannelNum": self.channels, "DeviceType ": self.identity.device_type, "ExtraChannel": 0}

    def max_connections(self) -> int:
        """See `DeviceBackend`: NetWork.NetCommon.TCPMaxConn."""
        return max(1, parse_number(self.config.find("NetWork.NetCommon.TCPMaxConn"), 10))

    def handle(self, request: Request) -> Reply | int | None:
        """See `DeviceBackend`."""
        handler = self._handlers[request.message_id]
        needed = REQUIRED.get(MessageId(request.message_id))
        if needed is not None and not self.accounts.may(request.session.user, needed):
            return ReturnCode.NO_PERMISSION
        return handler(request)

    def open_live(self, channel: int, stream: int, now: float) -> MediaSource | int:
        """See `DeviceBackend`."""
        del now
        if channel in self.quirks.offline_channels:
            return ReturnCode.CHANNEL_NOT_CONNECTED
        if not 0 <= channel < self.channels or stream not in {0, 1}:
            return ReturnCode.ILLEGAL_REQUEST
        return LiveSource(
            lambda: self.spec(channel, stream), self.clock.local, stream, self.quirks, self.random
        )

    def playback_channel(self, parameter: Mapping[str, Any]) -> int:
        """See `DeviceBackend`."""
        if "Channel" in parameter:
            return parse_number(parameter["Channel"])
        parsed = parse_file_name(str(parameter.get("FileName", "")))
        return parsed.channel if parsed is not None else 0

    def open_playback(self, playback: Mapping[str, Any], now: float, *, download: bool) -> MediaSource | int:
        """See `DeviceBackend`."""
        del now
        parameter = as_object(playback.get("Parameter"))
        begin, end = parse_time(playback.get("StartTime")), parse_time(playback.get("EndTime"))
        name = str(parameter.get("FileName") or "")
        if name and parameter.get("PlayMode", "ByName") == "ByName":
            found = self.find_recording(name)
            recordings = [found] if found is not None else []
        else:
            channel = 0 if self.quirks.by_time_first_channel else self.playback_channel(parameter)
            stream = min(1, parse_number(parameter.get("StreamType")))
            known = self.recordings(channel, stream, "h264") if 0 <= channel < self.channels else []
            recordings = list(matching(known, begin or datetime.min, end or datetime.max, "*"))  # noqa: DTZ901
        if not recordings:
            return ReturnCode.NO_FILE
        scan = parse_number(parameter.get("Value")) == _FAST_SCAN and not download
        return PlaybackSource(recordings, self.loop_of, begin=begin, end=end, only_keys=scan)

    def open_talk(self, now: float) -> MediaSource | int:
        """See `DeviceBackend`."""
        del now
        return TalkSource()

    def talk_audio(self, payload: bytes) -> None:
        """See `DeviceBackend`."""
        self.talk.packets += 1
        self.talk.total_bytes += len(payload)
        self.talk.recent += payload
        del self.talk.recent[:-_KEPT_TALK_BYTES]

    def session_opened(self, session: Session, now: float) -> None:
        """See `DeviceBackend`."""
        del now
        self.note("LogIn", f"{session.user},{session.login_type}:{session.host}")

    def session_closed(self, session: Session, now: float) -> None:
        """See `DeviceBackend`."""
        del now
        self.upgrade.session_closed(session)
        self.serial_ports.session_closed(session)
        self.note("LogOut", f"{session.user},{session.login_type}:{session.host}")

    # ---- media

    def spec(self, channel: int, stream: int) -> VideoSpec:
        """What a stream looks like by the settings of now."""
        key = (channel, stream)
        if key not in self._specs:
            base = self.plan.spec(channel, stream)
            form = "ExtraFormat" if stream else "MainFormat"
            encoders = as_list(self.config.find("Simplify.Encode"))
            encoder = as_object(encoders[channel]) if channel < len(encoders) else {}
            self._specs[key] = spec_of_settings(as_object(encoder.get(form)).get("Video"), base)
        return self._specs[key]

    def loop_of(self, recording: Recording) -> VideoLoop:
        """The loop a recording shows: the factory's, whatever the encoder is set to now."""
        return LoopStore.shared.get(self.plan.spec(recording.channel, recording.stream))

    def recordings(self, channel: int, stream: int, kind: str) -> list[Recording]:
        """The recordings (``h264``) or pictures (``jpg``) of a channel and stream, oldest first."""
        if stream not in {0, 1} or kind not in {"h264", "jpg"}:
            return []
        return self.archive.files(
            channel,
            stream,
            count=self.quirks.recordings,
            equal_begin=self.quirks.equal_begin,
            extension=kind,
        )

    def find_recording(self, name: str) -> Recording | None:
        """The recording with this file name."""
        return self.archive.find(name, count=self.quirks.recordings, equal_begin=self.quirks.equal_begin)

    def recording_size(self, recording: Recording) -> int:
        """Bytes a download of the recording carries."""
        if recording.extension == "jpg":
            return len(self.picture(recording.channel))
        return recording_size(recording, self.loop_of(recording))

    def picture(self, channel: int) -> bytes:
        """A JPEG of what the channel's main stream shows about now."""
        spec = self.spec(channel, 0)
        index = int(self.clock.local().timestamp() * 2) % 4 * spec.frames // 4
        return jpeg_picture(spec.width, spec.height, channel + 1, index, spec.frames)

    # ---- state

    def uptime_minutes(self) -> int:
        """Minutes since the last boot."""
        return int((self.role.now - self.booted_at) / 60)

    def note(self, kind: str, data: str) -> None:
        """Write a log entry."""
        self.log.add(self.clock.local(), kind, data)

    def titles(self) -> list[str]:
        """The channel titles."""
        widgets = as_list(self.config.find("AVEnc.VideoWidget"))
        return [str(as_object(as_object(each).get("ChannelTitle")).get("Name", "")) for each in widgets]

    def set_titles(self, titles: list[str]) -> None:
        """Set titles, first channel first; what is too many is ignored."""
        for channel, title in enumerate(titles[: self.channels]):
            self.config.set(f"AVEnc.VideoWidget.[{channel}].ChannelTitle.Name", title)

    def address(self) -> tuple[str, int]:
        """Where it is to be reached by its settings: dotted address and TCP port."""
        common = as_object(self.config.find("NetWork.NetCommon"))
        return parse_address(common.get("HostIP")), parse_number(common.get("TCPPort"))

    def output_mask(self) -> int:
        """Which alarm outputs are switched on."""
        outputs = map(as_object, as_list(self.config.find("Alarm.AlarmOut")))
        return sum(1 << index for index, out in enumerate(outputs) if out.get("AlarmOutStatus") == "OPEN")

    def raise_alarm(self, event: str, channel: int, status: AlarmStatus, text: str = "") -> Alarm:
        """Begin or end an alarm: log it, push it to guarding sessions (1504), hand it to the alarm centre (1508)."""
        alarm = self.alarms.report(event, channel, status, self.clock.local(), text)
        if status == "Stop" and self.quirks.alarm_no_stop:
            return alarm
        handler = self._event_handler(alarm)
        kind = {"Start": "EventStart", "Stop": "EventStop"}.get(status)
        if kind is not None:
            self.note(kind, f"{alarm.centre_body('0.0.0.0', '')['Event']},{channel}")  # noqa: S104 - no bind
        if handler.get("MsgtoNetEnable", True):
            body = alarm.session_body(misspelled=self.quirks.alarm_misspelled)
            self.role.push_to_guarded(MessageId.ALARM, body, everybody=self.quirks.alarms_without_guard)
        if handler.get("MessageEnable", True):
            self.on_alarm(alarm)
        self.role.changed()
        return alarm

    def set_net_inputs(self, mask: int) -> None:
        """Network alarm inputs (1506): a bit that changes begins or ends an alarm."""
        before, self.alarms.net_inputs = self.alarms.net_inputs, mask
        for index in range(32):
            if (before ^ mask) >> index & 1:
                self.raise_alarm("net_input", index, "Start" if mask >> index & 1 else "Stop")

    def reboot(self, *, for_ever: bool = False) -> None:
        """Go down, and come back after a while unless ``for_ever``."""
        self.on_reboot(for_ever or self.quirks.never_returns)

    def booted(self) -> None:
        """Up again."""
        self.booted_at = self.role.now
        self.boots += 1
        self.alarms.active.clear()
        self.upgrade.cancel()
        self.note("SaveSystemState", "StartUp")

    def _event_handler(self, alarm: Alarm) -> Mapping[str, Any]:
        """The EventHandler that governs an alarm; empty when it has none."""
        if not alarm.settings:
            return {}
        settings = self.config.find(alarm.settings)
        if isinstance(settings, list):
            settings = settings[alarm.channel] if alarm.channel < len(settings) else {}
        return as_object(as_object(settings).get("EventHandler"))

    def _config_changed(self, name: str) -> None:
        """Keep the two descriptions of the encoders in step, and forget what was derived from them."""
        self._specs.clear()
        if name == "NetWork" or name.startswith("NetWork.DAS"):
            self.on_das_settings()
        if name.startswith("Simplify"):
            source, target = "Simplify.Encode", "AVEnc.Encode"
        elif name.startswith("AVEnc.Encode") or name == "AVEnc":
            source, target = "AVEnc.Encode", "Simplify.Encode"
        else:
            return
        for mine, theirs in zip(
            as_list(self.config.find(source)), as_list(self.config.find(target)), strict=False
        ):
            for form in ("MainFormat", "ExtraFormat"):
                video = _video(as_object(mine).get(form))
                for each in _formats(as_object(theirs).get(form)):
                    if video and isinstance(each, dict):
                        each["Video"] = dict(video)

    def _dial_back(
        self, kind: Kind, section: Mapping[str, Any], session: Session, accept: Callable[[], None]
    ) -> None:
        self.on_dial(kind, section, session, accept)


def _formats(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _video(value: Any) -> dict[str, Any]:
    formats = _formats(value)
    return as_object(formats[0].get("Video")) if formats and isinstance(formats[0], dict) else {}
