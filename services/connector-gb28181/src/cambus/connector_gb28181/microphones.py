"""The sound of live streams, for those who talk through a device and want an answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cambus.media.frame import Frame, Kind

Take = Callable[[Frame], None]


class Microphones:
    """Hands the sound of a channel's live streams to those who listen to it."""

    def __init__(self) -> None:
        self._listening: dict[int, list[Take]] = {}

    @contextmanager
    def tapped(self, channel: int, take: Take) -> Iterator[None]:
        """Have the sound of a channel handed over within a block."""
        self._listening.setdefault(channel, []).append(take)
        try:
            yield
        finally:
            self._listening[channel].remove(take)
            if not self._listening[channel]:
                del self._listening[channel]

    def offer(self, channel: int, frame: Frame) -> None:
        """A frame has come; pictures are nobody's business here."""
        if self._listening and frame.kind in {Kind.AUDIO, Kind.AUDIO_CONFIG}:
            for take in self._listening.get(channel, ()):
                take(frame)
