"""Answers that change the device: machine, disks, clock, users, exports, PTZ, pictures (DVRIP §7.3, §7.5-7.7)."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_wire import BytesReply, JsonReply, Reply
from cambus.dvrip.ids import MessageId
from cambus.dvrip.values import as_object, parse_flag, parse_number, parse_time
from cambus.simulators.dvrip.answers import Handler, answer
from cambus.simulators.dvrip.framing import picture_frame

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice

_PICTURE_PACKET: Final = 4096
_ZIP_PACKET: Final = 16 * 1024
_MAX_CONFIG_BYTES: Final = 8 * 1024 * 1024
#: Factory defaults by the key of ``OPDefaultConfig`` that asks for them.
_DEFAULT_ROOTS: Final = {
    "Alarm": ("Detect", "Alarm"),
    "CameraPARAM": ("Camera",),
    "CommPtz": ("Uart",),
    "Encode": ("AVEnc", "Simplify"),
    "General": ("General", "System"),
    "Preview": ("fVideo",),
    "Record": ("Record", "Storage"),
}


class SystemAnswers:
    """What somebody does to the device."""

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device
        self._import = bytearray()

    def handlers(self) -> Mapping[int, Handler]:
        """The operations answered here."""
        return {
            MessageId.PTZ: self._ptz,
            MessageId.SYSTEM_MANAGER: self._machine,
            MessageId.LOGIN_TIME_SYNC: self._time_sync,
            MessageId.DISK_MANAGER: self._disk,
            MessageId.NET_ALARM: self._net_alarm,
            MessageId.KEYBOARD: self._keyboard,
            MessageId.SNAPSHOT: self._snapshot,
            MessageId.UI_SCREENSHOT: lambda _: self._picture_reply(self._device.picture(0)),
            MessageId.CONFIG_EXPORT: lambda _: self._export(self._config_zip()),
            MessageId.LOG_EXPORT: lambda _: self._export(self._log_zip()),
            MessageId.CONFIG_IMPORT: self._import_config,
            MessageId.MAIL_TEST: lambda _: ReturnCode.OK,
            MessageId.FTP_TEST: lambda _: ReturnCode.OK,
            MessageId.IPC_ADDRESS_SET: self._camera_address,
            MessageId.RANDOM_USER: lambda _: JsonReply(
                {"RandomUser": {"Name": "default"}}
            ),  # no code, no name
        }

    # ---- PTZ

    def _ptz(self, request: Request) -> int:
        device, quirks = self._device, self._device.quirks
        section = request.section("OPPTZControl", "PTZControl")
        parameter = as_object(section.get("Parameter"))
        channel = parse_number(parameter.get("Channel"))
        if not 0 <= channel < device.channels:
            return ReturnCode.ILLEGAL_REQUEST
        if quirks.ptz_code != ReturnCode.OK or quirks.ptz_ignored:
            return quirks.ptz_code
        return device.heads[channel].command(str(section.get("Command", "")), parameter, request.now)

    # ---- machine, clock, disks

    def _machine(self, request: Request) -> Reply | int | None:
        """1450 is five operations, told apart by the section they bring."""
        body = request.body
        operations: dict[str, Callable[[], Reply | int | None]] = {
            "OPMachine": lambda: self._power(request),
            "OPTimeSetting": lambda: self._set_time("OPTimeSetting", body["OPTimeSetting"], utc=False),
            "OPUTCTimeSetting": lambda: self._set_time(
                "OPUTCTimeSetting", body["OPUTCTimeSetting"], utc=True
            ),
            "OPLogManager": lambda: self._manage_log(request.section("OPLogManager")),
            "OPDefaultConfig": lambda: self._defaults(request.section("OPDefaultConfig")),
        }
        operation = next((operations[name] for name in operations if name in body), None)
        return operation() if operation is not None else ReturnCode.UNSUPPORTED

    def _manage_log(self, section: Mapping[str, Any]) -> Reply | int:
        action, log = section.get("Action"), self._device.log
        if action == "RemoveAll":
            log.clear()
        elif action in {"LogOn", "LogOff"}:
            log.enabled = action == "LogOn"
        else:
            return ReturnCode.BAD_INPUT
        return answer("OPLogManager")

    def _power(self, request: Request) -> Reply | int | None:
        device = self._device
        action = request.section("OPMachine").get("Action")
        if action not in {"Reboot", "ShutDown", 0, 1}:
            return ReturnCode.BAD_INPUT
        shut_down = action in {"ShutDown", 1}
        device.note("ShutDown" if shut_down else "Reboot", "")
        device.reboot(for_ever=shut_down)
        return answer("OPMachine") if device.quirks.reboot_reply else None

    def _set_time(self, name: str, value: object, *, utc: bool) -> Reply | int:
        time = parse_time(value)
        if time is None:
            return ReturnCode.BAD_INPUT
        before = self._device.clock.local()
        if utc:
            self._device.clock.set_utc(time)
        else:
            self._device.clock.set_local(time)
        self._device.note("SetTime", f"{before:%Y-%m-%d %H:%M:%S}-->{time:%Y-%m-%d %H:%M:%S}")
        return answer(name)

    def _time_sync(self, request: Request) -> Reply | int:
        name = "OPTimeSettingNoRTC"
        self._device.time_syncs += 1
        return self._set_time(name, request.body.get(name), utc=False)

    def _defaults(self, wanted: Mapping[str, Any]) -> Reply | int:
        device = self._device
        if not wanted or not all(isinstance(value, bool | int) for value in wanted.values()):
            return ReturnCode.DEFAULT_INVALID
        if device.quirks.defaults_code not in {ReturnCode.OK, ReturnCode.DEFAULT_RESTART_NEEDED}:
            return device.quirks.defaults_code
        for key, roots in _DEFAULT_ROOTS.items():
            if parse_flag(wanted.get(key)) or parse_flag(wanted.get("Factory")):
                device.config.restore(*roots)
        return answer("OPDefaultConfig", device.quirks.defaults_code)

    def _disk(self, request: Request) -> Reply | int:
        code = self._device.disks.manage(request.section("OPStorageManager"))
        return answer("OPStorageManager") if code == ReturnCode.OK else code

    # ---- inputs and keys

    def _net_alarm(self, request: Request) -> Reply:
        section = request.section("OPNetAlarm", "NetAlarmInfo")
        self._device.set_net_inputs(parse_number(section.get("State")))
        return answer("OPNetAlarm")

    def _keyboard(self, request: Request) -> Reply:
        section = request.section("OPNetKeyboard")
        self._device.keys.append((str(section.get("Status", "")), str(section.get("Value", ""))))
        return answer("OPNetKeyboard")

    def _camera_address(self, request: Request) -> Reply | int:
        """1652: a camera behind the recorder; what it needs to find it must be there."""
        section = request.section("OPDIGSetIP")
        login, network = as_object(section.get("LoginCfg")), as_object(section.get("Netcfg"))
        interface = as_object(network.get(str(network.get("DefaultInterface", ""))))
        if not login.get("UserName") or not interface.get("HostIP"):
            return ReturnCode.BAD_INPUT
        self._device.camera_addresses.append(dict(section))
        return answer("OPDIGSetIP")

    # ---- pictures

    def _snapshot(self, request: Request) -> Reply | int | None:
        channel = parse_number(request.section("OPSNAP").get("Channel"))
        quirks = self._device.quirks
        if quirks.snapshot == "silence":
            return None
        if quirks.snapshot == "json_error" or not 0 <= channel < self._device.channels:
            return ReturnCode.ILLEGAL_REQUEST
        jpeg = self._device.picture(channel)
        if quirks.snapshot == "frame":
            spec = self._device.spec(channel, 0)
            frame = picture_frame(jpeg, spec.width, spec.height, self._device.clock.local())
            return BytesReply(((frame, True),))
        if quirks.snapshot == "many":
            return self._picture_reply(jpeg, _PICTURE_PACKET)
        return self._picture_reply(jpeg)

    @staticmethod
    def _picture_reply(jpeg: bytes, size: int = 0) -> Reply:
        size = size or len(jpeg)
        starts = range(0, len(jpeg), size)
        return BytesReply(tuple((jpeg[at : at + size], at + size >= len(jpeg)) for at in starts))

    # ---- settings and logs as files

    def _export(self, data: bytes) -> Reply | int:
        style = self._device.quirks.export
        if style == "json_error":
            return ReturnCode.UNKNOWN_ERROR
        if style == "packet":
            return BytesReply(((data, True),))
        starts = range(0, len(data), _ZIP_PACKET)
        parts = tuple((data[at : at + _ZIP_PACKET], at + _ZIP_PACKET >= len(data)) for at in starts)
        return BytesReply(parts, fragmented=style == "fragments")

    def _config_zip(self) -> bytes:
        config = {"config": self._device.config.export(), "titles": self._device.titles()}
        return _zip("Config.json", json.dumps(config))

    def _log_zip(self) -> bytes:
        lines = [json.dumps(entry.as_json()) for entry in self._device.log.tail(2048)]
        return _zip("log.txt", "\n".join(lines))

    def _import_config(self, request: Request) -> Reply | int | None:
        """Settings come in one packet up to 64 KiB, packets until EndFlag, or Total/Cur parts (already joined)."""
        header = request.header
        self._import += request.payload
        if len(self._import) > _MAX_CONFIG_BYTES:
            self._import.clear()
            return ReturnCode.IMPORT_FAILED
        if not header.end and not _is_whole_zip(self._import):
            return None
        data = bytes(self._import)
        self._import.clear()
        code = self._take_config(data)
        if code == ReturnCode.OK:
            code = self._device.quirks.import_code
            self._device.note("SaveConfig", "Import")
        return answer("", code)

    def _take_config(self, data: bytes) -> int:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                info = archive.getinfo("Config.json")
                if info.file_size > _MAX_CONFIG_BYTES:
                    return ReturnCode.IMPORT_FAILED
                content = json.loads(archive.read(info))
        except (zipfile.BadZipFile, KeyError, EOFError, OSError):
            return ReturnCode.IMPORT_FAILED
        except (ValueError, RecursionError):
            return ReturnCode.PARSE_ERROR
        settings = as_object(as_object(content).get("config"))
        return self._device.config.adopt(settings) if settings else ReturnCode.PARSE_ERROR


def _zip(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _is_whole_zip(data: bytearray) -> bool:
    """Whether the data ends with a zip's end record, or is nothing a zip could become."""
    return not data.startswith(b"PK\x03\x04") or b"PK\x05\x06" in data[-22 - 65535 :]
