"""The last seconds of a stream, kept in memory until somebody wants them written; no clock inside."""

from collections import deque
from dataclasses import dataclass, field

from cambus.media.frame import Frame, Kind


@dataclass(slots=True)
class _Group:
    """A group of pictures with its sound: what begins with a keyframe, and what came before the next."""

    start_us: int
    frames: list[Frame] = field(default_factory=list)
    bytes: int = 0


class PreRoll:
    """Keeps whole groups of pictures that together cover the last seconds, and no more bytes than allowed.

    A group that alone is larger is given up, up to the next keyframe.

    Args:
        max_bytes: most that is kept.

    Attributes:
        span_us: how much is kept, in microseconds; what lies behind the group that covers it goes.
    """

    def __init__(self, max_bytes: int) -> None:
        self.span_us = 0
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._sound: Frame | None = None

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return self._bytes

    def push(self, frame: Frame) -> None:
        """Take a frame; what is not part of a group that began here is left out."""
        if frame.kind is Kind.AUDIO_CONFIG:
            self._sound = frame  # it comes before the keyframe whose sound it describes
        if frame.kind is Kind.VIDEO and frame.keyframe:
            self._groups.append(_Group(frame.wall_us))
            if self._sound is not None:
                self._add(self._sound)
            self._forget(frame.wall_us - self.span_us)
        if self._groups:
            self._add(frame)
        while self._bytes > self._max_bytes:
            self._drop()

    def note_sound(self, frame: Frame) -> None:
        """Know what the sound is, though the frame was written and is not to be kept."""
        if frame.kind is Kind.AUDIO_CONFIG:
            self._sound = frame

    def drain(self, from_us: int) -> list[Frame]:
        """Give out what there is from the group on that was on at an instant, and keep nothing."""
        self._forget(from_us)
        frames = [frame for group in self._groups for frame in group.frames]
        self.clear()
        return frames

    def clear(self) -> None:
        """Forget everything but what the sound is."""
        self._groups.clear()
        self._bytes = 0

    def _add(self, frame: Frame) -> None:
        self._groups[-1].frames.append(frame)
        self._groups[-1].bytes += len(frame.payload)
        self._bytes += len(frame.payload)

    def _forget(self, before_us: int) -> None:
        """Drop groups that were over at an instant: those whose successor had begun."""
        while len(self._groups) > 1 and self._groups[1].start_us <= before_us:
            self._drop()

    def _drop(self) -> None:
        self._bytes -= self._groups.popleft().bytes
