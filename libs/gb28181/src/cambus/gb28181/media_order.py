"""What is wanted of a session: live, playback or download, of which encoder, and how that is offered (§8.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from cambus.gb28181 import sdp
from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.media_wish import G711
from cambus.gb28181.sdp import Description, Purpose
from cambus.gb28181.ssrc import write_y
from cambus.gb28181.subject import Subject
from cambus.gb28181.versions import Version

Transport = Literal["udp", "tcp-passive", "tcp-active"]


class StreamDialect(Enum):
    """How a device is told which encoder is wanted (GB-154); the value is the line, with the number to fill in."""

    STREAM_NUMBER = "a=streamnumber:{}"
    STREAM_PROFILE = "a=streamprofile:{}"
    STREAM = "a=stream:{}"
    STREAM_MODE = "a=streamMode:{}"
    NONE = ""

    def line(self, number: int) -> str | None:
        """The line of SDP, None without one."""
        template: str = self.value
        if self is StreamDialect.STREAM_MODE:
            return template.format("SUB" if number else "MAIN")
        return template.format(number) or None

    @classmethod
    def usual(cls, version: Version, vendor: str) -> StreamDialect:
        """That of an edition and a make: the standard has had one since 2022."""
        if version.is_2022:
            return cls.STREAM_NUMBER
        if "dahua" in vendor.lower():
            return cls.STREAM_PROFILE
        return cls.STREAM_MODE if "tp-link" in vendor.lower() else cls.STREAM_NUMBER


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """What is wanted.

    Attributes:
        channel: the code of what is watched.
        purpose: live, playback, download, or talk, which is sound both ways.
        transport: of the media; `tcp-passive` has the device connect to us.
        stream: which encoder, 0 for the main one; None says nothing about it.
        dialect: how that is said.
        template: the same as a line of SDP with `{}` for the number, where no dialect fits.
        streams: the encoders the channel says it has (`StreamNumberList`); empty where it does not say.
        start: of a recording, UNIX seconds.
        end: of it.
        source_type: of a recording in the `u=` line: 0 all, 1 manual, 2 alarm, 3 time.
        download_speed: multiple of real time.
        download_speeds: what the channel says it can (`DownloadSpeed`); empty where it does not say.
        legacy_control: speak the RTSP of devices before 2016 to it, under their content type.
        control_type: content type of control, for devices that want another than the usual one.
        media_address: where it sends media to, if that is another address than for other devices (GB-155).
        strict_ssrc: take nothing whose SSRC is not what was agreed; None for what the settings say.
        attributes: more lines of SDP, such as `a=svcspace:1` of scalable video (GB-157).
    """

    channel: str
    purpose: Purpose = Purpose.PLAY
    transport: Transport = "tcp-passive"
    stream: int | None = None
    dialect: StreamDialect = StreamDialect.STREAM_NUMBER
    template: str | None = None
    streams: tuple[int, ...] = ()
    start: int = 0
    end: int = 0
    source_type: int = 0
    download_speed: int | None = None
    download_speeds: tuple[int, ...] = ()
    legacy_control: bool = False
    control_type: str | None = None
    media_address: str | None = None
    strict_ssrc: bool | None = None
    attributes: tuple[str, ...] = ()

    @property
    def history(self) -> bool:
        """Whether it is about a recording."""
        return self.purpose in {Purpose.PLAYBACK, Purpose.DOWNLOAD}

    @property
    def length_s(self) -> int:
        """How long a recording is wanted; 0 for live."""
        return max(self.end - self.start, 0)

    @property
    def speed(self) -> int | None:
        """The speed a download is asked for at: the highest the channel can that is not above what is wanted."""
        if self.download_speed is None or not self.download_speeds:
            return self.download_speed
        slower = [each for each in self.download_speeds if each <= self.download_speed]
        return max(slower) if slower else min(self.download_speeds)

    def stream_line(self) -> str | None:
        """The line that chooses the encoder, None without one.

        Raises:
            OutOfRange: the channel has no such encoder.
        """
        if self.stream is None:
            return None
        if self.streams and self.stream not in self.streams:
            raise OutOfRange("stream", f"the channel has no encoder {self.stream}")
        if self.template is not None:
            return self.template.replace("{}", str(self.stream))
        return self.dialect.line(self.stream)

    def offer(self, origin: str, address: str, port: int, ssrc: int, version: Version) -> Description:
        """The description we offer.

        Args:
            origin: our code.
            address: where media is to go.
            port: of it.
            ssrc: of the session.
            version: the edition the device speaks.

        Raises:
            OutOfRange: the channel has no such encoder.
        """
        tcp, talk = self.transport != "udp", self.purpose is Purpose.TALK
        h265 = sdp.H265_2022 if version.is_2022 else sdp.H265
        line = self.stream_line()
        return Description(
            origin,
            self.media_address or address,
            port,
            media="audio" if talk else "video",
            tcp=tcp,
            formats=(sdp.PCMA,) if talk else (sdp.PS, sdp.H264, sdp.MPEG4, h265),
            direction="sendrecv" if talk else "recvonly",
            setup=("passive" if self.transport == "tcp-passive" else "active") if tcp else None,
            purpose=self.purpose,
            source=f"{self.channel}:{self.source_type}" if self.history else None,
            start=self.start,
            end=self.end,
            ssrc=ssrc,
            wanted=str(G711) if talk else "",
            download_speed=self.speed if self.purpose is Purpose.DOWNLOAD else None,
            extra=(*((line,) if line is not None else ()), *self.attributes),
        )

    def subject(self, receiver: str, ssrc: int) -> Subject:
        """The Subject of its INVITE (§8.2)."""
        digits = write_y(ssrc)  # nobody else has them, here or at a device we invite twice
        return Subject(self.channel, f"{int(self.history)}{digits[1:]}", receiver, digits)
