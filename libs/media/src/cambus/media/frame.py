"""The frame: one access unit, audio packet or piece of data as it travels on the bus.

A message is a 40-byte header, big-endian, and the payload (:mod:`cambus.media.frame_layout` declares the same
header for reading; this module packs and unpacks it fast)::

     0  4  magic "CBUS"
     4  1  version, 1
     5  1  kind
     6  1  codec
     7  1  flags
     8  2  part, from 0
    10  2  parts, 1 unless the frame exceeds what one message may carry
    12  4  seq, one per frame and media subject, modulo 2^32; the parts of a frame share it
    16  8  pts, 90 kHz, signed
    24  8  dts, 90 kHz, signed
    32  8  wall clock at which the frame left its source's connector, microseconds since 1970 UTC, signed
    40     payload

Why it looks like this is told in ``docs/design/media-path.md``.
"""

import struct
from collections import OrderedDict
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

from cambus.media.errors import FrameError

MAGIC: Final = b"CBUS"
VERSION: Final = 1
HEADER_BYTES: Final = 40
#: The largest payload of a frame, all parts together. Access units of surveillance streams stay below 8 MiB.
MAX_FRAME_BYTES: Final = 16 << 20
#: The most parts of a frame: 16 MiB through a server that lets 4 KiB pass.
MAX_PARTS: Final = 4096

_HEADER: Final = struct.Struct(">4sBBBBHHIqqq")
_SEQ_MASK: Final = 0xFFFFFFFF
_SEQ_HALF: Final = 1 << 31


class Kind(IntEnum):
    """What the payload is."""

    VIDEO = 1
    AUDIO = 2
    AUDIO_CONFIG = 3
    DATA = 4


class Codec(IntEnum):
    """How the payload is coded; the numbers are part of the bus format."""

    H264 = 1
    H265 = 2
    MPEG4 = 3
    MJPEG = 4
    PCMA = 16
    PCMU = 17
    G726 = 18
    AAC = 19
    OPUS = 20
    FLAC = 21
    OPAQUE = 255

    @property
    def is_video(self) -> bool:
        """Whether this codes pictures."""
        return 1 <= self < 16

    @property
    def is_audio(self) -> bool:
        """Whether this codes sound."""
        return 16 <= self < 32


class Flag(IntFlag):
    """Marks of a frame. Bits that are not listed are ignored when read, so that marks can be added."""

    NONE = 0
    #: The access unit can be decoded on its own and carries its parameter sets.
    KEYFRAME = 1
    #: The payload holds parameters rather than media.
    CONFIG = 2
    #: What came before does not continue here: the stream began, stalled or jumped.
    DISCONTINUITY = 4
    #: The stream ends with this frame.
    END = 8


_KINDS: Final = {each.value: each for each in Kind}
_CODECS: Final = {each.value: each for each in Codec}
_FLAGS: Final = tuple(Flag(value) for value in range(16))


class Frame(NamedTuple):
    """One access unit, audio packet or piece of data.

    A named tuple, for nothing is made more often. Compare whole frames only; `frame._replace` changes one.

    Attributes:
        kind: what the payload is.
        codec: how it is coded; OPAQUE for data and for sound nobody here can name.
        flags: marks.
        seq: number within its media subject, modulo 2^32, one more than the frame's before it, of any kind.
        pts: presentation time, ticks of 90 kHz.
        dts: decoding time, ticks of 90 kHz; equal to pts in streams without reordering.
        wall_us: when it came from the device by the connector's clock, microseconds since 1970 UTC.
        payload: Annex B access unit with VPS/SPS/PPS in every keyframe; or audio as the codec makes it; or,
            for AUDIO_CONFIG, a serialised :class:`cambus.media.audio.AudioConfig`.
    """

    kind: Kind
    codec: Codec
    flags: Flag
    seq: int
    pts: int
    dts: int
    wall_us: int
    payload: bytes

    @property
    def keyframe(self) -> bool:
        """Whether decoding can begin here."""
        return int(self.flags) & 1 != 0

    @property
    def config(self) -> bool:
        """Whether the payload holds parameters rather than media."""
        return int(self.flags) & 2 != 0

    @property
    def discontinuity(self) -> bool:
        """Whether what came before does not continue here."""
        return int(self.flags) & 4 != 0

    @property
    def end(self) -> bool:
        """Whether the stream ends with this frame."""
        return int(self.flags) & 8 != 0


def encode_frame(
    frame: Frame, max_payload: int, *, seq: int | None = None, flags: Flag | None = None
) -> list[bytes]:
    """The bus messages of a frame, in the order to publish them: one unless it exceeds ``max_payload``.

    Args:
        frame: what to send.
        max_payload: the most bytes one message may have, header included: the server's ``max_payload``.
        seq: the number to send it under, if not its own.
        flags: the marks to send it with, if not its own.

    Raises:
        FrameError: a number does not fit its field, the payload exceeds :data:`MAX_FRAME_BYTES`, or
            ``max_payload`` is so small that more than :data:`MAX_PARTS` parts were needed.
    """
    payload = frame.payload
    size = len(payload)
    room = max_payload - HEADER_BYTES
    if seq is None:
        seq = frame.seq
    if flags is None:
        flags = frame.flags
    if size <= room:
        return [_header(frame, seq, flags, 0, 1) + payload]
    if size > MAX_FRAME_BYTES:
        raise FrameError(f"payload of {size} bytes, at most {MAX_FRAME_BYTES} are allowed")
    if room <= 0 or size > room * MAX_PARTS:
        raise FrameError(f"{size} bytes do not fit {MAX_PARTS} messages of {max_payload} bytes")
    parts = -(-size // room)
    return [
        _header(frame, seq, flags, part, parts) + payload[part * room : (part + 1) * room]
        for part in range(parts)
    ]


def _header(frame: Frame, seq: int, flags: Flag, part: int, parts: int) -> bytes:
    try:
        return _HEADER.pack(
            MAGIC,
            VERSION,
            frame.kind,
            frame.codec,
            flags,
            part,
            parts,
            seq,
            frame.pts,
            frame.dts,
            frame.wall_us,
        )
    except struct.error as error:
        raise FrameError(f"frame {seq} of {frame.kind.name}: {error}") from error


class _Partial:
    """The parts of one frame that have come so far."""

    __slots__ = ("head", "parts", "pieces", "size")

    def __init__(self, head: Frame, parts: int) -> None:
        self.head = head
        self.parts = parts
        self.pieces: dict[int, bytes] = {}
        self.size = 0

    def whole(self) -> Frame:
        head = self.head
        payload = b"".join([self.pieces[part] for part in range(self.parts)])
        return Frame(head.kind, head.codec, head.flags, head.seq, head.pts, head.dts, head.wall_us, payload)


class FrameAssembler:
    """Turns the messages of one media subject back into frames.

    Parts of one frame may come in any order, twice, and mixed with those of the next frames. What never
    completes is given up: at most ``max_pending`` frames and ``max_bytes`` bytes wait at any time, the
    oldest goes first.

    Attributes:
        dropped: frames given up because parts of them are missing or contradict each other.
        duplicates: parts that came twice and were ignored.
    """

    def __init__(self, *, max_pending: int = 4, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_pending = max_pending
        self._max_bytes = max_bytes
        self._pending: OrderedDict[int, _Partial] = OrderedDict()
        self._pending_bytes = 0
        self._last_whole: int | None = None
        self.dropped = 0
        self.duplicates = 0

    @property
    def pending_bytes(self) -> int:
        """Payload bytes held for frames that are not complete."""
        return self._pending_bytes

    def push(self, data: bytes) -> Frame | None:
        """Take one message; the frame that it completes, if any.

        Raises:
            FrameError: the message is no frame: too short, wrong magic or version, unknown kind or codec,
                impossible part numbers. Nothing of it is kept.
        """
        if len(data) < HEADER_BYTES:
            raise FrameError(f"{len(data)} bytes, a header has {HEADER_BYTES}")
        magic, version, kind_no, codec_no, flags, part, parts, seq, pts, dts, wall_us = _HEADER.unpack_from(
            data
        )
        kind = _KINDS.get(kind_no)
        codec = _CODECS.get(codec_no)
        if magic != MAGIC or version != VERSION or kind is None or codec is None:
            raise FrameError(f"no frame of version {VERSION}: begins with {data[:8].hex(' ')}")
        payload = data[HEADER_BYTES:]
        if parts == 1 and part == 0:
            return Frame(kind, codec, _FLAGS[flags & 15], seq, pts, dts, wall_us, payload)
        if part >= parts or parts > MAX_PARTS or not payload:
            raise FrameError(f"frame {seq}: part {part} of {parts} with {len(payload)} bytes")
        head = Frame(kind, codec, _FLAGS[flags & 15], seq, pts, dts, wall_us, b"")
        return self._add(head, part, parts, payload)

    def _add(self, head: Frame, part: int, parts: int, payload: bytes) -> Frame | None:
        seq = head.seq
        partial = self._pending.get(seq)
        if partial is not None and (partial.parts != parts or partial.head != head):
            # The source began anew and came to the same number: what was held will never be completed.
            self._give_up(seq)
            partial = None
        if partial is None:
            if seq == self._last_whole:
                self.duplicates += 1
                return None
            partial = self._pending[seq] = _Partial(head, parts)
        if part in partial.pieces:
            self.duplicates += 1
            return None
        partial.pieces[part] = payload
        partial.size += len(payload)
        self._pending_bytes += len(payload)
        if len(partial.pieces) == parts:
            del self._pending[seq]
            self._pending_bytes -= partial.size
            self._last_whole = seq
            return partial.whole()
        while len(self._pending) > self._max_pending or self._pending_bytes > self._max_bytes:
            self._give_up(next(iter(self._pending)))
        return None

    def _give_up(self, seq: int) -> None:
        self._pending_bytes -= self._pending.pop(seq).size
        self.dropped += 1


class SequenceGate:
    """Lets the frames of one media subject pass in order, and after a gap no video until the next keyframe.

    A picture that refers to one that was lost decodes to garbage, so it is worth nothing. Sound and data
    pass. A number that steps back is a late copy, unless the frame is newer by its wall clock or is marked
    as a discontinuity: then the source began anew.

    Attributes:
        gaps: how often the sequence broke off.
        lost: how many frames are known to be missing.
        dropped: frames refused after a gap, and late copies.
        skipped: video refused before the first keyframe: a subscription usually begins in mid-GOP.
    """

    def __init__(self) -> None:
        self._next: int | None = None
        self._wall_us = 0
        self._await_keyframe = True
        self.gaps = 0
        self.lost = 0
        self.dropped = 0
        self.skipped = 0

    @property
    def awaits_keyframe(self) -> bool:
        """Whether no video passes before the next keyframe."""
        return self._await_keyframe

    def accept(self, frame: Frame) -> bool:
        """Whether the frame may be used; call once for each frame, in the order of arrival."""
        if self._next is not None and frame.seq != self._next and not self._follow(frame):
            self.dropped += 1
            return False
        self._next = (frame.seq + 1) & _SEQ_MASK
        self._wall_us = frame.wall_us
        if not self._await_keyframe or frame.kind is not Kind.VIDEO:
            return True
        if frame.keyframe:
            self._await_keyframe = False
            return True
        if self.gaps:
            self.dropped += 1
        else:
            self.skipped += 1
        return False

    def _follow(self, frame: Frame) -> bool:
        """Judge a frame that is not the expected one: False for a late copy."""
        ahead = (frame.seq - (self._next or 0)) & _SEQ_MASK
        if ahead < _SEQ_HALF:
            self.lost += ahead
        elif frame.wall_us <= self._wall_us and not frame.discontinuity:
            return False
        self.gaps += 1
        self._await_keyframe = True
        return True
