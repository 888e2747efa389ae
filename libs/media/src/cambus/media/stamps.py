"""When units of a media session are shown: live, played, or fetched (`docs/design/time.md`).

The session has made each track's times rise already, whatever the device writes; here they are put on the time line of
a media subject, or of a file.
"""

from typing import Final, NamedTuple, Protocol

from cambus.media.decoding_order import DecodingOrder
from cambus.media.mpegps import StreamUnit

TICKS: Final = 90_000
BEHIND: Final = 10 * TICKS
"""A device whose time stays so far behind ours does not count seconds: its time is set."""
WINDOW: Final = 10 * TICKS
"""How long the earliest arrival is looked for before time is set a little."""
STEADY: Final = TICKS // 10
"""Time that is no further from that of arrival than this is left alone."""
SLEW: Final = TICKS // 200
"""So much it is set at a time: what the clocks of cameras are off by, and more."""
FRAME: Final = TICKS // 25
"""What is put between two pictures nobody knows the distance of."""
SLACK: Final = TICKS // 5
"""Sound further off the picture than this is set back to it."""


class Order(NamedTuple):
    """What is known of the order of pictures.

    Attributes:
        depth: how many pictures may be shown before one that are decoded after it.
        step: about how far pictures are apart, in ticks.
    """

    depth: int = 0
    step: int = FRAME


IN_ORDER: Final = Order()


class Stamps(Protocol):
    """Gives units their times, in ticks of 90 kHz; those of decoding rise, and so do those of sound."""

    def video(
        self, unit: StreamUnit, arrival_us: int, *, keyframe: bool, order: Order = IN_ORDER
    ) -> tuple[int, int]:
        """When a picture is shown, and when it is decoded."""

    def audio(self, unit: StreamUnit, arrival_us: int, *, samples: int, rate: int) -> int:
        """The time of a piece of sound; `samples` is 0 where nobody knows how many it has."""


class LiveStamps:
    """The device's own time, from when its first unit arrived; a stream that is opened anew goes on after it.

    Clocks of devices drift: over the days time follows that of arrival, by the pictures that came the least late.

    Attributes:
        jumped: whether the time of the last picture does not continue that of the one before.
    """

    def __init__(self) -> None:
        self.jumped = False
        self._offset: int | None = None
        self._video = self._audio = -(1 << 62)
        self._least_late: int | None = None
        self._window_ends = 0
        self._order = DecodingOrder()

    def video(
        self, unit: StreamUnit, arrival_us: int, *, keyframe: bool, order: Order = IN_ORDER
    ) -> tuple[int, int]:
        """When a picture is shown, and when it is decoded."""
        arrival = _ticks(arrival_us)
        pts = self._place(unit, arrival)
        self.jumped = keyframe and arrival - pts > BEHIND
        if self.jumped:
            self._offset = self._least_late = None
            self._order.clear()
            pts = self._place(unit, arrival)
        dts = self._decoded(unit, pts, order)
        self._follow(arrival, arrival - pts)
        self._video = max(dts, self._video + 1)
        return max(pts, self._video), self._video

    def audio(self, unit: StreamUnit, arrival_us: int, *, samples: int, rate: int) -> int:
        """The time of a piece of sound."""
        del samples, rate
        self._audio = max(self._place(unit, _ticks(arrival_us)), self._audio + 1)
        return self._audio

    def _place(self, unit: StreamUnit, arrival: int) -> int:
        if unit.pts is None:
            return arrival
        if self._offset is None:
            self._offset = arrival - unit.pts
        return unit.pts + self._offset

    def _decoded(self, unit: StreamUnit, pts: int, order: Order) -> int:
        """When a picture is decoded that is shown at `pts`; the same where nothing is reordered."""
        if unit.dts is not None and unit.pts is not None:
            return pts - max(unit.pts - unit.dts, 0)
        return (
            self._order.place(pts, order.depth, order.step) if order.depth and unit.pts is not None else pts
        )

    def _follow(self, arrival: int, late: int) -> None:
        """Once in a while, set what pictures and sound are offset by towards arrival, which is never early."""
        if self._least_late is None:
            self._least_late, self._window_ends = late, arrival + WINDOW
            return
        self._least_late = min(self._least_late, late)
        if arrival < self._window_ends or self._offset is None:
            return
        off = self._least_late
        self._least_late = None
        if abs(off) > STEADY:
            step = max(SLEW, abs(off) // 20)
            self._offset += step if off > 0 else -step


class PlaybackStamps:
    """The device's time as long as it plays at real speed, else that of arrival.

    Devices that play faster often do not say so in their times (§8.4).

    Args:
        speed: what it plays at.

    Attributes:
        speed: see above.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._offset: int | None = None
        self._zero: int | None = None
        self._video = self._audio = -1

    def jump(self) -> None:
        """What comes next follows at once, whatever its time."""
        self._offset = self._zero = None

    def video(
        self, unit: StreamUnit, arrival_us: int, *, keyframe: bool, order: Order = IN_ORDER
    ) -> tuple[int, int]:
        """The time of a picture, which counts as decoded when it is shown."""
        del keyframe, order
        self._video = max(self._place(unit, arrival_us), self._video + 1)
        return self._video, self._video

    def audio(self, unit: StreamUnit, arrival_us: int, *, samples: int, rate: int) -> int:
        """The time of a piece of sound."""
        del samples, rate
        self._audio = max(self._place(unit, arrival_us), self._audio + 1)
        return self._audio

    def _place(self, unit: StreamUnit, arrival_us: int) -> int:
        following = self._video + FRAME if self._video >= 0 else 0
        if self.speed == 1 and unit.pts is not None:
            self._zero = None
            if self._offset is None:
                self._offset = following - unit.pts
            return unit.pts + self._offset
        self._offset = None
        arrival = _ticks(arrival_us)
        if self._zero is None:
            self._zero = arrival - following
        return arrival - self._zero


class FileStamps:
    """Times that depend on what a recording holds, not on when it came: the same recording gives the same bytes."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._video = -1
        self._sound: int | None = None
        self._audio = -1

    def video(
        self, unit: StreamUnit, arrival_us: int, *, keyframe: bool, order: Order = IN_ORDER
    ) -> tuple[int, int]:
        """The time of a picture, from that of the first; it counts as decoded when it is shown."""
        del arrival_us, order
        pts = self._video + FRAME
        if unit.pts is not None:
            if self._first is None:
                self._first = unit.pts
            pts = unit.pts - self._first
        self._video = max(pts, self._video + 1)
        if keyframe and self._sound is not None and abs(self._sound - self._video) > SLACK:
            self._sound = None
        return self._video, self._video

    def audio(self, unit: StreamUnit, arrival_us: int, *, samples: int, rate: int) -> int:
        """The time of a piece of sound: samples are counted."""
        del unit, arrival_us
        at = max(self._video, 0) if self._sound is None or not samples else self._sound
        self._sound = at + samples * TICKS // max(rate, 1)
        self._audio = max(at, self._audio + 1)
        return self._audio


def _ticks(time_us: int) -> int:
    return time_us * 9 // 100
