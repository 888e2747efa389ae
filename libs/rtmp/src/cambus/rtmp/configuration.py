"""What a decoder has to know before the first picture, as publishers send it (ISO/IEC 14496-15 §5.3.3, §8.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cambus.media.frame import Codec
from cambus.media.nal import join_annexb

MAX_SETS: Final = 32
MAX_SET_BYTES: Final = 4096
_AVCC_HEAD: Final = 6
_HVCC_HEAD: Final = 23


@dataclass(frozen=True, slots=True)
class VideoConfiguration:
    """The configuration of pictures.

    Attributes:
        codec: H264 or H265.
        sets: parameter sets as Annex-B.
        length_bytes: of the length before each NAL unit.
    """

    codec: Codec
    sets: bytes
    length_bytes: int


def read_avcc(record: bytes) -> VideoConfiguration | None:
    """Read an AVCDecoderConfigurationRecord; None for what is none."""
    if len(record) < _AVCC_HEAD + 1 or record[0] != 1:
        return None
    cursor = _Cursor(record, 5)
    units = cursor.units(cursor.number(1) & 0x1F)
    units += cursor.units(cursor.number(1))
    return _configuration(Codec.H264, units, record[4], failed=cursor.failed)


def read_hvcc(record: bytes) -> VideoConfiguration | None:
    """Read an HEVCDecoderConfigurationRecord; None for what is none."""
    if len(record) < _HVCC_HEAD or record[0] > 1:
        return None
    cursor, units = _Cursor(record, _HVCC_HEAD - 1), list[bytes]()
    for _ in range(min(cursor.number(1), MAX_SETS)):
        kind = cursor.number(1) & 0x3F
        found = cursor.units(cursor.number(2))
        units += found if kind in {32, 33, 34} else []
    return _configuration(Codec.H265, units, record[21], failed=cursor.failed)


def _configuration(
    codec: Codec, units: list[bytes], lengths: int, *, failed: bool
) -> VideoConfiguration | None:
    width = (lengths & 3) + 1
    if failed or not units or len(units) > MAX_SETS or width == 3:
        return None
    return VideoConfiguration(codec, join_annexb(*units), width)


class _Cursor:
    """Reads a record; what is cut short shows in `failed`."""

    def __init__(self, data: bytes, at: int) -> None:
        self.failed = False
        self._data = data
        self._at = at

    def number(self, width: int) -> int:
        """An unsigned number, 0 behind the end."""
        return int.from_bytes(self._take(width), "big")

    def units(self, count: int) -> list[bytes]:
        """So many NAL units, each with its size before it."""
        found = []
        for _ in range(min(count, MAX_SETS + 1)):
            size = self.number(2)
            if self.failed or not 0 < size <= MAX_SET_BYTES:
                self.failed = True
                break
            found.append(self._take(size))
        return found

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self.failed = self.failed or len(piece) < size
        self._at += size
        return piece
