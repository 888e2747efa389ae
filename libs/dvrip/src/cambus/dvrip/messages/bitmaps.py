"""Titles drawn as bitmaps (DVRIP §8): 1050 for a channel's title, 1054 for several texts at once; no JSON."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cambus.dvrip.errors import MalformedPayload, Refused

#: Width and height in pixels, twelve bytes of nothing.
BITMAP_HEADER: Final = struct.Struct("<HH12x")
_MAX_SIDE: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A picture of one bit per pixel, rows from the top, 8 pixels a byte.

    Attributes:
        width, height: pixels; their product is a multiple of 8.
        pixels: ``width * height / 8`` bytes.
    """

    width: int
    height: int
    pixels: bytes = field(repr=False)

    def serialize(self) -> bytes:
        """The header and the pixels.

        Raises:
            Refused: ``out_of_range``: a side, or the number of bytes, is not what the header can say; a device
                would answer 117.
        """
        if not (0 < self.width <= _MAX_SIDE and 0 < self.height <= _MAX_SIDE):
            raise Refused(
                "out_of_range", f"bitmap of {self.width} x {self.height} pixels, wanted 1 to {_MAX_SIDE}"
            )
        if self.width * self.height % 8 or len(self.pixels) != self.width * self.height // 8:
            raise Refused(
                "out_of_range",
                f"bitmap of {self.width} x {self.height} pixels with {len(self.pixels)} bytes, "
                f"wanted a multiple of 8 pixels and a bit for each",
            )
        return BITMAP_HEADER.pack(self.width, self.height) + self.pixels


def serialize_bitmaps(bitmaps: Iterable[Bitmap]) -> bytes:
    """Bitmaps in a row.

    Raises:
        Refused: there is none, or one is not right.
    """
    data = b"".join(bitmap.serialize() for bitmap in bitmaps)
    if not data:
        raise Refused("out_of_range", "no bitmap at all")
    return data


def parse_bitmaps(data: bytes) -> list[Bitmap]:
    """Read bitmaps in a row.

    Raises:
        MalformedPayload: there is none, or a length does not fit.
    """
    bitmaps, offset = [], 0
    while offset < len(data):
        if len(data) - offset < BITMAP_HEADER.size:
            raise MalformedPayload("the header is cut", offset=offset, context="bitmap")
        width, height = BITMAP_HEADER.unpack_from(data, offset)
        start = offset + BITMAP_HEADER.size
        stop = start + width * height // 8
        if width * height % 8 or stop == start or stop > len(data):
            raise MalformedPayload(
                f"{width} x {height} pixels, {len(data) - start} bytes left", offset=offset, context="bitmap"
            )
        bitmaps.append(Bitmap(width, height, data[start:stop]))
        offset = stop
    if not bitmaps:
        raise MalformedPayload("no bitmap at all", context="bitmap")
    return bitmaps
