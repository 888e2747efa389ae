"""What the device records and where (DVRIP §8): `Record`, `Storage.*`."""

from dataclasses import dataclass

from cambus.dvrip.objects.model import ConfigObject, choice, flag, number, week, week_of_bits
from cambus.dvrip.values import Mask, TimeSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(ConfigObject):
    """Recording of one channel; each range of the schedule has a mask of what is recorded in it.

    Bits of the masks: 0 regular, 1 alarm, 2 motion, 3 card, 4 manual; unknown bits are kept.
    """

    pre_record_s: int | None = number("PreRecord", 0, 30)
    packet_minutes: int | None = number("PacketLength", 1, 120)
    mode: str | None = choice("RecordMode", "ConfigRecord", "ManualRecord", "ClosedRecord")
    redundancy: bool | None = flag("Redundancy")
    schedule: tuple[tuple[TimeSection, ...], ...] | None = week("TimeSection")
    masks: tuple[tuple[Mask, ...], ...] | None = week_of_bits("Mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(ConfigObject):
    """`Storage.Snapshot`: pictures of one channel, as `Record`."""

    pre_snap: int | None = number("PreSnap", 0, 10)
    mode: str | None = choice("SnapMode", "ConfigSnap", "ManualSnap", "ClosedSnap")
    redundancy: bool | None = flag("Redundancy")
    schedule: tuple[tuple[TimeSection, ...], ...] | None = week("TimeSection")
    masks: tuple[tuple[Mask, ...], ...] | None = week_of_bits("Mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePosition(ConfigObject):
    """`Storage.StoragePosition`: media that are used."""

    sata: bool | None = flag("SATA")
    usb: bool | None = flag("USB")
    sd: bool | None = flag("SD")
    dvd: bool | None = flag("DVD")
