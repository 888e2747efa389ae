"""Bytes that were checked once, by hand and by FFmpeg, and must not change unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.flac import FlacEncoder
from cambus.media.flv import FlvMuxer
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media.ts_muxer import TransportStreamMuxer

HERE = Path(__file__).parent
PCM = b"".join((number * 1000).to_bytes(2, "little", signed=True) for number in range(-8, 8))
SETS = {
    Codec.H264: ("6742c00bda0a11f96100000300010002bf200f142aa0", "68ce0fc8"),
    Codec.H265: (
        "40010c01ffff01600000030090000003000003001eba0240",
        "42010101600000030090000003000003001ea01420207cb96e92930b9a020000030002000003003210",
        "4401c073c189",
    ),
}
AAC = AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")
AAC_FRAME = Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, 3, 5760, 5760, 0, b"\x21" + bytes(range(30)))
SLICES = {Codec.H264: (b"\x65", b"\x41"), Codec.H265: (b"\x26\x01", b"\x02\x01")}


def params(codec: Codec) -> VideoParams:
    found = ParameterSetTracker().update(join_annexb(*map(bytes.fromhex, SETS[codec])), codec)
    assert found is not None
    return found


def frames(codec: Codec) -> list[Frame]:
    """A keyframe, a packet of A-law, a frame that is shown before it is due in decoding order."""
    key, other = SLICES[codec]
    return [
        Frame(
            Kind.VIDEO,
            codec,
            Flag.KEYFRAME,
            0,
            3600,
            0,
            0,
            join_annexb(*params(codec).sets, key + b"\x11" * 20),
        ),
        Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, 1, 0, 0, 0, bytes(range(16, 32))),
        Frame(Kind.VIDEO, codec, Flag.NONE, 2, 7200, 3600, 0, join_annexb(other + b"\x22" * 9)),
    ]


def made() -> dict[str, bytes]:
    config = AudioConfig(Codec.PCMA, 8000, 1)
    results = {"flac-frame": FlacEncoder(8000).encode(PCM)}
    for codec in SETS:
        name = codec.name.lower()
        flv = FlvMuxer(params(codec), config)
        results[f"flv-{name}"] = flv.header() + b"".join(flv.tag(frame, 0) for frame in frames(codec))
        fmp4 = Fmp4Muxer(params(codec), config)
        recorded = fmp4.init_segment() + fmp4.fragment(frames(codec), next_video_dts=7200)
        results[f"fmp4-{name}"] = recorded
        ts = TransportStreamMuxer(codec, AAC)
        results[f"ts-{name}"] = b"".join(ts.packets(frame) for frame in [*frames(codec), AAC_FRAME])
        flv = FlvMuxer(params(codec), AAC)
        results[f"flv-aac-{name}"] = flv.header() + flv.tag(AAC_FRAME, 0)
        fmp4 = Fmp4Muxer(params(codec), AAC)
        results[f"fmp4-aac-{name}"] = fmp4.init_segment() + fmp4.fragment([AAC_FRAME])
        rtp = RtpPacketizer(codec, 96, 0xCAFE, mtu=64, sequence=65534, timestamp_offset=0xFFFFFFFF)
        packets = [packet for f in frames(codec)[::2] for packet in rtp.packetize(f.payload * 2, f.pts)]
        results[f"rtp-interleaved-{name}"] = interleave(packets, 2)
        results[f"rtcp-{name}"] = rtp.sender_report(1_700_000_000_250_000, 7200)
    found = scan(bytes_reader(results["fmp4-h264"]), len(results["fmp4-h264"]))
    mp4 = FaststartMp4([RecordedPart("", found.init, found.fragments)])
    head = next(mp4.read_range(0, mp4.total_bytes))
    assert isinstance(head, bytes)
    results["mp4-head-h264"] = head
    return results


@pytest.mark.parametrize("name", sorted(made()))
def test_bytes_are_as_recorded(name):
    expected = bytes.fromhex((HERE / f"{name}.hex").read_text())
    assert made()[name].hex(" ", 4) == expected.hex(" ", 4)


def test_every_recorded_file_is_compared():
    assert {path.stem for path in HERE.glob("*.hex")} == set(made())
