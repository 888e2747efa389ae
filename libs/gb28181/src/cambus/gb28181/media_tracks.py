"""What the packets of one payload type are made into units by (§11, GB-173 to GB-179)."""

from __future__ import annotations

import struct
from typing import Final, Protocol

from cambus.gb28181.media_clock import TICKS, MediaClock, TimeBase, TrackClock
from cambus.media import aac
from cambus.media.frame import Codec
from cambus.media.mpegps import ProgramStreamDemuxer, StreamUnit, Unwrapper
from cambus.media.mpegts import TransportStreamDemuxer
from cambus.media.nal_depacketizer import AccessUnit, NalDepacketizer
from cambus.media.rtp_frames import FrameJoiner, RtpFrame
from cambus.media.rtp_input import RtpPacket
from cambus.media.rtp_receiver import RtpRun

_U16 = struct.Struct(">H")
_ADTS: Final = b"\xff"
_USUAL_AAC_RATE: Final = 8000
_AU_HEADER_BITS: Final = 16


class Track(Protocol):
    """What makes units of the packets of one payload type."""

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets, in order; what they complete."""

    def lost(self) -> None:
        """Packets are missing here."""

    def flush(self, now: float) -> list[StreamUnit]:
        """The stream has ended: what is left of it."""


class ProgramTrack:
    """A program stream, or a transport stream in its place.

    Args:
        session: the clock of the session.
        demuxer: takes it apart; one of program streams by default.
    """

    def __init__(
        self, session: MediaClock, demuxer: ProgramStreamDemuxer | TransportStreamDemuxer | None = None
    ) -> None:
        self.demuxer = demuxer or ProgramStreamDemuxer()
        self._session = session
        self._joiner = FrameJoiner()
        self._unwrap = Unwrapper(32)
        self._timestamp = 0
        base = TimeBase(session)
        self._pictures = TrackClock(base)
        self._sound = TrackClock(base)

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets; work is done once for each frame."""
        found: list[StreamUnit] = []
        for frame in self._joiner.push(run):
            found += self._fed(frame, now)
        return found

    def flush(self, now: float) -> list[StreamUnit]:
        """What is left."""
        found: list[StreamUnit] = []
        for frame in self._joiner.flush():
            found += self._fed(frame, now)
        return found + self._fed(RtpFrame(self._timestamp, b"", complete=True), now)

    def _fed(self, frame: RtpFrame, now: float) -> list[StreamUnit]:
        self._timestamp = frame.timestamp
        units = self.demuxer.feed(frame.payload, frame.timestamp, complete=frame.complete)
        if not units:
            return units
        rtp = self._unwrap(frame.timestamp)
        return [self._timed(unit, rtp, now) for unit in units]

    def _timed(self, unit: StreamUnit, rtp: int, now: float) -> StreamUnit:
        if unit.codec.is_audio:
            time = self._sound(unit.pts, rtp, now)
        else:
            self._session.saw(rtp if unit.pts is None else unit.pts)
            time = self._pictures(unit.pts, rtp, now)
        if time == unit.pts:
            return unit
        return StreamUnit(unit.codec, unit.stream_type, unit.payload, time, unit.discontinuity)

    def lost(self) -> None:
        """The frame under way is dropped, and so is what it would have completed."""
        self._joiner.drop()
        self.demuxer.lost()


class PictureTrack:
    """H.264 or H.265 without a container.

    Args:
        session: the clock of the session.
        codec: which of them.
    """

    def __init__(self, session: MediaClock, codec: Codec) -> None:
        self._session = session
        self._depacketizer = NalDepacketizer(codec)
        self._unwrap = Unwrapper(32)
        self._clock = TrackClock(TimeBase(session))

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets."""
        found: list[StreamUnit] = []
        last = len(run.payloads) - 1
        for number, payload in enumerate(run.payloads):
            marker = run.marker and number == last
            packet = RtpPacket(run.payload_type, marker, 0, run.timestamp, 0, payload)
            found += [self._timed(unit, now) for unit in self._depacketizer.push(packet)]
        return found

    def flush(self, now: float) -> list[StreamUnit]:
        """What is left."""
        return [self._timed(unit, now) for unit in self._depacketizer.flush()]

    def _timed(self, unit: AccessUnit, now: float) -> StreamUnit:
        rtp = self._unwrap(unit.timestamp)
        self._session.saw(rtp)
        time = self._clock(None, rtp, now)
        return StreamUnit(self._depacketizer.codec, 0, unit.payload, time, unit.discontinuity)

    def lost(self) -> None:
        """The picture under way is dropped."""
        self._depacketizer.lost()


class ElementaryTrack:
    """Pictures as the encoder writes them, cut where the packets were full: MPEG-4, or Annex B.

    Args:
        session: the clock of the session.
        codec: of the pictures.
    """

    def __init__(self, session: MediaClock, codec: Codec) -> None:
        self._session = session
        self._codec = codec
        self._joiner = FrameJoiner()
        self._unwrap = Unwrapper(32)
        self._clock = TrackClock(TimeBase(session))
        self._damaged = False

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets; a frame of them is a picture."""
        return self._timed(self._joiner.push(run), now)

    def flush(self, now: float) -> list[StreamUnit]:
        """What is left."""
        return self._timed(self._joiner.flush(), now)

    def _timed(self, frames: list[RtpFrame], now: float) -> list[StreamUnit]:
        found = []
        for frame in frames:
            if not frame.payload.startswith(b"\x00\x00"):
                continue  # the rest of a picture whose beginning was lost
            rtp = self._unwrap(frame.timestamp)
            self._session.saw(rtp)
            time = self._clock(None, rtp, now)
            found.append(StreamUnit(self._codec, 0, frame.payload, time, self._damaged))
            self._damaged = False
        return found

    def lost(self) -> None:
        """The picture under way is dropped."""
        self._joiner.drop()
        self._damaged = True


class SoundTrack:
    """Sound without a container: a packet is a unit.

    Args:
        session: the clock of the session.
        codec: of the sound.
        rate: of its timestamps, in hertz.
    """

    def __init__(self, session: MediaClock, codec: Codec, rate: int) -> None:
        self._codec = codec
        self._rate = rate
        self._unwrap = Unwrapper(32)
        self._clock = TrackClock(TimeBase(session))

    def push(self, run: RtpRun, now: float) -> list[StreamUnit]:
        """Take packets."""
        found = []
        rtp = self._unwrap(run.timestamp) * TICKS // self._rate
        for payload in run.payloads:
            if payload:
                found += self._units(payload, rtp, now)
        return found

    def _units(self, payload: bytes, rtp: int, now: float) -> list[StreamUnit]:
        return [StreamUnit(self._codec, 0, payload, self._clock(None, rtp, now))]

    def lost(self) -> None:
        """What is missing is silence."""

    def flush(self, now: float) -> list[StreamUnit]:  # noqa: ARG002 - nothing is ever held back
        """Nothing is left."""
        return []


class AacTrack(SoundTrack):
    """AAC by RFC 3640 in the mode AAC-hbr, made into ADTS, which it is inside of PS; ADTS as it is passes.

    Args:
        session: the clock of the session.
        rate: samples a second.
        channels: of the sound.
    """

    def __init__(self, session: MediaClock, rate: int, channels: int = 1) -> None:
        super().__init__(session, Codec.AAC, rate)
        self._channels = channels

    def _units(self, payload: bytes, rtp: int, now: float) -> list[StreamUnit]:
        if payload.startswith(_ADTS):
            return super()._units(payload, rtp, now)
        found: list[StreamUnit] = []
        step = aac.FRAME_SAMPLES * TICKS // self._rate
        for number, unit in enumerate(access_units(payload)):
            frame = adts(len(unit), self._rate, self._channels) + unit
            found += super()._units(frame, rtp + number * step, now)
        return found


def access_units(payload: bytes) -> list[bytes]:
    """The units of a packet of AAC-hbr (RFC 3640 §3.2.1, §3.3.6); none of one that does not add up."""
    if len(payload) < _U16.size:
        return []
    bits = _U16.unpack_from(payload)[0]
    count, odd = divmod(bits, _AU_HEADER_BITS)
    at = _U16.size + bits // 8
    if odd or at > len(payload):
        return []
    sizes = [_U16.unpack_from(payload, 2 + 2 * number)[0] >> 3 for number in range(count)]
    if at + sum(sizes) > len(payload):
        return []
    found = []
    for size in sizes:
        found.append(payload[at : at + size])
        at += size
    return found


def adts(size: int, rate: int, channels: int) -> bytes:
    """The header before one frame of AAC-LC, at 8 kHz where the rate is none of AAC."""
    return aac.adts_header(size, rate if rate in aac.SAMPLE_RATES else _USUAL_AAC_RATE, channels)
