"""Pieces of media as the make packs them: PS with or without sound in it, raw, and all that goes wrong there (§11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cambus.gb28181.media_output import MediaOutput
from cambus.media.frame import Codec
from cambus.media.mpegps_writer import VIDEO_ID, ProgramStreamMuxer
from cambus.media.rtp import RtpPacketizer
from cambus.simulators.gb28181.profiles import Profile
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import Piece
from cambus.simulators.gb28181.transport_stream import TransportStreamMuxer

_SOUND_TYPES: Final = {Codec.PCMA: 8, Codec.PCMU: 0, Codec.AAC: 102}
_SOUND_RATE: Final = 8000
_ADTS_BYTES: Final = 7
_JUMP: Final = 20 * 90_000
_RAW_TYPES: Final = {Codec.H264: 98, Codec.H265: 99}
_TS_TYPE: Final = 33
_SYSTEM: Final = b"\x00\x00\x01\xbb"
_MAP: Final = b"\x00\x00\x01\xbc"
_VIDEO: Final = b"\x00\x00\x01" + bytes((VIDEO_ID,))
_PRIVATE: Final = b"\x00\x00\x01\xbd\x00\x0c\x80\x00\x00HIKPRIVAT"
_FILLER_BYTES: Final = 70_000
_FIRST_ENTRY: Final = 12
"""Where in a map the first entry begins."""


@dataclass
class Packager:
    """Makes RTP packets of pieces.

    Args:
        output: where they go; has sequence numbers and SSRC.
        profile: the make.
        quirks: what goes wrong; may change on the way.
        video: codec of the pictures.
        sound: codec of the sound, None without.
    """

    output: MediaOutput
    profile: Profile
    quirks: Quirks
    video: Codec
    sound: Codec | None

    def __post_init__(self) -> None:
        inside = self.sound if not self.beside else None
        self._ps = ProgramStreamMuxer(self.video, inside)
        self._ts = TransportStreamMuxer(self.video)
        self._raw = RtpPacketizer(self.video, _RAW_TYPES[self.video], self.output.ssrc, timestamp_offset=0)

    @property
    def beside(self) -> bool:
        """Whether sound is not in the container."""
        if self.quirks.payload != "ps":
            return True
        if self.quirks.audio_beside == "profile":
            return self.profile.audio_beside
        return self.quirks.audio_beside == "yes"

    @property
    def _private(self) -> bool:
        if self.quirks.private_pes == "profile":
            return self.profile.private_pes
        return self.quirks.private_pes == "yes"

    def packets(self, piece: Piece) -> list[bytes]:
        """The packets of a piece."""
        if piece.codec in _SOUND_TYPES:
            return self._sound(piece)
        form = self.quirks.payload
        unit = self._unit(piece)
        if form == "raw":
            return self._raw.packetize(unit, piece.pts)
        if form == "dhav":
            return self.output.packets(b"DHAV" + unit, piece.pts)
        if form in {"ts", "ts_33"}:
            frame = self._ts.picture(unit, piece.pts, keyframe=piece.keyframe)
            return self.output.packets(frame, piece.pts, payload_type=_TS_TYPE if form == "ts_33" else None)
        return self.output.packets(self._program(unit, piece), piece.pts)

    def size(self, piece: Piece) -> int:
        """Bytes of a piece in its container."""
        if piece.codec in _SOUND_TYPES:
            return len(piece.data) if self.beside else len(self._ps.sound(piece.data, piece.pts))
        return len(self._program(self._unit(piece), piece))

    def _sound(self, piece: Piece) -> list[bytes]:
        if self.beside:
            stamp, data = round(piece.at_s * _SOUND_RATE), piece.data
            if piece.codec is Codec.AAC:  # RFC 3640, mode AAC-hbr
                data = data[_ADTS_BYTES:]
                data = b"\x00\x10" + (len(data) << 3).to_bytes(2, "big") + data
            return self.output.packets(data, stamp, payload_type=_SOUND_TYPES[piece.codec])
        return self.output.packets(self._ps.sound(piece.data, piece.pts), piece.pts)

    def _unit(self, piece: Piece) -> bytes:
        if not (self.quirks.large_frames and piece.keyframe):
            return piece.data
        head = b"\x00\x00\x00\x01\x0c" if piece.codec is Codec.H264 else b"\x00\x00\x00\x01\x4c\x01"
        return piece.data + head + b"\xff" * _FILLER_BYTES + b"\x80"

    def _program(self, unit: bytes, piece: Piece) -> bytes:
        quirks = self.quirks
        pack = self._ps.picture(unit, self._pts(piece), keyframe=piece.keyframe)
        at = pack.index(_VIDEO)
        head, rest = pack[:at], pack[at:]
        if quirks.psm == "none" and _SYSTEM in head:
            head = head[: head.index(_SYSTEM)]
        elif quirks.psm == "bad" and _MAP in head:
            spot = head.index(_MAP) + _FIRST_ENTRY + 2
            head = head[:spot] + b"\xff\xff" + head[spot + 2 :]
        if quirks.pes_zero:
            rest = rest[:4] + b"\x00\x00" + rest[6:]
        if quirks.pts == "none":  # the time is there, and said not to be
            rest = rest[:7] + b"\x00" + rest[8:]
        return head + (_PRIVATE if self._private else b"") + rest

    def _pts(self, piece: Piece) -> int:
        if self.quirks.pts == "constant":
            return 0
        return piece.pts + (_JUMP if self.quirks.pts == "jumps" and int(piece.at_s) % 2 else 0)
