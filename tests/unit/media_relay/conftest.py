"""Doubles for the relay's inner parts: a socket that takes what it is told to, a format that writes words."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits
from cambus.simulators.video_loop import LoopStore, VideoSpec


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class ScriptedWire:
    """Takes at most `room` bytes; the rest has to wait until the test makes room."""

    def __init__(self, room: int | None = None) -> None:
        self.room = room
        self.taken = bytearray()
        self.sends: list[bytes | memoryview] = []
        self.closed = False
        self.broken = False
        self._writable: Callable[[], None] | None = None

    def send(self, data: bytes | memoryview) -> int:
        if self.broken:
            raise BrokenPipeError
        if self.room == 0:
            raise BlockingIOError
        count = len(data) if self.room is None else min(self.room, len(data))
        self.sends.append(data)
        self.taken += data[:count]
        if self.room is not None:
            self.room -= count
        return count

    def watch(self, writable: Callable[[], None]) -> None:
        self._writable = writable

    def unwatch(self) -> None:
        self._writable = None

    def close(self) -> None:
        self.closed = True

    @property
    def watched(self) -> bool:
        return self._writable is not None

    def make_room(self, room: int | None) -> None:
        self.room = room
        if self._writable is not None:
            self._writable()


class WordFormat:
    """Writes `V12 `, `K12 ` or `A12 ` for the frame with sequence number 12; counts how often it was asked."""

    def __init__(self, opening: bytes = b"open ") -> None:
        self.packed = 0
        self._opening = opening
        self.follows = True

    def opening(self) -> bytes:
        return self._opening

    def pack(self, frames: Sequence[Frame]) -> bytes:
        self.packed += 1
        return b"".join(self._word(frame) for frame in frames)

    def reopen(self, video: object, audio: object) -> bytes | None:
        return b"again " if self.follows else None

    @staticmethod
    def _word(frame: Frame) -> bytes:
        letter = "A" if frame.kind is Kind.AUDIO else "K" if frame.keyframe else "V"
        return f"{letter}{frame.seq} ".encode()


class ViewerMaker:
    """Makes viewers on scripted wires and remembers why they were closed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reasons: dict[Viewer, Closed] = {}

    def __call__(
        self, wire: ScriptedWire, *, queue_bytes: int = 100, hard_bytes: int = 1000, stall_s: float = 10.0
    ) -> Viewer:
        limits = ViewerLimits(queue_bytes, hard_bytes, stall_s)
        return Viewer(wire, limits, self.reasons.__setitem__, clock=self.clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire() -> type[ScriptedWire]:
    return ScriptedWire


@pytest.fixture
def word_format() -> type[WordFormat]:
    return WordFormat


@pytest.fixture
def make_viewer(clock: Clock) -> ViewerMaker:
    return ViewerMaker(clock)


SMALL = VideoSpec(width=64, height=64, fps=5, bitrate=50_000)


@pytest.fixture(scope="session")
def keyframe() -> Callable[..., bytes]:
    """A real keyframe with its parameter sets, by libx264 or libx265."""

    def make(codec: Codec = Codec.H264, width: int = 64) -> bytes:
        return LoopStore.shared.get(replace(SMALL, codec=codec, width=width)).units[0].data

    return make


@pytest.fixture
def video() -> Callable[..., Frame]:
    """A video frame; a keyframe holds parameter sets only if the test gives them as payload."""

    def make(
        seq: int,
        *,
        key: bool = False,
        dts: int | None = None,
        payload: bytes = b"x" * 10,
        codec: Codec = Codec.H264,
        flags: Flag = Flag.NONE,
    ) -> Frame:
        time = seq * 3600 if dts is None else dts
        flags |= Flag.KEYFRAME if key else Flag.NONE
        return Frame(Kind.VIDEO, codec, flags, seq, time, time, seq, payload)

    return make


@pytest.fixture
def audio() -> Callable[[int], Frame]:
    def make(seq: int) -> Frame:
        return Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, seq, seq * 3600, seq * 3600, seq, b"\xd5" * 320)

    return make


@pytest.fixture
def audio_config() -> Callable[..., Frame]:
    def make(seq: int, *, codec: Codec = Codec.PCMA) -> Frame:
        payload = AudioConfig(codec, 8000, 1).serialize()
        return Frame(Kind.AUDIO_CONFIG, codec, Flag.CONFIG, seq, seq * 3600, seq * 3600, seq, payload)

    return make
