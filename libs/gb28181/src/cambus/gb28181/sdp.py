"""Session descriptions with the lines GB/T 28181 adds (GB/T 28181-2022 §9.2, annex G; RFC 4566).

Offers are written by the book. Answers are read for what they tell about the media, and forgiven the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Literal

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.ssrc import read_y, write_y

MAX_BODY_BYTES: Final = 65_536
CONTENT_TYPE: Final = "application/sdp"
_RTPMAP = re.compile(r"(\d{1,3})\s+([A-Za-z0-9._-]{1,40})(?:/(\d{1,9}))?")
_SECRET_LINES: Final = ("a=username:", "a=password:")

Setup = Literal["active", "passive"]


class Purpose(Enum):
    """What a session is for: the `s=` line."""

    PLAY = "Play"
    PLAYBACK = "Playback"
    DOWNLOAD = "Download"
    TALK = "Talk"


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """One payload type.

    Attributes:
        number: 0..127.
        name: such as `PS` or `H264`, upper case; empty where no `rtpmap` says.
        rate: clock rate in hertz; 0 where it is not said.
    """

    number: int
    name: str = ""
    rate: int = 0


PS: Final = PayloadFormat(96, "PS", 90_000)
MPEG4: Final = PayloadFormat(97, "MPEG4", 90_000)
H264: Final = PayloadFormat(98, "H264", 90_000)
H265: Final = PayloadFormat(99, "H265", 90_000)
H265_2022: Final = PayloadFormat(100, "H265", 90_000)
PCMA: Final = PayloadFormat(8, "PCMA", 8_000)


@dataclass(frozen=True, slots=True)
class Description:
    """A session description.

    Attributes:
        origin: code of who writes it.
        address: where media is to go, or comes from; IPv4 or IPv6.
        port: of the media; 0 refuses it, or means nothing where a device writes it.
        media: `video` or `audio`.
        tcp: whether over TCP.
        formats: the payload types, in order of preference.
        direction: `recvonly`, `sendonly`, `sendrecv`, or empty.
        setup: who connects, said of the writer; TCP only.
        purpose: the `s=` line; None for words of the device's own.
        source: the `u=` line: channel and type of a recording.
        start, end: the `t=` line, UNIX seconds; 0 for live.
        ssrc: the `y=` line; None where it is missing or unreadable.
        wanted: the `f=` line, without `f=`.
        download_speed: multiple of real time.
        stream_number: which encoder, in the words of 2022; 0 is the main one.
        file_size: bytes of a download, if the device says so.
        extra: more lines, such as those of a dialect; written as they are, and kept as read.
    """

    origin: str
    address: str
    port: int
    media: str = "video"
    tcp: bool = False
    formats: tuple[PayloadFormat, ...] = (PS, H264, MPEG4)
    direction: str = ""
    setup: Setup | None = None
    purpose: Purpose | None = Purpose.PLAY
    source: str | None = None
    start: int = 0
    end: int = 0
    ssrc: int | None = None
    wanted: str | None = None
    download_speed: int | None = None
    stream_number: int | None = None
    file_size: int | None = None
    extra: tuple[str, ...] = field(default=(), repr=False)  # a password may be among them (GB-131)

    def serialize(self, *, final_line_end: bool = True) -> bytes:
        """The body, CRLF at the end of every line."""
        family = "IP6" if ":" in self.address else "IP4"
        transport = "TCP/RTP/AVP" if self.tcp else "RTP/AVP"
        numbers = " ".join(str(each.number) for each in self.formats)
        lines = [
            "v=0",
            f"o={self.origin} 0 0 IN {family} {self.address}",
            f"s={(self.purpose or Purpose.PLAY).value}",
        ]
        if self.source is not None:
            lines.append(f"u={self.source}")
        lines += [
            f"c=IN {family} {self.address}",
            f"t={self.start} {self.end}",
            f"m={self.media} {self.port} {transport} {numbers}",
        ]
        if self.direction:
            lines.append(f"a={self.direction}")
        lines += [f"a=rtpmap:{each.number} {each.name}/{each.rate}" for each in self.formats if each.name]
        if self.tcp and self.setup is not None:
            lines += [f"a=setup:{self.setup}", "a=connection:new"]
        if self.download_speed is not None:
            lines.append(f"a=downloadspeed:{self.download_speed}")
        if self.stream_number is not None:
            lines.append(f"a=streamnumber:{self.stream_number}")
        if self.file_size is not None:
            lines.append(f"a=filesize:{self.file_size}")
        lines += self.extra
        if self.ssrc is not None:
            lines.append(f"y={write_y(self.ssrc)}")
        if self.wanted is not None:
            lines.append(f"f={self.wanted}")
        text = "\r\n".join(lines)
        return (text + "\r\n" if final_line_end else text).encode()

    @classmethod
    def parse(cls, body: bytes) -> Description:
        """Read a body; lines that say nothing readable are passed over, an empty body gives an empty answer.

        Raises:
            ProtocolError: beyond the limit, or no lines of SDP at all.
        """
        if len(body) > MAX_BODY_BYTES:
            raise ProtocolError(f"{len(body)} bytes of SDP")
        text = body.decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines and not any(line[1:2] == "=" for line in lines):
            raise ProtocolError("no SDP", context=body)
        found = cls("", "", 0, formats=(), purpose=None)
        for line in lines:
            key, equals, value = line.partition("=")
            reader = _READERS.get(key)
            if equals and reader is not None:
                found = reader(found, value.strip())
        return found

    def redacted(self) -> bytes:
        """The body without what some recorders put into it: a user name and a password (GB-131)."""
        return replace(
            self, extra=tuple(each for each in self.extra if not each.startswith(_SECRET_LINES))
        ).serialize()

    def format(self, number: int) -> PayloadFormat | None:
        """What a payload type was said to be."""
        return next((each for each in self.formats if each.number == number), None)


def _origin(found: Description, value: str) -> Description:
    return replace(found, origin=value.split(" ", maxsplit=1)[0])


def _subject(found: Description, value: str) -> Description:
    known = next((each for each in Purpose if each.value.lower() == value.lower()), None)
    return replace(found, purpose=known)


def _connection(found: Description, value: str) -> Description:
    parts = value.split()
    return replace(found, address=parts[2].partition("/")[0]) if len(parts) > 2 else found


def _time(found: Description, value: str) -> Description:
    start, _, end = value.partition(" ")
    if not (start.strip().isdigit() and end.strip().isdigit() and len(value) < 40):
        return found
    return replace(found, start=int(start), end=int(end))


def _media(found: Description, value: str) -> Description:
    parts = value.split()
    if len(parts) < 3:
        return found
    port = parts[1].partition("/")[0]
    number = int(port) if port.isdigit() and len(port) <= 5 else 0
    numbers = [int(each) for each in parts[3:19] if each.isdigit() and len(each) <= 3]
    return replace(
        found,
        media=parts[0].lower(),
        port=number if number <= 0xFFFF else 0,
        tcp="TCP" in parts[2].upper(),
        formats=tuple(PayloadFormat(each) for each in numbers),
    )


def _attribute(found: Description, value: str) -> Description:
    name, _, text = value.partition(":")
    lower, text = name.strip().lower(), text.strip()
    if lower in {"recvonly", "sendonly", "sendrecv", "inactive"}:
        return replace(found, direction=lower)
    if lower == "setup" and text.lower() in {"active", "passive"}:
        return replace(found, setup="active" if text.lower() == "active" else "passive")
    if lower == "connection":  # RFC 4145: always new here
        return found
    if lower == "rtpmap" and (match := _RTPMAP.match(text)):
        number, label, rate = match.groups()
        return _with_format(found, PayloadFormat(int(number), label.upper(), int(rate or 0)))
    if lower in _NUMBERS and text.isascii() and text.isdigit() and len(text) < 20:
        return _NUMBERS[lower](found, int(text))
    return replace(found, extra=(*found.extra, f"a={value}")[:64])


def _with_format(found: Description, format_: PayloadFormat) -> Description:
    """The name of a payload type is known now."""
    others = [each for each in found.formats if each.number != format_.number]
    at = next((at for at, each in enumerate(found.formats) if each.number == format_.number), len(others))
    return replace(found, formats=(*others[:at], format_, *others[at:]))


_NUMBERS: Final[dict[str, Callable[[Description, int], Description]]] = {
    "filesize": lambda found, number: replace(found, file_size=number),
    "downloadspeed": lambda found, number: replace(found, download_speed=number),
    "streamnumber": lambda found, number: replace(found, stream_number=number),
}
_READERS: Final[dict[str, Callable[[Description, str], Description]]] = {
    "o": _origin,
    "s": _subject,
    "u": lambda found, value: replace(found, source=value),
    "c": _connection,
    "t": _time,
    "m": _media,
    "a": _attribute,
    "y": lambda found, value: replace(found, ssrc=read_y(value)),
    "f": lambda found, value: replace(found, wanted=value),
}
