"""The current group of pictures: what lets a new viewer see something at once."""

from collections.abc import Sequence

from cambus.media.frame import Frame, Kind


class GopCache:
    """The frames from the last keyframe on, bounded by bytes.

    A group of pictures that grows past the bound is given up whole: half of one decodes to nothing, so
    the cache stays empty until the next keyframe and a viewer who joins then waits for it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._frames: list[Frame] = []
        self._size = 0
        self.overflows = 0

    @property
    def frames(self) -> Sequence[Frame]:
        """The cached frames, a video keyframe first; empty when there is no whole group."""
        return self._frames

    @property
    def size_bytes(self) -> int:
        """Payload bytes held."""
        return self._size

    def push(self, frame: Frame) -> None:
        """Add a video or audio frame; a keyframe starts a new group."""
        if frame.kind is Kind.VIDEO and frame.keyframe:
            self._frames = [frame]
            self._size = len(frame.payload)
        elif self._frames:
            self._frames.append(frame)
            self._size += len(frame.payload)
        if self._size > self._max_bytes:
            self.overflows += 1
            self.clear()

    def clear(self) -> None:
        """Forget the group, for example because the stream broke off."""
        self._frames = []
        self._size = 0
