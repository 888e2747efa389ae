"""Pictures that are decoded in another order than they are shown in: when each is decoded (H.264 §C.4, H.265 §C.5.2).

RTP and MPEG streams of cameras say when a picture is shown, and send it when it is decoded. A picture may be shown
later than at most `depth` pictures that follow it, so the n-th is decoded no later than the (n - depth)-th is shown.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

MOST: Final = 16
"""No decoder keeps more pictures (H.264 §A.3.1, H.265 §A.4.2)."""


class DecodingOrder:
    """Gives each picture a time of decoding: rising, and never after the time it is shown at.

    Nothing is held back: the times of decoding lie so many pictures before those of showing.
    """

    def __init__(self) -> None:
        self._shown: list[int] = []

    def place(self, pts: int, depth: int, step: int) -> int:
        """When a picture is decoded.

        Args:
            pts: when it is shown.
            depth: how many pictures may be shown before it that are decoded after it.
            step: about how far pictures are apart; what the first ones are placed by.
        """
        insort(self._shown, pts)
        depth = min(depth, MOST)
        missing = depth + 1 - len(self._shown)
        if missing > 0:
            return self._shown[0] - missing * step
        while len(self._shown) > depth + 1:
            del self._shown[0]
        return self._shown.pop(0)

    def clear(self) -> None:
        """What comes next does not continue what came before."""
        self._shown.clear()
