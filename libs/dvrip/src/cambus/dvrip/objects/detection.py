"""Detection in the picture (DVRIP §8): `Detect.*`, one object per channel."""

from dataclasses import dataclass
from typing import Final

from cambus.dvrip.objects.event_handler import EventHandler
from cambus.dvrip.objects.fields import Bits
from cambus.dvrip.objects.model import ConfigObject, flag, inner, inners, items, number
from cambus.dvrip.values import Mask

#: Coordinates of people and lines are of a picture this large.
EXTENT: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionDetect(ConfigObject):
    """Motion; ``region`` has one mask per row of the grid, one bit per column (ability MotionArea)."""

    enable: bool | None = flag("Enable")
    level: int | None = number("Level", 1, 6)
    region: tuple[Mask, ...] | None = items("Region", Bits())
    handler: EventHandler | None = inner("EventHandler", EventHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindDetect(ConfigObject):
    """A covered or turned away camera."""

    enable: bool | None = flag("Enable")
    level: int | None = number("Level", 1, 6)
    handler: EventHandler | None = inner("EventHandler", EventHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossDetect(ConfigObject):
    """No picture."""

    enable: bool | None = flag("Enable")
    handler: EventHandler | None = inner("EventHandler", EventHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePoints(ConfigObject):
    """Where a line begins and ends."""

    start_x: int | None = number("StartX", 0, EXTENT)
    start_y: int | None = number("StartY", 0, EXTENT)
    stop_x: int | None = number("StopX", 0, EXTENT)
    stop_y: int | None = number("StopY", 0, EXTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine(ConfigObject):
    """A line that is crossed: forwards, backwards, or either way."""

    direction: int | None = number("AlarmDirect", 0, 2)
    points: LinePoints | None = inner("Pts", LinePoints)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRegion(ConfigObject):
    """A region that is entered, left, or either."""

    direction: int | None = number("AlarmDirect", 0, 2)
    point_count: int | None = number("PtsNum", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRule(ConfigObject):
    """A line or a region."""

    enable: bool | None = flag("Enable")
    rule_type: int | None = number("RuleType", 0)
    line: RuleLine | None = inner("RuleLine", RuleLine)
    region: RuleRegion | None = inner("RuleRegion", RuleRegion)


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanDetection(ConfigObject):
    """People; ``object_type`` 0 is a person, 1 anything."""

    enable: bool | None = flag("Enable")
    object_type: int | None = number("ObjectType", 0, 1)
    sensitivity: int | None = number("Sensitivity", 0)
    show_rule: bool | None = flag("ShowRule", numbers=True)
    show_track: bool | None = flag("ShowTrack", numbers=True)
    rules: tuple[PersonRule, ...] | None = inners("PedRule", PersonRule)
