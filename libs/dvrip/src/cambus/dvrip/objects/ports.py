"""Serial ports, and presets and tours kept beside them (DVRIP §8): `Uart.*`."""

from dataclasses import dataclass

from cambus.dvrip.objects.fields import SerialLine
from cambus.dvrip.objects.model import ConfigObject, inners, line, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPort(ConfigObject):
    """`Uart.Comm`: what a port is used for (Console, NONE, Transparent …)."""

    protocol: str | None = text("ProtocolName")
    port: int | None = number("PortNo", 0)
    line: SerialLine | None = line("Attribute")


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzPort(ConfigObject):
    """`Uart.PTZ`, `Uart.RS485`: how the camera of a channel is moved (PELCOD …)."""

    line: SerialLine | None = line("Attribute")
    device: int | None = number("DeviceNo", 0, 255)
    matrix: int | None = number("NumberInMatrixs", 0, 99)
    port: int | None = number("PortNo", 1, 4)
    protocol: str | None = text("ProtocolName")


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzPreset(ConfigObject):
    """`Uart.PTZPreset`: presets of a channel and their names."""

    id: int | None = number("Id", 0, 255)
    name: str | None = text("Name")
    window: int | None = number("Window")
    focus: int | None = number("Focus")


@dataclass(frozen=True, slots=True, kw_only=True)
class TourPoint(ConfigObject):
    """A preset on a tour, and how long the camera stays."""

    id: int | None = number("Id", 0, 255)
    name: str | None = text("Name")
    dwell_s: int | None = number("Time", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzTour(ConfigObject):
    """`Uart.PTZTour`: tours of a channel."""

    id: int | None = number("Id", 0)
    name: str | None = text("Name")
    points: tuple[TourPoint, ...] | None = inners("Tour", TourPoint)
