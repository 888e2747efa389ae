"""The moving test picture, drawn with numpy: no fonts, no files.

Every picture shows the channel number, a frame counter, a bar that sweeps across, a bouncing box and a little film
grain. A person sees at once whether a picture is live, which channel it is and whether frames are missing; an encoder
has something to spend its bits on.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

#: 3x5 dot digits, one string per digit, rows from the top.
_DIGITS: Final = {
    "0": "111101101101111",
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
    "5": "111100111001111",
    "6": "111100111101111",
    "7": "111001010010010",
    "8": "111101111101111",
    "9": "111101111001111",
    ":": "000010000010000",
}
_GLYPHS: Final = {
    glyph: np.array([int(dot) for dot in dots], dtype=bool).reshape(5, 3) for glyph, dots in _DIGITS.items()
}
_WHITE: Final = 235
_BLACK: Final = 16
#: Chroma (U, V) of the background, by channel: neighbouring channels are easy to tell apart.
_TINTS: Final = ((128, 128), (150, 110), (110, 150), (100, 110), (150, 150), (128, 96), (96, 128), (140, 128))


class TestPicture:
    """A source of numbered pictures of one channel.

    Args:
        width: luma samples per row; even.
        height: rows; even.
        channel: 1-based number drawn into the picture.
        grain: amplitude of the film grain in luma steps; more of it needs more bits.
        seed: of the grain.
    """

    __test__ = False  # a product class whose name happens to look like a test to pytest

    def __init__(self, width: int, height: int, channel: int, *, grain: int = 5, seed: int = 1) -> None:
        if width % 2 or height % 2 or width < 64 or height < 64:
            raise ValueError(f"picture of {width}x{height}: both must be even and at least 64")
        self.width = width
        self.height = height
        self.channel = channel
        rng = np.random.default_rng(seed)
        ramp = np.linspace(60, 170, width, dtype=np.float32)[None, :] * np.linspace(
            0.7, 1.0, height, dtype=np.float32
        ).reshape(-1, 1)
        self._background = ramp.astype(np.int16)
        self._grain = rng.integers(-grain, grain + 1, (height + 64, width + 64), dtype=np.int16)

    def draw(self, index: int, count: int) -> Plane:
        """Picture ``index`` of a seamless loop of ``count``: planar YUV 4:2:0, ``(height * 3 / 2, width)`` uint8."""
        width, height = self.width, self.height
        shift = index * 29 % 64, index * 17 % 64  # other grain in every picture, no generator in the loop
        luma = self._background + self._grain[shift[0] : shift[0] + height, shift[1] : shift[1] + width]
        phase = index / count
        bar = int(phase * width)
        luma[:, bar : bar + max(4, width // 40)] = 40
        self._draw_box(luma, phase)
        unit = max(2, height // 60)
        draw_text(luma, f"{self.channel}", unit * 4, unit * 4, unit * 3)
        draw_text(luma, f"{index:03d}", unit * 4, height - unit * 14, unit * 2)
        frame = np.empty((height * 3 // 2, width), dtype=np.uint8)
        frame[:height] = luma
        u, v = _TINTS[self.channel % len(_TINTS)]
        quarter = height + height // 4
        frame[height:quarter] = u
        frame[quarter:] = v
        return frame

    def _draw_box(self, luma: NDArray[np.int16], phase: float) -> None:
        """A bright box that goes down and up again once per loop."""
        size = max(16, self.height // 6)
        top = int((self.height - size) * (1 - abs(2 * phase - 1)))
        left = self.width - 2 * size
        luma[top : top + size, left : left + size] = _WHITE


def draw_text(luma: NDArray[np.int16], text: str, left: int, top: int, dot: int) -> None:
    """Draw digits and colons, white on black, every dot ``dot`` samples wide; what does not fit is cut off."""
    columns = [np.pad(_GLYPHS[glyph], ((1, 1), (1, 0))) for glyph in text]
    dots = np.pad(np.concatenate(columns, axis=1), ((0, 0), (0, 1)))
    block = np.where(np.kron(dots, np.ones((dot, dot), dtype=bool)), _WHITE, _BLACK).astype(np.int16)
    area = luma[top : top + block.shape[0], left : left + block.shape[1]]
    area[:] = block[: area.shape[0], : area.shape[1]]
