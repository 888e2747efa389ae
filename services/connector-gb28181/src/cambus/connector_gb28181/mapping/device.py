"""What a device has said of itself, as presence shows it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

from cambus.connector.driver import DeviceDescription
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.codes import NodeKind
from cambus.gb28181.manscdp.presence import DeviceInfo, DeviceStatus
from cambus.gb28181.values import read_status, read_time
from cambus.gb28181.versions import Version
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands.device import (
    AlarmStatus,
    CapabilitiesReply,
    ChannelStatus,
    DeviceInfoReply,
    DeviceStatusReply,
    DeviceTimeReply,
)
from cambus.schemas.disks import Disk
from cambus.schemas.errors import Unsupported
from cambus.schemas.state.registrations import KnownDevice

MAX_LISTED: Final = 512
MAX_PRESETS: Final = 255


def description_of(known: KnownDevice, channels: ChannelTable, link: GbLink) -> DeviceDescription:
    """Return what goes into presence."""
    return DeviceDescription(
        vendor=known.vendor,
        model=known.model,
        serial=link.code,
        software_version=known.software_version,
        channels=channels.channels,
        connection="registered",
        encrypted=link.binding.peer.transport == "tls",
        address=link.address,
    )


def with_info(known: KnownDevice, info: DeviceInfo) -> KnownDevice:
    """What is known, with what the device has answered just now; what it left out stays."""
    said = {
        "vendor": text(info.manufacturer),
        "model": text(info.model),
        "software_version": text(info.firmware),
    }
    return known.model_copy(update={name: value for name, value in said.items() if value})


def info_reply(info: DeviceInfo, description: DeviceDescription) -> DeviceInfoReply:
    """The answer to `device.info`."""
    return DeviceInfoReply(
        vendor=description.vendor,
        model=description.model,
        serial=description.serial,
        software_version=description.software_version,
        channels=list(description.channels[:MAX_LISTED]),
        channels_total=len(description.channels),
        alarm_inputs=max(0, min(info.alarms or 0, MAX_LISTED)),
        native={"DeviceName": text(info.name), "DeviceType": text(info.device_type)},
    )


def status_reply(
    status: DeviceStatus,
    channels: Sequence[ChannelInfo],
    told: Mapping[int, DeviceStatus],
    input_of: Callable[[str], int | None],
    disks: Sequence[Disk],
) -> DeviceStatusReply:
    """The answer to `device.status`.

    Args:
        status: of the device.
        channels: what there is behind it.
        told: the status of those channels that told theirs.
        input_of: gives the number of an alarm input.
        disks: its memory cards.
    """
    duties = {alarm.code: (alarm.duty or "").strip().upper() for alarm in status.alarms if alarm.code}
    ringing = (input_of(code) for code, duty in duties.items() if duty == "ALARM")
    return DeviceStatusReply(
        armed=_armed(set(duties.values())),
        disks=list(disks),
        channels=[_channel_status(channel, told.get(channel.channel)) for channel in channels[:MAX_LISTED]],
        alarms=AlarmStatus(inputs=sorted(number for number in ringing if number is not None)),
        native={
            name: text(value, 100)
            for name, value in (
                ("Online", status.online),
                ("Status", status.status),
                ("Reason", status.reason),
                ("DeviceTime", status.device_time),
            )
            if value
        },
    )


def _armed(duties: set[str]) -> bool | None:
    """Whether alarms are reported: one that is on duty, or rings, says so."""
    if duties & {"ONDUTY", "ALARM"}:
        return True
    return False if "OFFDUTY" in duties else None


def _channel_status(channel: ChannelInfo, status: DeviceStatus | None) -> ChannelStatus:
    if status is None:
        return ChannelStatus(channel=channel.channel, online=channel.online)
    return ChannelStatus(
        channel=channel.channel,
        online=read_status(status.online),
        signal=status.encoding,
        recording=status.recording,
    )


def time_reply(status: DeviceStatus, at: datetime, zone: tzinfo) -> DeviceTimeReply:
    """The device's clock, which it tells with its status, to the second and without a zone. Raises Unsupported."""
    instant = read_time(status.device_time, zone)
    if instant is None:
        raise Unsupported("the device does not tell its time", reason="no-time")
    local = instant.astimezone(zone)
    offset = local.utcoffset()
    return DeviceTimeReply(
        at=at,
        device_time=instant,
        local_time=local.strftime("%Y-%m-%dT%H:%M:%S"),
        utc_offset_s=None if offset is None else int(offset.total_seconds()),
        drift_s=round((instant - at).total_seconds(), 3),
    )


def capabilities_reply(names: Sequence[str], tree: CatalogTree, version: Version) -> CapabilitiesReply:
    """The answer to `device.capabilities`: it has a loudspeaker if its catalog lists an audio output (§6)."""
    speaks = any(item.kind is NodeKind.AUDIO_OUTPUT for item in tree.items.values())
    return CapabilitiesReply(
        commands=list(names),
        talk_codecs=["pcma"] if speaks else [],
        presets=MAX_PRESETS,
        native={"version": version.value},
    )
