"""What is in the RTP packets of a session: by payload type first, then by looking (§11, GB-156, GB-173 to GB-179).

Devices agree on PS and send raw sound beside it, H.264 under a type that says PS, or a transport stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_clock import MediaClock
from cambus.gb28181.media_tracks import (
    AacTrack,
    ElementaryTrack,
    PictureTrack,
    ProgramTrack,
    SoundTrack,
    Track,
)
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit, sniff_video
from cambus.media.mpegts import TransportStreamDemuxer, looks_like_ts
from cambus.media.rtp_receiver import RtpRun

MAX_PAYLOAD_TYPES: Final = 4
MAX_LOOKS: Final = 300
"""So many frames may begin without telling what they are: as many as two key frames are apart, and more."""
_SOUND: Final = {
    0: (Codec.PCMU, 8_000),
    8: (Codec.PCMA, 8_000),
    4: (Codec.OPAQUE, 8_000),
    9: (Codec.OPAQUE, 8_000),
    18: (Codec.OPAQUE, 8_000),
    20: (Codec.OPAQUE, 8_000),
}
_SOUND_NAMES: Final = {"PCMA": Codec.PCMA, "PCMU": Codec.PCMU, "AAC": Codec.AAC, "MPEG4-GENERIC": Codec.AAC}
_AAC_TYPE: Final = 102
_AAC_RATE: Final = 8_000
_STATIC: Final = {98: Codec.H264}
_NAMES: Final = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
_PRIVATE: Final = (b"DHAV", b"IMKH")
_PRIVATE_NAMES: Final = ("DAHUA", "HIKVISION")
_PICTURES: Final = ("PS", "H26", "MP2P", "HEVC")
_PREFIX: Final = b"\x00\x00\x01"
_FIRST_SYSTEM: Final = 0xB9


@dataclass(slots=True)
class _Look:
    """What has been seen of a payload type nobody has said anything readable of."""

    timestamp: int
    ended: bool
    frames: int = 0
    codec: Codec | None = None


class PayloadRouter:
    """Makes units of the packets of one session.

    Attributes:
        clock: of the session.
        counts: what was dropped, by reason.
    """

    def __init__(self) -> None:
        self.clock = MediaClock()
        self.counts: Counter[str] = Counter()
        self._formats: dict[int, PayloadFormat] = {}
        self._tracks: dict[int, Track] = {}
        self._looks: dict[int, _Look] = {}

    def said(self, formats: Iterable[PayloadFormat]) -> None:
        """The device has said more; what has been decided by looking stays."""
        self._formats.update((each.number, each) for each in formats)

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets, in order.

        Args:
            run: they.
            now: when they came, in seconds.

        Raises:
            MediaError: `unsupported-payload`: a private format nobody else reads.
        """
        track = self._tracks.get(run.payload_type)
        if track is None:
            if len(self._tracks) >= MAX_PAYLOAD_TYPES:
                self.counts["payload-types"] += 1
                return []
            track = self._find_track(run)
            if track is None:
                return []
            self._tracks[run.payload_type] = track
        return track.push(run, now)

    def lost(self) -> None:
        """Packets are missing here."""
        for track in self._tracks.values():
            track.lost()

    def flush(self, now: float) -> list[StreamUnit]:
        """The stream has ended: what is left of it."""
        return [unit for track in self._tracks.values() for unit in track.flush(now)]

    def _find_track(self, run: RtpRun) -> Track | None:
        """What reads a payload type; None while one cannot tell: we may have come in the middle of a frame."""
        number, payload = run.payload_type, next(filter(None, run.payloads), b"")
        said = self._formats.get(number)
        name = said.name if said is not None else ""
        sound = self._sound_track(number, name, said.rate if said is not None else 0)
        if sound is not None:
            return sound
        if payload.startswith(_PRIVATE):
            raise _unsupported(payload)
        if payload.startswith((_PREFIX, b"\x00" + _PREFIX)):
            return self._by_start_code(payload)
        if looks_like_ts(payload):  # whatever was agreed (GB-178)
            return ProgramTrack(self.clock, TransportStreamDemuxer())
        if name in _NAMES and payload:  # said by the device itself; its first keyframe need not be lost
            return PictureTrack(self.clock, _NAMES[name])
        return self._by_looking(run, payload, name)

    def _sound_track(self, number: int, name: str, rate: int) -> Track | None:
        codec = _SOUND_NAMES.get(name)
        if codec is None and not name.startswith(_PICTURES):
            codec = Codec.AAC if number == _AAC_TYPE else _SOUND.get(number, (None,))[0]
        if codec is None:
            return None
        if codec is Codec.AAC:
            return AacTrack(self.clock, rate or _AAC_RATE)
        return SoundTrack(self.clock, codec, rate or _SOUND.get(number, (codec, 8_000))[1])

    def _by_start_code(self, payload: bytes) -> Track | None:
        """PS, or what an encoder writes without any container."""
        if payload[2] == 1 and payload[3:4] and payload[3] >= _FIRST_SYSTEM:
            return ProgramTrack(self.clock)
        codec = sniff_video(payload)
        return ElementaryTrack(self.clock, codec) if codec is not None else None

    def _by_looking(self, run: RtpRun, payload: bytes, name: str) -> Track | None:
        """Only the beginning of a frame tells; there may be none that can be read.

        Raises:
            MediaError: `unsupported-payload`.
        """
        number = run.payload_type
        look = self._looks.get(number)
        begins = look is not None and (look.ended or look.timestamp != run.timestamp)
        if look is None:
            look = self._looks[number] = _Look(run.timestamp, run.marker)
        look.timestamp, look.ended = run.timestamp, run.marker
        if not begins or not payload:
            return None
        private = name in _PRIVATE_NAMES
        codec = None if private else _STATIC.get(number) or _by_packet(payload)
        if codec is not None and (codec is look.codec or name != "PS"):
            return PictureTrack(self.clock, codec)
        look.codec = (
            codec or look.codec
        )  # where PS was agreed, its lost beginning may look like anything: once
        look.frames += 1
        if private or look.frames >= MAX_LOOKS:
            raise _unsupported(payload)
        return None


def _unsupported(payload: bytes) -> MediaError:
    return MediaError("unsupported-payload", f"the device sends a private format ({payload[:4]!a})")


def _by_packet(payload: bytes) -> Codec | None:
    """The codec of a packet by its first bytes: parameter sets and keyframes, whole or as the start of a fragment."""
    first = payload[0]
    if first & 0x1F in {5, 7, 8, 24, 28} and first & 0xE0 in {0x20, 0x40, 0x60}:
        return Codec.H264
    kind = first >> 1 & 0x3F
    if kind in {19, 20, 21, 32, 33, 34, 48, 49} and len(payload) > 1 and payload[1] & 7 and not first & 0x81:
        return Codec.H265
    return None
