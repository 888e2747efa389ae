"""Whether a stream is wanted at an instant, and why: its policy, alarms, and who asked by hand. No clock inside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cambus.recorder.alarm_board import AlarmBoard, SeenAlarm
from cambus.recorder.layout import StreamKey
from cambus.recorder.policies import StreamPolicy
from cambus.schemas.spans import RecordingTrigger

SECOND_US = 1_000_000
FOREVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Want:
    """What is wanted of a stream.

    Attributes:
        trigger: why; None if nothing is.
        from_us: from when on there should be pictures, which may be before the reason came up.
        since_us: since when there is a reason, where it came up with an alarm or an order: what is missing from then
            on is a gap.
    """

    trigger: RecordingTrigger | None
    from_us: int = 0
    since_us: int = 0


NOTHING = Want(None)


@dataclass(frozen=True, slots=True)
class Window:
    """One reason for a while."""

    trigger: RecordingTrigger
    from_us: int
    since_us: int
    until_us: int


class Demand:
    """What is wanted of one stream.

    Args:
        key: the stream.
        board: knows the alarms.
        policy: what the policies say at present.
    """

    def __init__(self, key: StreamKey, board: AlarmBoard, policy: StreamPolicy) -> None:
        self._key = key
        self._board = board
        self._policy = policy
        self._kept: tuple[Want, int, int, int] = (NOTHING, 0, 0, -1)

    @property
    def policy(self) -> StreamPolicy:
        """What the policies say at present."""
        return self._policy

    @policy.setter
    def policy(self, policy: StreamPolicy) -> None:
        self._policy = policy
        self._kept = (NOTHING, 0, 0, -1)

    @property
    def pre_roll_us(self) -> int:
        """How much of the stream is to be kept from before it is wanted, in microseconds."""
        return int(max((wish.recording.pre_roll_s for wish in self._policy.alarms), default=0) * SECOND_US)

    def follows(self, now_us: int) -> bool:
        """Whether the stream has to come at an instant: it is wanted, or kept for what came before an alarm."""
        policy = self._policy
        return policy.standing is not None or self.pre_roll_us > 0 or self.at(now_us).trigger is not None

    def at(self, now_us: int) -> Want:
        """What is wanted at an instant."""
        want, since_us, until_us, version = self._kept
        if version == self._board.version and since_us <= now_us < until_us:
            return want
        if self._policy.standing is not None:
            want, until_us = Want(self._policy.standing, now_us), now_us + 1
        else:
            windows = list(self.windows())
            current = [each for each in windows if each.from_us <= now_us < each.until_us]
            edges = [edge for each in windows for edge in (each.from_us, each.until_us) if edge > now_us]
            want, until_us = _joined(current), min(edges, default=FOREVER_US)
        self._kept = (want, now_us, until_us, self._board.version)
        return want

    def windows(self) -> Iterator[Window]:
        """The alarms and orders that are known, as spans of time; some are over, some overlap."""
        for alarm in self._board.of(self._key.device):
            yield from _around(alarm, self._policy, self._key)
        for order in self._policy.orders:
            from_us = order.since_us - order.pre_roll_us
            yield Window(RecordingTrigger.MANUAL, from_us, order.since_us, order.until_us)


def _around(alarm: SeenAlarm, policy: StreamPolicy, key: StreamKey) -> Iterator[Window]:
    """The spans an alarm has recorded, one for each policy that it fits."""
    for wish in policy.alarms:
        here = wish.whole_device if alarm.channel is None else alarm.channel == key.channel
        if here and wish.recording.covers(alarm.type, alarm.severity):
            over_us = alarm.raised_us + int(wish.recording.max_s * SECOND_US)
            if alarm.cleared_us is not None:
                over_us = min(over_us, alarm.cleared_us)
            yield Window(
                RecordingTrigger.ALARM,
                alarm.raised_us - int(wish.recording.pre_roll_s * SECOND_US),
                alarm.raised_us,
                over_us + int(wish.recording.post_roll_s * SECOND_US),
            )


def _joined(windows: Iterable[Window]) -> Want:
    each = list(windows)
    if not each:
        return NOTHING
    alarm = any(window.trigger is RecordingTrigger.ALARM for window in each)
    return Want(
        RecordingTrigger.ALARM if alarm else RecordingTrigger.MANUAL,
        min(window.from_us for window in each),
        min(window.since_us for window in each),
    )
