"""What is set up in a PTZ head: presets, cruises, home, position (A.2.4.7, A.2.4.10 on; A.2.6.8 on)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.control import HomePosition
from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import FLOAT, INT, Body, Part, leaf, listing, part


@dataclass(frozen=True, slots=True)
class PresetQuery(Body):
    """Which presets are there?"""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "PresetQuery"


@dataclass(frozen=True, slots=True)
class Preset(Part):
    """One preset; some devices write its number as text."""

    number: str | None = leaf("PresetID")
    name: str | None = leaf("PresetName")


@dataclass(frozen=True, slots=True)
class PresetList(Body):
    """The presets; 2016 has no SumNum."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "PresetQuery"

    announced: int | None = leaf("SumNum", INT)
    presets: tuple[Preset, ...] = listing("PresetList", Preset)


@dataclass(frozen=True, slots=True)
class HomePositionQuery(Body):
    """Where is home? 2022."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "HomePositionQuery"
    NEW_IN_2022: ClassVar = True


@dataclass(frozen=True, slots=True)
class HomePositionAnswer(Body):
    """Home."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "HomePositionQuery"

    home: HomePosition | None = part("HomePosition", HomePosition)


@dataclass(frozen=True, slots=True)
class CruiseListQuery(Body):
    """Which cruises are there? 2022."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "CruiseTrackListQuery"
    NEW_IN_2022: ClassVar = True


@dataclass(frozen=True, slots=True)
class Cruise(Part):
    """One cruise."""

    number: int | None = leaf("Number", INT)
    name: str | None = leaf("Name")


@dataclass(frozen=True, slots=True)
class CruiseList(Body):
    """The cruises."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "CruiseTrackListQuery"

    announced: int | None = leaf("SumNum", INT)
    cruises: tuple[Cruise, ...] = listing("CruiseTrackList", Cruise, "CruiseTrack")


@dataclass(frozen=True, slots=True)
class CruiseQuery(Body):
    """What is in a cruise? They count from 0; 2022."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "CruiseTrackQuery"
    NEW_IN_2022: ClassVar = True

    number: int | None = leaf("Number", INT)


@dataclass(frozen=True, slots=True)
class CruisePoint(Part):
    """One stop: the preset, seconds, and a speed of 1 to 15."""

    preset: int | None = leaf("PresetIndex", INT)
    stay_s: int | None = leaf("StayTime", INT)
    speed: int | None = leaf("Speed", INT)


@dataclass(frozen=True, slots=True)
class CruiseAnswer(Body):
    """A cruise."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "CruiseTrackQuery"

    number: int | None = leaf("Number", INT)
    name: str | None = leaf("Name")
    announced: int | None = leaf("SumNum", INT)
    points: tuple[CruisePoint, ...] = listing("CruisePointList", CruisePoint, "CruisePoint")


@dataclass(frozen=True, slots=True)
class PtzPositionQuery(Body):
    """Where does the head point? Also the body of a subscription; 2022."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "PTZPosition"
    NEW_IN_2022: ClassVar = True


@dataclass(frozen=True, slots=True)
class PtzPosition(Body):
    """Where the head points: degrees, the zoom factor, and metres."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "PTZPosition"

    pan: float | None = leaf("Pan", FLOAT)
    tilt: float | None = leaf("Tilt", FLOAT)
    zoom: float | None = leaf("Zoom", FLOAT)
    horizontal_angle: float | None = leaf("HorizontalFieldAngle", FLOAT)
    vertical_angle: float | None = leaf("VerticalFieldAngle", FLOAT)
    view_m: float | None = leaf("MaxViewDistance", FLOAT)


@dataclass(frozen=True, slots=True)
class PtzPositionNotice(PtzPosition):
    """The same, told to a subscriber."""

    ROOT: ClassVar = Root.NOTIFY
