"""Session descriptions for RTSP.

RFC 4566, RFC 2326 C.1; RFC 6184 §8.2.1 and RFC 7798 §7.2.1 for video; RFC 3551 §6, RFC 3640 §4.1 and RFC 7587 §7 for
sound.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from cambus.media import h265
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.parameter_sets import VideoParams

FIRST_DYNAMIC_PAYLOAD_TYPE = 96
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing is bound to it: SETUP says where to (RFC 2326 C.1.7)
_G711_STATIC = {Codec.PCMA: 8, Codec.PCMU: 0}  # RFC 3551 table 4: 8000 Hz, one channel
_AAC_LEVEL = 41  # AAC profile, level 2 (ISO/IEC 14496-3 table 1.14): up to 48 kHz and two channels
_H265_SETS = (
    ("sprop-vps", h265.NalType.VPS),
    ("sprop-sps", h265.NalType.SPS),
    ("sprop-pps", h265.NalType.PPS),
)


@dataclass(frozen=True, slots=True)
class SdpMedia:
    """One track of a description.

    Attributes:
        params: what it holds.
        payload_type: of its RTP packets.
        control: its URL for SETUP, usually relative, such as `trackID=0`.
    """

    params: VideoParams | AudioConfig
    payload_type: int
    control: str


def payload_type_of(params: VideoParams | AudioConfig, *, dynamic: int = FIRST_DYNAMIC_PAYLOAD_TYPE) -> int:
    """The static payload type where RFC 3551 has one for this, else `dynamic`."""
    if isinstance(params, AudioConfig) and (params.sample_rate, params.channels) == (8000, 1):
        return _G711_STATIC.get(params.codec, dynamic)
    return dynamic


def build_sdp(
    media: Sequence[SdpMedia],
    *,
    name: str = "Cambus",
    session_id: int = 0,
    address: str = _NO_ADDRESS,
    range_: str = "npt=now-",
) -> str:
    """The description of one presentation.

    Args:
        media: its tracks.
        name: shown to the user.
        session_id: the number of the `o=` line; another one for another description.
        address: of the server, an IPv4 or IPv6 literal.
        range_: what can be played: `npt=now-` for live, `npt=0-60.5` for a recording.

    Raises:
        ContainerError: a codec without a payload format here.
    """
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN {family} {address}",
        f"s={_one_line(name) or ' '}",
        f"c=IN {family} {address}",
        "t=0 0",
        "a=control:*",
        f"a=range:{range_}",
    ]
    for each in media:
        lines += (
            _video(each, each.params) if isinstance(each.params, VideoParams) else _audio(each, each.params)
        )
    return "\r\n".join(lines) + "\r\n"


def _video(media: SdpMedia, params: VideoParams) -> list[str]:
    kind = media.payload_type
    if params.codec is Codec.H264:
        encoding = "H264"
        sets = ",".join(b64encode(each).decode() for each in params.sets)
        profile = params.sps[1:4].hex().upper()
        format_ = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}"
    elif params.codec is Codec.H265:
        encoding = "H265"
        format_ = ";".join(f"{name}={_h265_sets(params, unit_type)}" for name, unit_type in _H265_SETS)
    else:
        raise ContainerError(f"no RTP payload format for {params.codec.name}")
    lines = [f"m=video 0 RTP/AVP {kind}", f"a=rtpmap:{kind} {encoding}/90000", f"a=fmtp:{kind} {format_}"]
    if params.frame_rate:
        lines.append(f"a=framerate:{params.frame_rate:g}")
    return [*lines, f"a=control:{media.control}"]


def _h265_sets(params: VideoParams, unit_type: int) -> str:
    units = (each for each in params.sets if h265.nal_type(each[0]) == unit_type)
    return ",".join(b64encode(each).decode() for each in units)


def _audio(media: SdpMedia, params: AudioConfig) -> list[str]:
    kind = media.payload_type
    channels = f"/{params.channels}" if params.channels > 1 else ""
    format_ = []
    if params.codec in _G711_STATIC:
        encoding = f"{params.codec.name}/{params.sample_rate}{channels}"
    elif params.codec is Codec.AAC:
        encoding = f"MPEG4-GENERIC/{params.sample_rate}/{params.channels}"
        config = params.extradata.hex().upper()
        format_.append(
            f"a=fmtp:{kind} streamtype=5;profile-level-id={_AAC_LEVEL};mode=AAC-hbr;"
            f"sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
        )
    elif params.codec is Codec.OPUS:
        encoding = "opus/48000/2"  # always, whatever is inside (RFC 7587 §7)
        format_.append(f"a=fmtp:{kind} sprop-stereo={int(params.channels == 2)}")
    else:
        raise ContainerError(f"no RTP payload format for {params.codec.name}")
    return [
        f"m=audio 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} {encoding}",
        *format_,
        f"a=control:{media.control}",
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())
