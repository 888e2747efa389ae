"""One stream in one output form: each access unit is serialised once and the same buffer sent to everyone."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.audience import Audience
from cambus.media_relay.viewer import Closed, Viewer


class Format(Protocol):
    """Turns the frames of one stream into the bytes of one output, in order; keeps what state that needs."""

    def opening(self) -> bytes:
        """What a viewer is sent before the first access unit."""

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """Serialise frames into the one buffer of one delivery; empty when this output leaves them out.

        Some audio packets, then at most one access unit.
        """

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """Follow a change of resolution, codec or audio: what to send to viewers; None when they must come again."""


@runtime_checkable
class Parting(Protocol):
    """A format that says in its own words that the stream is over; for others their framing does."""

    def parting(self) -> bytes:
        """What viewers are sent last."""


@runtime_checkable
class Cutting(Protocol):
    """A format that cuts the stream where keyframes are."""

    keyframe_due: bool
    """Whether it needs one that will not come in time by itself."""


class Rendition:
    """The viewers of one output of one stream.

    Audio waits for the next access unit or for `flush`, so that it rides in the same system call. The
    serialised form of the current group of pictures is kept, so that a new viewer costs no serialising.

    Attributes:
        transcoded: the codec its sound is transcoded to; None if it takes the stream's own, or none.
    """

    def __init__(
        self, name: str, form: Format, group: Iterable[Frame] = (), *, transcoded: Codec | None = None
    ) -> None:
        self.name = name
        self.form = form
        self.transcoded = transcoded
        self._cutting = form if isinstance(form, Cutting) else None
        self._audience = Audience()
        self._group: list[bytes] = []
        self._group_bytes = 0
        self._audio: list[Frame] = []
        for frame in group:
            self.push(frame)

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """Who is watching, in order of arrival."""
        return self._audience.order

    @property
    def group_bytes(self) -> int:
        """Serialised bytes kept of the current group of pictures."""
        return self._group_bytes

    @property
    def keyframe_due(self) -> bool:
        """Whether it needs a keyframe that will not come in time by itself."""
        return self._cutting is not None and self._cutting.keyframe_due

    @property
    def audio_waiting(self) -> bool:
        """Whether `flush` has something to send."""
        return bool(self._audio)

    def join(self, viewer: Viewer, *, opening: bytes | None = None) -> None:
        """Add a viewer: it is sent the opening and the cached group at once, then everything that follows."""
        viewer.begin(self.form.opening() if opening is None else opening, self._group)
        if viewer.closed is None:
            self._audience.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer, if it is here."""
        self._audience.remove(viewer)

    def push(self, frame: Frame) -> None:
        """Serialise one frame and deliver it to every viewer."""
        if frame.kind is Kind.AUDIO:
            self._audio.append(frame)
            return
        if frame.keyframe:
            self.flush()
            self.forget_group()
        frames = (*self._audio, frame)
        self._audio.clear()
        self._deliver(frames, keyframe=frame.keyframe)

    def flush(self) -> None:
        """Deliver the audio that waits for an access unit."""
        if self._audio:
            frames = tuple(self._audio)
            self._audio.clear()
            self._deliver(frames, keyframe=False)

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> None:
        """Tell the viewers that the stream changed its form; those who cannot follow are closed."""
        self._audio.clear()
        self.forget_group()
        data = self.form.reopen(video, audio)
        if data is None:
            self.close(Closed.FORMAT_CHANGED)
            return
        for viewer in self._audience.order:
            viewer.restart()
            if data:
                viewer.write(data)

    def forget_group(self) -> None:
        """Drop the serialised group of pictures: a new one begins or this one is unusable."""
        self._group = []
        self._group_bytes = 0

    def check(self) -> None:
        """Close the viewers whose peers have stalled."""
        self._audience.check()

    def close(self, reason: Closed) -> None:
        """Close every viewer."""
        for viewer in self._audience.order:
            viewer.close(reason)

    def _deliver(self, frames: Sequence[Frame], *, keyframe: bool) -> None:
        data = self.form.pack(frames)
        if not data:
            return
        if keyframe or self._group:
            self._group.append(data)
            self._group_bytes += len(data)
        self._audience.deliver(data, keyframe)
