"""What a server offers: the session description of its answer to DESCRIBE (RFC 4566, RFC 2326 C.1).

Descriptions of cameras are read leniently: lines that make no sense are passed over, and so are tracks nobody here can
take apart. Sizes are bounded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cambus.media.aac import specific_config
from cambus.media.aac_depacketizer import AacLayout
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.rtsp.client_errors import MalformedAnswer

MAX_BYTES: Final = 64 * 1024
MAX_TRACKS: Final = 16
MAX_TITLE: Final = 128
_MAX_SET_BYTES: Final = 4096
_STATIC: Final = {0: ("PCMU", 8000), 8: ("PCMA", 8000)}
"""Payload types that need no rtpmap (RFC 3551 table 4)."""
_ENCODINGS: Final = {
    "H264": Codec.H264,
    "H265": Codec.H265,
    "HEVC": Codec.H265,
    "PCMA": Codec.PCMA,
    "PCMU": Codec.PCMU,
    "G726-16": Codec.G726,
    "G726-24": Codec.G726,
    "G726-32": Codec.G726,
    "G726-40": Codec.G726,
    "MPEG4-GENERIC": Codec.AAC,
}
_G726_BITS: Final = {"G726-16": b"\x02", "G726-24": b"\x03", "G726-32": b"\x04", "G726-40": b"\x05"}
_RTPMAP: Final = re.compile(r"(\d{1,3})\s+([^/\s]{1,32})/(\d{1,7})(?:/(\d{1,2}))?")
_FMTP: Final = re.compile(r"(\d{1,3})\s+(.{1,8192})")
_MAX_CHANNELS: Final = 8


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a description.

    Attributes:
        number: counted from 0 among all tracks of the description.
        kind: `video`, `audio` or what it says.
        codec: None for one that nobody here can take apart.
        encoding: as the description has it, for people.
        payload_type: of its RTP packets.
        clock_rate: of their timestamps.
        control: what it is set up by; empty where nothing is said.
        sets: its parameter sets as Annex-B; empty without.
        sound: what the sound is, None for a picture.
        layout: of the packets of AAC.
    """

    number: int
    kind: str
    codec: Codec | None
    encoding: str
    payload_type: int
    clock_rate: int
    control: str = field(default="", repr=False)
    sets: bytes = field(default=b"", repr=False)
    sound: AudioConfig | None = None
    layout: AacLayout | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What a server offers under one URL.

    Attributes:
        title: of the session, untrusted text.
        tracks: in their order.
        control: of the session as a whole; empty where nothing is said.
        server: what the server calls itself, untrusted text.
    """

    title: str
    tracks: tuple[Track, ...]
    control: str = field(default="", repr=False)
    server: str = ""

    @property
    def video(self) -> Track | None:
        """The first track of pictures that can be taken apart."""
        return next((each for each in self.tracks if each.codec is not None and each.codec.is_video), None)

    @property
    def audio(self) -> Track | None:
        """The first track of sound that can be taken apart."""
        return next((each for each in self.tracks if each.sound is not None), None)


@dataclass(slots=True)
class _Section:
    """A description's lines from one `m=` to the next."""

    kind: str
    formats: list[str]
    attributes: list[tuple[str, str]] = field(default_factory=list)


def parse_description(body: bytes, *, server: str = "") -> Description:
    """Read a description.

    Raises:
        MalformedAnswer: it is none, or larger than any.
    """
    if len(body) > MAX_BYTES:
        raise MalformedAnswer(f"the description has {len(body)} bytes, at most {MAX_BYTES} are read")
    title, session, sections = "", list[tuple[str, str]](), list[_Section]()
    for line in body.decode("utf-8", "replace").replace("\r", "\n").split("\n"):
        name, equals, value = line.strip().partition("=")
        if not equals:
            continue
        if name == "m" and len(sections) < MAX_TRACKS:
            words = value.split()
            sections.append(_Section(words[0].lower() if words else "", words[3:]))
        elif name == "a":
            key, _, text = value.partition(":")
            (sections[-1].attributes if sections else session).append((key.strip().lower(), text.strip()))
        elif name == "s" and not sections:
            title = value.strip()
    if not sections:
        raise MalformedAnswer("the description names no track")
    tracks = tuple(_track(number, section) for number, section in enumerate(sections))
    return Description(_shown(title), tracks, _first(session, "control"), _shown(server))


def _track(number: int, section: _Section) -> Track:
    """A track; what is strange about it makes it one nobody can take apart."""
    control = _first(section.attributes, "control")
    kind = _shown(section.kind)
    payload_type = _number(section.formats[0] if section.formats else "", 127)
    if payload_type is None:
        return Track(number, kind, None, "", -1, 0, control)
    encoding, rate, channels = _mapping(section, payload_type)
    codec = _ENCODINGS.get(encoding.upper())
    values = _parameters(section, payload_type)
    track = Track(number, kind, codec, _shown(encoding), payload_type, rate, control)
    if codec is None or rate <= 0:
        return Track(number, kind, None, track.encoding, payload_type, rate, control)
    if codec.is_video:
        return Track(number, kind, codec, track.encoding, payload_type, rate, control, _sets(codec, values))
    sound, layout = AudioConfig(codec, rate, channels, _G726_BITS.get(encoding.upper(), b"")), None
    if codec is Codec.AAC:
        layout = _layout(values)
        config = _aac(values, rate, channels)
        if config is None or layout is None:
            return Track(number, kind, None, track.encoding, payload_type, rate, control)
        sound = config
    return Track(number, kind, codec, track.encoding, payload_type, rate, control, b"", sound, layout)


def _mapping(section: _Section, payload_type: int) -> tuple[str, int, int]:
    """Encoding, clock rate and channels of a payload type."""
    for name, text in section.attributes:
        found = _RTPMAP.fullmatch(text) if name == "rtpmap" else None
        if found is not None and int(found[1]) == payload_type:
            channels = int(found[4] or 1)
            return found[2], int(found[3]), channels if 1 <= channels <= _MAX_CHANNELS else 1
    encoding, rate = _STATIC.get(payload_type, ("", 0))
    return encoding, rate, 1


def _parameters(section: _Section, payload_type: int) -> dict[str, str]:
    """The format parameters of a payload type; the names in lower case."""
    for name, text in section.attributes:
        found = _FMTP.fullmatch(text) if name == "fmtp" else None
        if found is not None and int(found[1]) == payload_type:
            pairs = (part.partition("=") for part in found[2].split(";"))
            return {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}
    return {}


def _sets(codec: Codec, values: Mapping[str, str]) -> bytes:
    """Parameter sets as Annex-B (RFC 6184 §8.1, RFC 7798 §7.1); empty where there are none, or broken ones."""
    if codec is Codec.H264:
        texts = [values.get("sprop-parameter-sets", "")]
    else:
        texts = [values.get(f"sprop-{name}", "") for name in ("vps", "sps", "pps")]
    units = []
    for text in ",".join(texts).split(","):
        if not text.strip():
            continue
        try:
            unit = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), validate=True)
        except (binascii.Error, ValueError):
            return b""
        # Some cameras write start codes into the sets, or zeros behind them.
        unit = unit.removeprefix(b"\x00").removeprefix(b"\x00\x00\x01").rstrip(b"\x00")
        if not unit or len(unit) > _MAX_SET_BYTES:
            return b""
        units.append(unit)
    return join_annexb(*units)


def _layout(values: Mapping[str, str]) -> AacLayout | None:
    """How packets of AAC are laid out; None for what is not (RFC 3640 §4.1)."""
    if values.get("mode", "AAC-hbr").lower() not in {"aac-hbr", "aac-lbr"}:
        return None
    numbers = [_number(values.get(name, default), 32) for name, default in _AAC_BITS]
    if None in numbers:
        return None
    size, index, delta = (number or 0 for number in numbers)
    return AacLayout(size, index, delta)


_AAC_BITS: Final = (("sizelength", "0"), ("indexlength", "0"), ("indexdeltalength", "0"))


def _aac(values: Mapping[str, str], rate: int, channels: int) -> AudioConfig | None:
    """What the decoder of AAC needs; made up for AAC-LC where the description does not say."""
    text = values.get("config", "").strip('"')
    try:
        extradata = bytes.fromhex(text)
    except ValueError:
        extradata = b""
    if 2 <= len(extradata) <= 64:
        return AudioConfig(Codec.AAC, rate, channels, extradata)
    try:
        return AudioConfig(Codec.AAC, rate, channels, specific_config(rate, channels))
    except AudioConfigError:
        return None


def _first(attributes: list[tuple[str, str]], wanted: str) -> str:
    return next((text for name, text in attributes if name == wanted), "")


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= most else None


def _shown(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:MAX_TITLE].strip()
