"""What a device is and how it is, out of the descriptions of its streams."""

from collections.abc import Sequence
from typing import Any

from cambus.connector.driver import DeviceDescription
from cambus.connector_rtsp.options import ChannelOptions
from cambus.connector_rtsp.survey import Look
from cambus.rtsp.description import Track
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands.device import (
    CapabilitiesReply,
    ChannelStatus,
    DeviceInfoReply,
    DeviceStatusReply,
)


def description_of(cameras: Sequence[ChannelOptions], looks: Sequence[Look]) -> DeviceDescription:
    """What is shown of a device: one camera for each channel, those that do not answer as such."""
    servers = (look.description.server for look in looks if look.description is not None)
    channels = (
        _channel(number, camera, look)
        for number, (camera, look) in enumerate(zip(cameras, looks, strict=True))
    )
    return DeviceDescription(
        software_version=next((server for server in servers if server), ""), channels=tuple(channels)
    )


def _channel(number: int, camera: ChannelOptions, look: Look) -> ChannelInfo:
    description = look.description
    native: dict[str, Any] = {} if look.reason is None else {"reason": look.reason}
    if description is not None:
        native["tracks"] = [track_facts(each) for each in description.tracks]
    return ChannelInfo(
        channel=number,
        name=camera.name or ("" if description is None else description.title),
        online=look.there,
        ptz=False,
        audio=None if description is None else description.audio is not None,
        streams=list(camera.streams),
        native=native,
    )


def track_facts(track: Track) -> dict[str, Any]:
    """What is shown of a track."""
    return {
        "kind": track.kind,
        "encoding": track.encoding,
        "clock_rate": track.clock_rate,
        "taken": track.codec is not None,
    }


def info_reply(description: DeviceDescription) -> DeviceInfoReply:
    """The answer to `device.info`."""
    return DeviceInfoReply(
        software_version=description.software_version,
        channels=list(description.channels),
        channels_total=len(description.channels),
    )


def status_reply(description: DeviceDescription, titles: Sequence[str]) -> DeviceStatusReply:
    """The answer to `device.status`."""
    return DeviceStatusReply(
        channels=[ChannelStatus(channel=each.channel, online=each.online) for each in description.channels],
        native={"titles": list(titles)},
    )


def capabilities_reply(names: Sequence[str]) -> CapabilitiesReply:
    """The answer to `device.capabilities`."""
    return CapabilitiesReply(commands=list(names))
