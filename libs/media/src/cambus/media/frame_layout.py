"""The header of a bus frame, declared to be read; :mod:`cambus.media.frame` is tested against it.

Use it to look into captured messages: ``MESSAGE.parse(data)``.
"""

from typing import Final

from construct import (
    Const,
    Enum,
    FlagsEnum,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Int64sb,
    Struct,
)

#: 40 bytes, big-endian.
HEADER: Final = Struct(
    "magic" / Const(b"CBUS"),
    "version" / Const(1, Int8ub),
    "kind" / Enum(Int8ub, video=1, audio=2, audio_config=3, data=4),
    "codec"
    / Enum(
        Int8ub,
        h264=1,
        h265=2,
        mpeg4=3,
        mjpeg=4,
        pcma=16,
        pcmu=17,
        g726=18,
        aac=19,
        opus=20,
        flac=21,
        opaque=255,
    ),
    # Bits without a name are reserved: written as 0, ignored when read.
    "flags" / FlagsEnum(Int8ub, keyframe=1, config=2, discontinuity=4, end=8),
    # The parts of one frame have the same header but for this number.
    "part" / Int16ub,
    "parts" / Int16ub,
    # Modulo 2^32, one more for each frame of the subject.
    "seq" / Int32ub,
    # Ticks of 90 kHz.
    "pts" / Int64sb,
    "dts" / Int64sb,
    # Microseconds since 1970 UTC.
    "wall_us" / Int64sb,
)

#: One bus message.
MESSAGE: Final = Struct("header" / HEADER, "payload" / GreedyBytes)
