"""What the record of an RTSP device may say under `options`: where its streams are, and how it is dealt with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cambus.connector.record_options import RecordOptions
from cambus.schemas.ids import StreamName

MAX_CHANNELS: Final = 64
Place = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class ChannelOptions(BaseModel):
    """One channel: a camera behind an encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(max_length=256)] = Field(
        default="", description="What people call it."
    )
    main: Place = Field(description="Its best stream, as `url` above.")
    sub: Place | None = Field(default=None, description="A smaller one.")

    @property
    def streams(self) -> Mapping[StreamName, str]:
        """Where each stream is, best first."""
        found: dict[StreamName, str] = {"main": self.main}
        if self.sub is not None:
            found["sub"] = self.sub
        return MappingProxyType(found)


class RtspOptions(RecordOptions):
    """The options of an RTSP device."""

    url: Place | None = Field(
        default=None,
        description="The stream of a device with one camera: a path at its address (/live/main), or a whole rtsp:// "
        "or rtsps:// URL. Never with credentials; {username} and {password} stand for them where a path has to hold "
        "them.",
    )
    sub_url: Place | None = Field(default=None, description="Its smaller stream, likewise.")
    channels: list[ChannelOptions] = Field(
        default_factory=list,
        max_length=MAX_CHANNELS,
        description="The cameras of a device with several, each {name, main, sub}; instead of url.",
    )
    publish: bool = Field(
        default=False,
        description="The device pushes its streams to this connector, by RTSP or RTMP, instead of being called; the "
        "record has no address then.",
    )
    publish_channels: list[Annotated[str, StringConstraints(max_length=256)]] = Field(
        default_factory=list,
        max_length=MAX_CHANNELS,
        description="The names of the channels of a device that publishes more than one.",
    )
    transport: Literal["tcp", "udp", "auto"] = Field(
        default="tcp",
        description="How media comes: in the RTSP connection, by UDP, or (auto) by UDP only where that is refused.",
    )
    fingerprint: (
        Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")] | None
    ) = Field(
        default=None,
        description="Of rtsps:// URLs, the SHA-256 of the one certificate that is believed; unset: those the system "
        "trusts.",
    )
    audio: bool = Field(default=True, description="Take its sound as well.")
    basic: bool = Field(
        default=False,
        description="Log in by Basic where the device wants that: the password goes over the network in clear.",
    )
    check_s: Annotated[float, Field(ge=1, le=3600, strict=False)] = Field(
        default=30.0, description="Seconds between looks whether it is there."
    )
    stall_s: Annotated[float, Field(ge=1, le=300, strict=False)] = Field(
        default=10.0, description="Seconds without a picture after which a stream is ended and opened again."
    )

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.publish:
            if self.url is not None or self.sub_url is not None or self.channels:
                raise ValueError("publish: not with url, sub_url or channels, for the device is not called")
            return self
        if self.publish_channels:
            raise ValueError("publish_channels: wanted with publish: true")
        if (self.url is None) is not bool(self.channels):
            raise ValueError("wanted either url or channels, or publish: true")
        if self.sub_url is not None and self.url is None:
            raise ValueError("sub_url: wanted with url; channels have their own")
        return self

    @property
    def cameras(self) -> tuple[ChannelOptions, ...]:
        """The channels, counted from 0."""
        if self.url is not None:
            return (ChannelOptions(main=self.url, sub=self.sub_url),)
        return tuple(self.channels)

    @property
    def publish_names(self) -> tuple[str, ...]:
        """The names of the channels of a device that publishes, counted from 0."""
        return tuple(self.publish_channels) or ("",)
