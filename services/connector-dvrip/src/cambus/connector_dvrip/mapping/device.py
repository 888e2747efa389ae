"""What a device says of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cambus.connector.driver import DeviceDescription
from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.mapping.native import json_object, text
from cambus.connector_dvrip.whereabouts import Claimed
from cambus.dvrip.messages import system as native
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.system import SystemInfo, WorkState
from cambus.schemas.alarms import AlarmType
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands.device import (
    AlarmStatus,
    CapabilitiesReply,
    ChannelStatus,
    DeviceInfoReply,
    DeviceStatusReply,
    DeviceTimeReply,
)
from cambus.schemas.disks import Disk, DiskState, Partition, PartitionRole
from cambus.schemas.encoding import AudioCodec
from cambus.schemas.ids import StreamName

VENDOR: Final = "Xiongmai"
MAX_CHANNELS: Final = 256
"""A header has one byte for the channel; a device that claims more is not believed."""

MIB: Final = 1 << 20
_STREAMS: Final[list[StreamName]] = ["main", "sub"]
_CONNECTED: Final = "Connected"
_TALK_CODECS: Final[dict[str, AudioCodec]] = {"G711_ALAW": "pcma", "G711_ULAW": "pcmu", "AAC": "aac"}
_ROLES: Final[dict[str, PartitionRole]] = {
    "read_write": "read-write",
    "read_only": "read-only",
    "redundant": "redundant",
    "snapshot": "snapshot",
}
_DISK_STATES: Final = {5: DiskState.FULL, 7: DiskState.MISSING, 9: DiskState.UNFORMATTED}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything asked of a device right after the login.

    Attributes:
        login: its answer to the login.
        info: SystemInfo.
        titles: of the channels.
        channel_states: `NetWork.ChnStatus` of a recorder's network channels, one object each.
        functions: its feature switches by group.
        mac: of its first network interface.
        max_connections: how many TCP connections it takes.
        called_from: where it dialled us from; None if we dialled it.
        claimed: what it says its address is.
    """

    login: LoginReply
    info: SystemInfo
    titles: Sequence[str] = ()
    channel_states: Sequence[Mapping[str, Any]] = ()
    functions: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    mac: str = ""
    max_connections: int = 0
    called_from: str | None = None
    claimed: Claimed = field(default_factory=Claimed)

    @property
    def channels(self) -> int:
        """How many channels there are (DVRIP §7.1)."""
        return min(max(self.info.channels(self.login.channels), 1), MAX_CHANNELS)

    def has(self, group: str, name: str) -> bool:
        """Whether the device has a function; what is missing is absent (DVRIP §7.2)."""
        return self.functions.get(group, {}).get(name, False)


def description_of(facts: Facts, zone: DeviceZone) -> DeviceDescription:
    """Return what goes into presence."""
    info = facts.info
    return DeviceDescription(
        vendor=VENDOR,
        model=text(model_of(facts)),
        serial=text(info.serial),
        hardware_version=text(info.hardware_version),
        software_version=text(info.software_version),
        build_time=None if info.build_time is None else zone.to_utc(info.build_time),
        channels=channels_of(facts),
        connection="dialled" if facts.called_from is None else "registered",
        encrypted=False,
        address=facts.called_from,
    )


def model_of(facts: Facts) -> str:
    """The model it names, else its board, else its class."""
    return facts.info.model or facts.info.hardware or facts.login.device_type


def channels_of(facts: Facts) -> tuple[ChannelInfo, ...]:
    """The channels: analogue inputs first, then the network channels of a recorder."""
    analogue = facts.info.video_inputs
    streams = _STREAMS if _has_extra(facts) else _STREAMS[:1]
    channels = []
    for number in range(facts.channels):
        state: Mapping[str, Any] = {}
        if number >= analogue and number - analogue < len(facts.channel_states):
            state = facts.channel_states[number - analogue]
        title = facts.titles[number] if number < len(facts.titles) else ""
        status = str(state.get("Status", _CONNECTED))
        channels.append(
            ChannelInfo(
                channel=number,
                name=text(title or str(state.get("ChnName", ""))),
                enabled=status != "NoConfig",
                online=status == _CONNECTED,
                streams=streams,
            )
        )
    return tuple(channels)


def _has_extra(facts: Facts) -> bool:
    """Whether it encodes a second stream; a device without the switches has one, as all do today."""
    encode = facts.functions.get("EncodeFunction")
    return encode is None or encode.get("DoubleStream", True)


def info_reply(facts: Facts, description: DeviceDescription) -> DeviceInfoReply:
    """The answer to `device.info`."""
    info = facts.info
    return DeviceInfoReply(
        vendor=description.vendor,
        model=description.model,
        serial=description.serial,
        hardware_version=description.hardware_version,
        software_version=description.software_version,
        build_time=description.build_time,
        mac=facts.mac or None,
        channels=list(description.channels),
        channels_total=len(description.channels),
        alarm_inputs=max(info.alarm_inputs, 0),
        alarm_outputs=max(info.alarm_outputs, 0),
        native=json_object(info.raw),
    )


def status_reply(
    info: SystemInfo,
    work: WorkState | None,
    disks: list[Disk],
    channels: Sequence[ChannelInfo],
    *,
    armed: bool,
) -> DeviceStatusReply:
    """The answer to `device.status`; a device that does not tell its state leaves most of it open."""
    states = work.channels if work is not None else ()
    loss = set(work.video_loss.bits()) if work is not None else set()
    return DeviceStatusReply(
        uptime_s=info.uptime_minutes * 60.0,
        armed=armed,
        disks=disks,
        channels=[
            ChannelStatus(
                channel=channel.channel,
                online=channel.online,
                signal=None if work is None else channel.channel not in loss,
                recording=states[channel.channel].recording if channel.channel < len(states) else None,
                bitrate_kbps=max(states[channel.channel].bitrate_kbit_s, 0)
                if channel.channel < len(states)
                else None,
            )
            for channel in channels
        ],
        alarms=None if work is None else _alarm_status(work, len(channels)),
        native={} if work is None else json_object(work.raw),
    )


def _alarm_status(work: WorkState, channels: int) -> AlarmStatus:
    def of(mask: Any) -> list[int]:
        return [bit for bit in mask.bits() if bit < channels]

    return AlarmStatus(
        inputs=work.alarm_inputs.bits(),
        outputs=work.alarm_outputs.bits(),
        motion=of(work.video_motion),
        video_loss=of(work.video_loss),
        tamper=of(work.video_blind),
    )


def capabilities_reply(
    facts: Facts, commands: Sequence[str], alarms: Sequence[AlarmType], talk: Sequence[str]
) -> CapabilitiesReply:
    """The answer to `device.capabilities`."""
    return CapabilitiesReply(
        commands=list(commands),
        alarms=list(alarms),
        talk_codecs=[_TALK_CODECS[name] for name in talk if name in _TALK_CODECS],
        max_playbacks=4,
        max_connections=facts.max_connections or None,
        presets=255,
        native=json_object(facts.functions),
    )


def time_reply(local: datetime, at: datetime, zone: DeviceZone, *, ntp: bool | None) -> DeviceTimeReply:
    """The answer to `device.time.get`: what the clock shows, and what that means."""
    return DeviceTimeReply(
        at=at,
        device_time=zone.to_utc(local),
        local_time=local.isoformat(),
        utc_offset_s=None if zone.guessed else zone.offset_s(at),
        drift_s=zone.drift_s(local, at),
        ntp=ntp,
    )


def disks_of(disks: Sequence[native.Disk], zone: DeviceZone) -> list[Disk]:
    """The disks of `StorageInfo`."""
    return [_disk(disk, zone) for disk in disks]


def _disk(disk: native.Disk, zone: DeviceZone) -> Disk:
    partitions = [_partition(number, partition, zone) for number, partition in enumerate(disk.partitions)]
    worst = next((part.state for part in partitions if part.state is not DiskState.OK), DiskState.OK)
    return Disk(
        disk=max(disk.number, 0),
        state=worst if partitions else DiskState.UNFORMATTED,
        total_bytes=sum(part.total_bytes for part in partitions),
        free_bytes=sum(part.free_bytes for part in partitions),
        partitions=partitions,
    )


def _partition(number: int, partition: native.Partition, zone: DeviceZone) -> Partition:
    state = DiskState.OK if partition.is_healthy else DiskState.ERROR
    return Partition(
        partition=number,
        role=_ROLES.get(partition.purpose),
        current=partition.is_current,
        state=_DISK_STATES.get(partition.status_code, state),
        total_bytes=max(partition.total_mib, 0) * MIB,
        free_bytes=max(partition.free_mib, 0) * MIB,
        oldest=None if partition.oldest is None else zone.to_utc(partition.oldest),
        newest=None if partition.newest is None else zone.to_utc(partition.newest),
        native_state=partition.status,
    )
