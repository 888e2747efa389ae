"""Answers about the device: information, abilities, settings, titles, time (DVRIP §7.1, §7.2, §8)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cambus.dvrip.codes import RESTART_NEEDED, ReturnCode, is_success
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_wire import Reply
from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bitmaps import parse_bitmaps
from cambus.dvrip.values import as_list, as_object, format_hex, format_time
from cambus.simulators.dvrip.abilities import abilities
from cambus.simulators.dvrip.answers import Handler, answer, named

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice


class InfoAnswers:
    """What the device is, can do and is set to."""

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device

    def handlers(self) -> Mapping[int, Handler]:
        """The operations answered here."""
        return {
            MessageId.SYSTEM_INFO: self._info,
            MessageId.ABILITY_GET: self._ability,
            MessageId.CHANNEL_ABILITY_GET: self._channel_ability,
            MessageId.CONFIG_GET: lambda request: self._config_get(request, default=False),
            MessageId.DEFAULT_CONFIG_GET: lambda request: self._config_get(request, default=True),
            MessageId.CONFIG_SET: self._config_set,
            MessageId.CHANNEL_TITLE_GET: self._titles,
            MessageId.CHANNEL_TITLE_SET: self._set_titles,
            MessageId.TITLE_BITMAP_SET: self._bitmap,
            MessageId.OSD_BITMAP_SET: self._bitmap,
            MessageId.TIME_QUERY: self._time,
        }

    # ---- information

    def _info(self, request: Request) -> Reply | int:
        device = self._device
        makers: dict[str, Callable[[], Any]] = {
            "SystemInfo": self._system_info,
            "StorageInfo": lambda: device.disks.as_json(device.archive.oldest(), device.archive.end),
            "WorkState": self._work_state,
            "OEMInfo": lambda: {"Address": "", "Name": device.identity.vendor, "OEMID": 0, "Telephone": ""},
            "DASStatus": lambda: {"ConnectStatus": "On" if device.registered else "Off"},
            "WIFIStatus": lambda: {"ConnectStatus": "NoDevice", "Strenth": 0},
            "GPSStatus": lambda: {"PositoningStatus": "NoData"},
        }
        maker = makers.get(request.name)
        return ReturnCode.UNSUPPORTED if maker is None else named(request.name, maker())

    def _system_info(self) -> dict[str, Any]:
        device = self._device
        identity = device.identity
        fields = {
            "AlarmInChannel": device.inputs,
            "AlarmOutChannel": device.outputs,
            "AudioInChannel": device.channels,
            "BuildTime": format_time(identity.build_time),
            "CombineSwitch": 0,
            "DeviceRunTime": format_hex(device.uptime_minutes()),
            "DigChannel": 0,
            "EncryptVersion": "Unknown",
            "ExtraChannel": 0,
            "HardWare": identity.hardware,
            "HardWareVersion": "Unknown",
            "SerialNo": identity.serial,
            "SoftWareVersion": identity.software,
            "TalkInChannel": 1,
            "TalkOutChannel": 1,
            "UpdataTime": "",
            "UpdataType": "0x00000000",
            "VideoInChannel": device.channels,
            "VideoOutChannel": 1,
        }
        if device.quirks.keys == "modern":
            fields |= {"DeviceModel": identity.hardware, "DeviceType": 0}
        return fields

    def _work_state(self) -> dict[str, Any]:
        device = self._device
        recording = [
            as_object(each).get("RecordMode") != "ClosedRecord"
            for each in as_list(device.config.find("Record"))
        ]
        return {
            "AlarmState": device.alarms.masks(device.output_mask()),
            "ChannelState": [
                {
                    "Bitrate": device.spec(channel, 0).bitrate // 1000,
                    "Record": recording[channel : channel + 1] == [True],
                }
                for channel in range(device.channels)
            ],
        }

    def _ability(self, request: Request) -> Reply:
        name = request.name
        known = abilities(self._device.channels)
        if name not in known or name in self._device.quirks.absent_abilities:
            return named(name, None, ReturnCode.NO_SUCH_CONFIG)
        return named(name, known[name])

    def _channel_ability(self, request: Request) -> Reply | int:
        name = request.name
        if name != "ChannelSystemFunction@SupportFTP":
            return ReturnCode.UNSUPPORTED
        return named(name, [True] * self._device.channels)

    # ---- settings

    def _config_get(self, request: Request, *, default: bool) -> Reply | None:
        device, name = self._device, request.name
        if name in device.quirks.config_silent:
            return None
        if name in device.quirks.config_607:
            return named(name, None, ReturnCode.NO_SUCH_CONFIG)
        try:
            return named(name, device.config.get(name, default=default))
        except KeyError:
            return named(name, None, ReturnCode.NO_SUCH_CONFIG)

    def _config_set(self, request: Request) -> Reply | int:
        device, name = self._device, request.name
        code = device.quirks.config_set_code
        if not is_success(code):
            return code
        if name not in request.body or name in {"Ret", "SessionID"}:
            return ReturnCode.MALFORMED_MESSAGE
        before = device.address()
        try:
            result = device.config.set(name, request.body[name], merge=device.quirks.config_merge)
        except KeyError:
            result = ReturnCode.NO_SUCH_CONFIG
        if result != ReturnCode.OK:
            return result
        device.note("SaveConfig", name)
        if device.address() != before:
            device.on_moved(*device.address())
        return answer(name, code if code in RESTART_NEEDED else ReturnCode.OK)

    # ---- titles

    def _titles(self, _request: Request) -> Reply:
        return named("ChannelTitle", self._device.titles())

    def _set_titles(self, request: Request) -> Reply | int:
        titles = request.body.get("ChannelTitle")
        if not isinstance(titles, list) or not all(isinstance(title, str) for title in titles):
            return ReturnCode.MALFORMED_MESSAGE
        self._device.set_titles(titles)
        self._device.note("SaveConfig", "ChannelTitle")
        return answer("ChannelTitle", ReturnCode.OK)

    def _bitmap(self, request: Request) -> int:
        """1050 and 1054: bitmaps in a row, each exactly as long as it says."""
        try:
            parse_bitmaps(request.payload)
        except MalformedPayload:
            return ReturnCode.MALFORMED_MESSAGE
        self._device.bitmaps += 1
        return ReturnCode.OK

    def _time(self, _request: Request) -> Reply:
        return named("OPTimeQuery", format_time(self._device.clock.local()))
