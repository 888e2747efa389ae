"""The device as a whole: what it is, how it is, what it can do, its clock and its power."""

from pydantic import Field

from cambus.schemas.alarms import AlarmType
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.disks import Disk
from cambus.schemas.encoding import AudioCodec
from cambus.schemas.ids import ChannelNo
from cambus.schemas.model import Confirmed, Done, Empty, Instant, JsonObject, Message, example
from cambus.schemas.spec import CommandSpec


class DeviceInfoReply(Message):
    """What the device is."""

    model_config = example(
        vendor="XM",
        model="NBD8016RA-UL",
        serial="0a1b2c3d4e5f6071",
        hardware_version="HI3531DV100",
        software_version="V4.03.R11.C6380237.12201.140000.0000000",
        build_time="2024-05-17T10:12:44Z",
        mac="00:12:17:4a:5b:6c",
        channels=[
            {"channel": 0, "name": "North gate", "online": True, "ptz": True, "streams": ["main", "sub"]}
        ],
        channels_total=16,
        alarm_inputs=16,
        alarm_outputs=4,
        native={"DeviceRunTime": "0x00001A2B"},
    )

    vendor: str = Field(default="", description="The maker, empty if unknown.")
    model: str = Field(default="", description="The model, as the device spells it.")
    serial: str = Field(default="", description="The serial number or other lasting identity.")
    hardware_version: str = Field(default="", description="Version of the hardware.")
    software_version: str = Field(default="", description="Version of the firmware; upgrades compare it.")
    build_time: Instant | None = Field(default=None, description="When the firmware was built.")
    mac: str | None = Field(default=None, description="Address of the first network interface.")
    channels: list[ChannelInfo] = Field(
        default_factory=list, description="The channels; at most 512, `device.channels` gives the others."
    )
    channels_total: int = Field(default=0, ge=0, description="How many channels there are in all.")
    alarm_inputs: int = Field(default=0, ge=0, description="How many alarm inputs it has.")
    alarm_outputs: int = Field(default=0, ge=0, description="How many alarm outputs it has.")
    native: JsonObject = Field(
        default_factory=dict, description="Further facts in the words of the protocol."
    )


class DeviceChannelsRequest(Message):
    """Ask for channels, a page at a time."""

    model_config = example(after=511, limit=512)

    after: ChannelNo | None = Field(
        default=None, description="The last channel already known; None from the start."
    )
    limit: int = Field(default=512, ge=1, le=2000, description="At most this many channels.")


class DeviceChannelsReply(Message):
    """One page of channels, in ascending order."""

    model_config = example(channels=[{"channel": 512, "name": "Tunnel 7", "online": False}], total=640)

    channels: list[ChannelInfo] = Field(description="The channels; none when there are no more.")
    total: int = Field(ge=0, description="How many channels there are in all.")


class ChannelStatus(Message):
    """How one channel is now."""

    model_config = example(channel=0, online=True, signal=True, recording=True, bitrate_kbps=3910, viewers=2)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    online: bool | None = Field(default=None, description="Whether the camera behind it is reachable.")
    signal: bool | None = Field(default=None, description="Whether there is a picture signal.")
    recording: bool | None = Field(default=None, description="Whether the device records it.")
    bitrate_kbps: int | None = Field(default=None, ge=0, description="Present bit rate in kbit/s.")
    viewers: int | None = Field(
        default=None, ge=0, description="How many connections the device serves of it."
    )


class AlarmStatus(Message):
    """Which alarms the device holds active now."""

    model_config = example(inputs=[0], outputs=[], motion=[0, 3], video_loss=[7], tamper=[])

    inputs: list[int] = Field(default_factory=list, description="Alarm inputs that are active, from 0.")
    outputs: list[int] = Field(
        default_factory=list, description="Alarm outputs that are switched on, from 0."
    )
    motion: list[ChannelNo] = Field(default_factory=list, description="Channels with motion.")
    video_loss: list[ChannelNo] = Field(default_factory=list, description="Channels without a signal.")
    tamper: list[ChannelNo] = Field(default_factory=list, description="Channels that are covered.")


class DeviceStatusReply(Message):
    """How the device is now; None is what it does not tell."""

    model_config = example(
        uptime_s=401580.0,
        armed=True,
        cpu_percent=37.0,
        memory_percent=62.5,
        temperature_c=None,
        disks=[{"disk": 0, "state": "ok", "total_bytes": 2000000000000, "free_bytes": 12000000000}],
        channels=[{"channel": 0, "online": True, "recording": True, "bitrate_kbps": 3910}],
        alarms={"inputs": [], "outputs": [], "motion": [0], "video_loss": [], "tamper": []},
        restart_pending=False,
        native={},
    )

    uptime_s: float | None = Field(default=None, ge=0, description="Seconds since it started.")
    armed: bool | None = Field(default=None, description="Whether it reports alarms.")
    cpu_percent: float | None = Field(default=None, ge=0, description="Load of the processor in percent.")
    memory_percent: float | None = Field(default=None, ge=0, description="Memory in use, in percent.")
    temperature_c: float | None = Field(
        default=None, description="Temperature of the device in degrees Celsius."
    )
    disks: list[Disk] = Field(default_factory=list, description="Its disks.")
    channels: list[ChannelStatus] = Field(default_factory=list, description="Its channels.")
    alarms: AlarmStatus | None = Field(default=None, description="The alarms that are active.")
    restart_pending: bool = Field(default=False, description="True if settings wait for a restart.")
    native: JsonObject = Field(
        default_factory=dict, description="Further facts in the words of the protocol."
    )


class CapabilityGroup(Message):
    """How a group of functions is reached, for protocols with more than one way."""

    model_config = example(group="ptz", via="isapi", reason="")

    group: str = Field(description="The group, such as `ptz` or `playback`.")
    via: str = Field(description="The way: a protocol's word such as `isapi`, `rtsp`, or `none`.")
    reason: str = Field(default="", description="Why there is none.")


class CapabilitiesReply(Message):
    """What the device can do."""

    model_config = example(
        commands=["device.info", "live.start", "ptz.move", "talk.start"],
        alarms=["motion", "video-loss", "tamper", "io"],
        talk_codecs=["pcma"],
        max_playbacks=4,
        max_connections=10,
        presets=255,
        serial_ports=1,
        groups=[],
        native={"AlarmFunction": {"MotionDetect": True}},
    )

    commands: list[str] = Field(
        description="The commands of the catalog that this device answers with more than 501."
    )
    alarms: list[AlarmType] = Field(
        default_factory=list, description="The alarms it can raise, as far as it says."
    )
    talk_codecs: list[AudioCodec] = Field(
        default_factory=list, description="The codecs its loudspeaker takes; none if it has no loudspeaker."
    )
    max_playbacks: int | None = Field(
        default=None, ge=0, description="How many playbacks it serves at a time."
    )
    max_connections: int | None = Field(default=None, ge=0, description="How many connections it takes.")
    presets: int | None = Field(default=None, ge=0, description="The highest preset number.")
    serial_ports: int | None = Field(default=None, ge=0, description="How many serial ports it has.")
    groups: list[CapabilityGroup] = Field(
        default_factory=list, description="How groups of functions are reached."
    )
    native: JsonObject = Field(
        default_factory=dict, description="The abilities in the words of the protocol."
    )


class DeviceRebootRequest(Message):
    """Restart the device."""

    model_config = example(confirm=True)

    confirm: Confirmed = Field(description="Must be true: every stream and recording is interrupted.")


class DeviceShutdownRequest(Message):
    """Switch the device off; only hands on the spot switch it on again."""

    model_config = example(confirm=True)

    confirm: Confirmed = Field(description="Must be true: the device does not come back by itself.")


class DeviceTimeReply(Message):
    """The device's clock, beside ours."""

    model_config = example(
        at="2026-02-01T12:17:22.100Z",
        device_time="2026-02-01T12:17:19Z",
        local_time="2026-02-01T20:17:19",
        utc_offset_s=28800,
        drift_s=-3.1,
        ntp=False,
    )

    at: Instant = Field(description="When it was read, by our clock.")
    device_time: Instant = Field(description="What the device says, converted with its zone.")
    local_time: str = Field(description="What the device says, as the clock on its wall.")
    utc_offset_s: int | None = Field(
        default=None, description="Seconds its zone is ahead of UTC; None if unknown."
    )
    drift_s: float = Field(description="Seconds the device is ahead of us; negative if it is behind.")
    ntp: bool | None = Field(default=None, description="Whether it sets itself from a time server.")


class DeviceTimeSetRequest(Message):
    """Set the device's clock."""

    model_config = example(time=None)

    time: Instant | None = Field(
        default=None, description="The instant to set; None for now, the usual case."
    )


INFO = CommandSpec(
    "device", "info", Empty, DeviceInfoReply, "Read what the device is.", timeout_s=30.0, idempotent=True
)
CHANNELS = CommandSpec(
    "device",
    "channels",
    DeviceChannelsRequest,
    DeviceChannelsReply,
    "List the channels, page by page.",
    idempotent=True,
)
STATUS = CommandSpec(
    "device",
    "status",
    Empty,
    DeviceStatusReply,
    "Read how the device is now.",
    timeout_s=30.0,
    idempotent=True,
)
CAPABILITIES = CommandSpec(
    "device",
    "capabilities",
    Empty,
    CapabilitiesReply,
    "Read what the device can do.",
    timeout_s=30.0,
    idempotent=True,
)
REBOOT = CommandSpec("device", "reboot", DeviceRebootRequest, Done, "Restart the device.", confirm=True)
SHUTDOWN = CommandSpec(
    "device", "shutdown", DeviceShutdownRequest, Done, "Switch the device off.", confirm=True
)
TIME_GET = CommandSpec(
    "device", "time.get", Empty, DeviceTimeReply, "Read the device's clock.", idempotent=True
)
TIME_SET = CommandSpec(
    "device", "time.set", DeviceTimeSetRequest, DeviceTimeReply, "Set the device's clock.", idempotent=True
)
