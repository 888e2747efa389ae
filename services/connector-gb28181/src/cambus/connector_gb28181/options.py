"""What the record of a GB/T 28181 device may say under `options`: its code, and what its firmware makes necessary."""

from datetime import tzinfo
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, field_validator

from cambus.connector.errors import InvalidRecord
from cambus.connector.record_options import RecordOptions
from cambus.connector_gb28181.settings import MediaTransport
from cambus.gb28181.codes import is_code
from cambus.gb28181.media_session import StreamDialect
from cambus.gb28181.versions import Version
from cambus.schemas.model import JsonObject
from cambus.schemas.schedule import zone
from cambus.sip.digest import Algorithm

DIALECTS: Final = {
    "stream-number": StreamDialect.STREAM_NUMBER,
    "stream-profile": StreamDialect.STREAM_PROFILE,
    "stream": StreamDialect.STREAM,
    "stream-mode": StreamDialect.STREAM_MODE,
    "none": StreamDialect.NONE,
}
Dialect = Literal["auto", "stream-number", "stream-profile", "stream", "stream-mode", "none"]
Subscribed = Literal["catalog", "alarms", "positions", "ptz-position"]


class Gb28181Options(RecordOptions):
    """The options of a GB/T 28181 device; the defaults fit most."""

    code: str | None = Field(
        default=None, description="Its code of 20 digits; by default the id of its record, if that is one."
    )
    open: bool = Field(
        default=False, description="It may register without a password. Only in a network nobody else is on."
    )
    no_qop: bool = Field(
        default=False, description="Challenge it without qop; some firmware does not answer otherwise."
    )
    date_header: bool = Field(
        default=True, description="Tell it the time when it registers; some firmware does not bear that."
    )
    algorithms: list[Literal["MD5", "SHA-256", "SM3"]] = Field(
        default=["MD5"], min_length=1, description="Digest algorithms it is offered, in this order."
    )
    signing: Literal["SM3", "SHA-256", "MD5"] | None = Field(
        default=None,
        description="Requests in both directions are signed with its password (Date and Note), by this digest; "
        "those of it that are not, or wrongly, are refused.",
    )
    version: Literal["1.0", "1.1", "2.0", "3.0"] | None = Field(
        default=None,
        description="The edition it speaks, whatever it announces: 2.0 is that of 2016, 3.0 of 2022.",
    )
    charset: Literal["GB2312", "GB18030", "UTF-8"] | None = Field(
        default=None,
        description="What is written to it and read from it in; by default its edition and its bytes decide.",
    )
    time_zone: str = Field(default="Asia/Shanghai", description="The zone of its clock and its dates.")
    media_transport: MediaTransport | None = Field(
        default=None, description="How its media comes; by default the connector's setting."
    )
    media_address: str | None = Field(
        default=None, description="The address it sends media to, where that differs from other devices'."
    )
    strict_ssrc: bool = Field(
        default=False,
        description="Take no media whose SSRC is not what was agreed; many devices send another.",
    )
    audio: bool = Field(default=True, description="Take its sound as well.")
    stream_dialect: Dialect = Field(
        default="auto",
        description="How it is told which encoder stream is wanted, before the edition of 2022.",
    )
    stream_template: Annotated[str, StringConstraints(pattern=r"^a=[ -~]{1,64}$")] | None = Field(
        default=None, description="The same as a line of SDP with {} for the number, where no dialect fits."
    )
    sdp_attributes: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^a=[ -~]{1,64}$")]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="Further lines of SDP when video is asked for, such as a=svcspace:1 of scalable video.",
    )
    talk: Literal["broadcast", "session"] = Field(
        default="broadcast",
        description="How people talk through it: it is told to fetch the sound, by the standard; or, with `session`, "
        "in one session of sound both ways, which some devices want.",
    )
    legacy_control: bool = Field(
        default=False, description="Playback control in the form devices before 2016 speak."
    )
    download_speed: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="How many times real time downloads are asked for at, if the device allows."
    )
    fi_speed_both_bytes: bool = Field(
        default=False,
        description="Focus and iris speed in both speed bytes; some firmware reads the wrong one.",
    )
    fi_stop_with_ptz_stop: bool = Field(
        default=False, description="Focus and iris are stopped by the stop of movement."
    )
    control_priority: Annotated[int, Field(ge=1, le=255)] | None = Field(
        default=None, description="A priority sent with PTZ commands, for devices that want one."
    )
    snapshots: Literal["auto", "upload", "stream"] = Field(
        default="auto",
        description="Where pictures come from: the device uploads them (2022), or they are taken out of its stream; "
        "auto: the stream where it uploads none.",
    )
    upgrade_timeout_s: Annotated[float, Field(ge=1, le=7200)] = Field(
        default=1800.0, description="Seconds an upgrade may take in all, and new firmware can be fetched."
    )
    upgrade_return_s: Annotated[float, Field(ge=0.1, le=7200)] = Field(
        default=300.0,
        description="Seconds after it reported success in which it has to be back with the new version.",
    )
    subscribe: list[Subscribed] = Field(
        default_factory=list,
        description="What it is asked to report on its own: catalog, alarms, positions, ptz-position.",
    )
    subscribe_event: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9.;=-]{0,63}$")] | None = (
        Field(default=None, description="The Event header of those requests, where the usual one is refused.")
    )
    alarm_methods: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default_factory=list,
        description="Alarms it is asked to report: 1 phone, 2 device, 3 SMS, 4 GPS, 5 video, 6 fault, 7 other; empty "
        "for all.",
    )
    alarm_priorities: Annotated[
        list[Annotated[int, Field(ge=0, le=4)]], Field(min_length=2, max_length=2)
    ] = Field(
        default=[0, 0],
        description="The first and the last priority of alarms it is asked to report, 1 the highest; 0 for all.",
    )
    position_interval_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=5, description="Seconds between the positions it reports."
    )
    auto_guard: bool = Field(
        default=False, description="Arm it whenever it registers; many devices report no alarm before."
    )
    auto_watch_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=0.0,
        description="Seconds its picture is opened for when it asks to be watched (2022); 0: that is only told.",
    )
    reset_alarms: bool = Field(
        default=True,
        description="Reset its alarm inputs after each of their alarms; it stays silent otherwise.",
    )
    alarm_hold_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=30.0,
        description="Seconds without news after which an alarm counts as over; its end is never told.",
    )
    notified_status: bool = Field(
        default=True,
        description="Believe the channel status in its notifications; some platforms send wrong ones.",
    )
    challenge_strangers: bool = Field(
        default=False,
        description="A message from elsewhere than it registered from is challenged instead of refused, and moves it.",
    )

    @field_validator("code")
    @classmethod
    def _is_code(cls, value: str | None) -> str | None:
        if value is not None and not is_code(value):
            raise ValueError("wanted 20 digits")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        zone(value)
        return value

    @classmethod
    def of(cls, options: JsonObject) -> Self:
        """As every record's; what needs a password, or an OpenSSL that has it, is refused without."""
        made = super().of(options)
        if made.signing is not None and made.open:
            raise InvalidRecord("options.signing: wanted a device with a password, not one that is open")
        if made.signature is not None and not made.signature.available:
            raise InvalidRecord(f"options.signing: this OpenSSL has no {made.signing}")
        return made

    def code_of(self, record_id: str) -> str:
        """The code of the device of this record. Raises InvalidRecord."""
        code = self.code or record_id
        if not is_code(code):
            raise InvalidRecord("options.code: wanted the 20 digits the device registers with")
        return code

    @property
    def zone(self) -> tzinfo:
        """The zone of its clock."""
        return zone(self.time_zone)

    @property
    def digest_algorithms(self) -> tuple[Algorithm, ...]:
        """What it is challenged with."""
        return tuple(Algorithm(name) for name in self.algorithms)

    @property
    def signature(self) -> Algorithm | None:
        """What requests are signed with, if they are."""
        return None if self.signing is None else Algorithm(self.signing)

    @property
    def edition(self) -> Version | None:
        """The edition it is to speak, if that was set."""
        return None if self.version is None else Version(self.version)

    def dialect(self, vendor: str) -> StreamDialect:
        """How it is told which encoder stream is wanted: by its make, where nothing was set (GB-154)."""
        if self.stream_dialect != "auto":
            return DIALECTS[self.stream_dialect]
        return StreamDialect.STREAM_PROFILE if "dahua" in vendor.lower() else StreamDialect.STREAM_NUMBER
