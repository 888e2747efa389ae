"""What is in the RTP packets of a session: by payload type first, then by looking (§11, GB-173 to GB-179).

Devices agree on PS and send raw sound beside it, H.264 under a type that says PS, or a transport stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

from cambus.gb28181.errors import MediaError
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.frame import Codec
from cambus.media.mpegps import ProgramStreamDemuxer, StreamUnit, Unwrapper
from cambus.media.mpegts import TransportStreamDemuxer, looks_like_ts
from cambus.media.nal_depacketizer import NalDepacketizer
from cambus.media.rtp_input import FrameJoiner, RtpPacket

MAX_PAYLOAD_TYPES: Final = 4
_TICKS: Final = 90_000
_AUDIO: Final = {
    0: (Codec.PCMU, 8_000),
    8: (Codec.PCMA, 8_000),
    4: (Codec.OPAQUE, 8_000),
    9: (Codec.OPAQUE, 8_000),
    18: (Codec.OPAQUE, 8_000),
    20: (Codec.OPAQUE, 8_000),
    102: (Codec.AAC, 90_000),
}
_STATIC: Final = {97: Codec.MPEG4, 98: Codec.H264}
_NAMES: Final = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
_PRIVATE: Final = (b"DHAV", b"IMKH")
_PACK: Final = b"\x00\x00\x01"


class Track(Protocol):
    """What makes units of the packets of one payload type."""

    def push(self, packet: RtpPacket) -> list[StreamUnit]:
        """Take a packet, in order."""

    def lost(self) -> None:
        """Packets are missing here."""


class PayloadRouter:
    """Makes units of the packets of one session.

    Attributes:
        counts: what was dropped, by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._formats: dict[int, PayloadFormat] = {}
        self._tracks: dict[int, Track] = {}
        self._before: dict[int, RtpPacket] = {}

    def said(self, formats: Iterable[PayloadFormat]) -> None:
        """The device has said more; what has been decided by looking stays."""
        self._formats.update((each.number, each) for each in formats)

    def push(self, packet: RtpPacket) -> list[StreamUnit]:
        """Take a packet, in order.

        Raises:
            MediaError: `unsupported-payload`: a private format nobody else reads.
        """
        track = self._tracks.get(packet.payload_type)
        if track is None:
            if len(self._tracks) >= MAX_PAYLOAD_TYPES:
                self.counts["payload-types"] += 1
                return []
            track = self._find_track(packet)
            if track is None:
                return []
            self._tracks[packet.payload_type] = track
        return track.push(packet)

    def lost(self) -> None:
        """Packets are missing here."""
        for track in self._tracks.values():
            track.lost()

    def _find_track(self, packet: RtpPacket) -> Track | None:
        """What reads a payload type; None while one cannot tell: we may have come in the middle of a frame."""
        number, payload = packet.payload_type, packet.payload
        said = self._formats.get(number)
        name = said.name if said is not None else ""
        if number in _AUDIO and not name.startswith(("PS", "H26")):
            return SoundTrack(*_AUDIO[number])
        if payload.startswith(_PRIVATE):
            raise MediaError("unsupported-payload", f"the device sends a private format ({payload[:4]!a})")
        if payload.startswith(_PACK):
            return ProgramTrack()
        if looks_like_ts(payload):  # whatever was agreed (GB-178)
            return ProgramTrack(TransportStreamDemuxer())
        if name in _NAMES and payload:
            return PictureTrack(
                _NAMES[name]
            )  # said by the device itself; its first keyframe need not be lost
        before, self._before[number] = self._before.get(number), packet
        if before is None or (before.timestamp == packet.timestamp and not before.marker) or not payload:
            return None
        codec = _STATIC.get(number) or _by_packet(payload)
        return PictureTrack(codec) if codec in {Codec.H264, Codec.H265} else ProgramTrack()


class ProgramTrack:
    """A program stream, or a transport stream in its place.

    Args:
        demuxer: takes it apart; one of program streams by default.
    """

    def __init__(self, demuxer: ProgramStreamDemuxer | TransportStreamDemuxer | None = None) -> None:
        self._joiner = FrameJoiner()
        self._demuxer = demuxer or ProgramStreamDemuxer()

    def push(self, packet: RtpPacket) -> list[StreamUnit]:
        """Take a packet; work is done once for each frame."""
        found: list[StreamUnit] = []
        for frame in self._joiner.push(packet):
            found += self._demuxer.feed(frame.payload, frame.timestamp, complete=frame.complete)
        return found

    def lost(self) -> None:
        """The frame under way is dropped, and so is what it would have completed."""
        self._joiner.drop()
        self._demuxer.lost()


class PictureTrack:
    """H.264 or H.265 without a container."""

    def __init__(self, codec: Codec) -> None:
        self._depacketizer = NalDepacketizer(codec)
        self._unwrap = Unwrapper(32)

    def push(self, packet: RtpPacket) -> list[StreamUnit]:
        """Take a packet."""
        return [
            StreamUnit(
                self._depacketizer.codec, 0, unit.payload, self._unwrap(unit.timestamp), unit.discontinuity
            )
            for unit in self._depacketizer.push(packet)
        ]

    def lost(self) -> None:
        """The picture under way is dropped."""
        self._depacketizer.lost()


class SoundTrack:
    """Sound without a container: a packet is a unit."""

    def __init__(self, codec: Codec, rate: int) -> None:
        self._codec = codec
        self._rate = rate
        self._unwrap = Unwrapper(32)

    def push(self, packet: RtpPacket) -> list[StreamUnit]:
        """Take a packet."""
        pts = self._unwrap(packet.timestamp) * _TICKS // self._rate
        return [StreamUnit(self._codec, 0, packet.payload, pts)] if packet.payload else []

    def lost(self) -> None:
        """What is missing is silence."""


def _by_packet(payload: bytes) -> Codec | None:
    """The codec of a packet by its first bytes: parameter sets and keyframes, whole or as the start of a fragment."""
    first = payload[0]
    if first & 0x1F in {5, 7, 8, 24, 28} and first & 0xE0 in {0x20, 0x40, 0x60}:
        return Codec.H264
    kind = first >> 1 & 0x3F
    if kind in {19, 20, 21, 32, 33, 34, 48, 49} and len(payload) > 1 and payload[1] & 7 and not first & 0x81:
        return Codec.H265
    return None
