"""Configuration objects by name (DVRIP §8): reading any value as objects, and checking a value before it is written.

Arrays (per channel, port, disk, range of the day) are not part of a name's type: an array is read as a list of
objects, however deep, as the device sends it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cambus.dvrip.errors import Refused
from cambus.dvrip.objects import alarms, detection, general, network, ports, recording, servers, video
from cambus.dvrip.objects.fields import NOTHING, Items, Kind
from cambus.dvrip.objects.model import ConfigObject, Inner, slots_of

_INDEX: Final = re.compile(r"\[(\d+)\]\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassThrough(ConfigObject):
    """An object whose fields nobody documents: carried as it is."""


MODELS: Final[Mapping[str, type[ConfigObject]]] = {
    "AVEnc.Encode": video.Encode,
    "AVEnc.VideoColor": video.VideoColor,
    "AVEnc.VideoWidget": video.VideoWidget,
    "Simplify.Encode": video.SimplifyEncode,
    "fVideo.AudioInFormat": video.AudioInFormat,
    "fVideo.Volume": video.Volume,
    "Record": recording.Record,
    "Storage.Snapshot": recording.Snapshot,
    "Storage.StoragePosition": recording.StoragePosition,
    "Storage.StorageNotExist": alarms.AlarmCondition,
    "Storage.StorageFailure": alarms.AlarmCondition,
    "Storage.StorageLowSpace": alarms.StorageLowSpace,
    "Detect.MotionDetect": detection.MotionDetect,
    "Detect.BlindDetect": detection.BlindDetect,
    "Detect.LossDetect": detection.LossDetect,
    "Detect.HumanDetection": detection.HumanDetection,
    "Alarm.LocalAlarm": alarms.AlarmInput,
    "Alarm.IPCAlarm": alarms.AlarmInput,
    "Alarm.NetAlarm": alarms.AlarmCondition,
    "Alarm.NetIPConflict": alarms.AlarmCondition,
    "Alarm.NetAbort": alarms.AlarmCondition,
    "Alarm.AlarmOut": alarms.AlarmOut,
    "NetWork.NetCommon": network.NetCommon,
    "NetWork.NetDHCP": network.NetDHCP,
    "NetWork.NetDNS": network.NetDNS,
    "NetWork.NetPPPoE": network.NetPPPoE,
    "NetWork.NetDDNS": network.NetDDNS,
    "NetWork.NetARSP": network.NetARSP,
    "NetWork.NetIPFilter": network.NetIPFilter,
    "NetWork.Upnp": network.Upnp,
    "NetWork.RemoteDeviceV3": network.RemoteDevice,
    "NetWork.ChnStatus": network.ChannelStatus,
    "NetWork.DigTimeSyn": network.TimeSynchronisation,
    "NetWork.OnvifPwdCheckout": network.OnvifPasswordCheck,
    "NetWork.DAS": servers.DAS,
    "NetWork.AlarmServer": servers.AlarmServer,
    "NetWork.NetNTP": servers.NetNTP,
    "NetWork.NetEmail": servers.NetEmail,
    "NetWork.NetFTP": servers.NetFTP,
    "NetWork.NetMobile": servers.NetMobile,
    "NetWork.RTSP": servers.RTSP,
    "Uart.Comm": ports.SerialPort,
    "Uart.PTZ": ports.PtzPort,
    "Uart.RS485": ports.PtzPort,
    "Uart.PTZPreset": ports.PtzPreset,
    "Uart.PTZTour": ports.PtzTour,
    "General.General": general.General,
    "General.Location": general.Location,
    "General.AutoMaintain": general.AutoMaintain,
    "System.TimeZone": general.TimeZone,
    **dict.fromkeys(
        (
            "AVEnc.CombineEncode",
            "AVEnc.EncodeStaticParam",
            "AVEnc.SmartH264",
            "AVEnc.SmartH264V2",
            "Alarm.PTZAlarmProtocol",
            "Camera.ClearFog",
            "Camera.Param",
            "Camera.ParamEx",
            "General.PwdSafety",
            "NetWork.IPAdaptive",
            "NetWork.Nat",
            "NetWork.Net3G",
            "NetWork.NetOrder",
            "NetWork.OnlineUpgrade",
            "NetWork.PMS",
            "NetWork.RemoteDevice",
            "NetWork.SPVMN",
            "NetWork.Wifi",
            "Status.NatInfo",
            "System.ExUserMap",
            "fVideo.GUISet",
            "fVideo.OSDInfo",
            "fVideo.Play",
            "fVideo.TVAdjust",
            "fVideo.Tour",
            "fVideo.VideoOut",
        ),
        PassThrough,
    ),
}
"""Every object of DVRIP §8; one that is not here is read as `PassThrough` too."""


def read_objects(name: str, value: Any) -> Any:
    """The value of ``name``, a leaf or an element of it, as objects: arrays as lists of them.

    What is neither an array nor an object (null, a field's own value) stays as it is.
    """
    model = _model_of(name.split("."))[0] or PassThrough
    return _read(model, value)


def write_objects(value: Any) -> Any:
    """The JSON of objects, or of lists of them."""
    if isinstance(value, ConfigObject):
        return value.wire()
    return [write_objects(item) for item in value] if isinstance(value, list | tuple) else value


def original_of(value: Any) -> Any:
    """The JSON that objects, or lists of them, were read from."""
    if isinstance(value, ConfigObject):
        return dict(value.raw) if value.raw else NOTHING
    return [original_of(item) for item in value] if isinstance(value, list | tuple) else NOTHING


def problems(name: str, value: Any, before: Any = NOTHING) -> Iterator[str]:
    """What is wrong with a value to be written: one line for each field, named by its path.

    Args:
        name: a root, a leaf, an element or a field.
        value: what is to be written.
        before: what is there now; what is the same in both is not looked at.
    """
    model, rest = _model_of(name.split("."))
    if model is not None:
        kind = _kind_at(Inner(model), rest)
        if kind is not None:
            yield from _each(kind, value, name, before)
    elif "." not in name and isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        for key, leaf in value.items():
            yield from problems(f"{name}.{key}", leaf, old.get(key, NOTHING))


def check(name: str, value: Any, before: Any = NOTHING) -> None:
    """Refuse a value that is out of range before it is sent; arguments as for `problems`.

    Raises:
        Refused: ``out_of_range``; the text names the fields.
    """
    found = list(problems(name, value, before))
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise Refused("out_of_range", "; ".join(found[:3]) + more)


def _read(model: type[ConfigObject], value: Any) -> Any:
    if isinstance(value, dict):
        return model.parse(value)
    return [_read(model, item) for item in value] if isinstance(value, list) else value


def _model_of(parts: list[str]) -> tuple[type[ConfigObject] | None, list[str]]:
    """The model a path leads to, and what of the path is left inside it."""
    for length in (2, 1):
        model = MODELS.get(".".join(parts[:length]))
        if model is not None and len(parts) >= length:
            return model, parts[length:]
    return None, parts


def _kind_at(kind: Kind, path: list[str]) -> Kind | None:
    """The kind of the field a path leads to; None when nothing is known of it."""
    for part in path:
        if _INDEX.match(part):
            kind = kind.kind if isinstance(kind, Items) else kind
            continue
        slots = slots_of(kind.model) if isinstance(kind, Inner) else ()
        found = next((slot.kind for slot in slots if part in slot.keys), None)
        if found is None:
            return None
        kind = found
    return kind


def _each(kind: Kind, value: Any, where: str, before: Any) -> Iterator[str]:
    """The problems of a value that may be an array, or an array of arrays, of objects."""
    if isinstance(kind, Inner) and isinstance(value, list):
        old = before if isinstance(before, list) else []
        for index, item in enumerate(value):
            earlier = old[index] if index < len(old) else NOTHING
            yield from _each(kind, item, f"{where}.[{index}]", earlier)
    elif value is not None or not isinstance(kind, Inner):
        yield from kind.problems(value, where, before)
