"""Sound on its way to a loudspeaker, between a bus that delivers in bursts and a device that wants an even flow.

No clock and no I/O: time is a value that comes in.
"""

from typing import Final

PIECE_S: Final = 0.04
"""What is handed out at a time."""

HOLD_S: Final = 0.08
"""How long sound is collected before the first of it is handed out, and how long a rest waits for more."""

MOST_S: Final = 1.0
"""What is kept at most; a talker whom nobody hears in time is cut, not heard ever later."""


class JitterBuffer:
    """A bounded buffer of coded sound of one byte a sample.

    Args:
        sample_rate: samples, and so bytes, a second.

    Attributes:
        overflows: how often the oldest sound was left out because more came than can sound.
    """

    def __init__(self, sample_rate: int) -> None:
        self.overflows = 0
        self.piece_bytes = round(sample_rate * PIECE_S)
        self._hold_bytes = round(sample_rate * HOLD_S)
        self._most_bytes = round(sample_rate * MOST_S)
        self._sound = bytearray()
        self._flowing = False
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._sound)

    def push(self, sound: bytes, now: float) -> None:
        """Take sound; beyond the bound the oldest goes."""
        if not self._sound:
            self._flowing = self._flowing and now < self._since + HOLD_S
            self._since = now
        self._sound += sound
        if len(self._sound) > self._most_bytes:
            self.overflows += 1
            del self._sound[: -self._most_bytes]

    def take(self, now: float, *, last: bool = False) -> bytes:
        """Hand out what is due: a piece, less if there was no more for a while, nothing if it is too early.

        Args:
            now: the time, seconds.
            last: no more is to come, so there is nothing to wait for.
        """
        late = last or now >= self._since + HOLD_S
        enough = self.piece_bytes if self._flowing or late else self._hold_bytes
        if len(self._sound) < enough and not late:
            return b""
        piece = bytes(self._sound[: self.piece_bytes])
        del self._sound[: self.piece_bytes]
        self._flowing = len(piece) == self.piece_bytes
        self._since = now
        return piece

    def due_at(self) -> float | None:
        """When `take` is worth asking if nothing comes in between; None: not before something comes."""
        return self._since + HOLD_S if self._sound else None
