"""Values inside JSON bodies (DVRIP §2.4): session ids, hex numbers, masks, addresses, times, schedules.

Readers accept every spelling fielded devices use; a value that is written back keeps the shape the device
gave it.
"""

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload

_HEX: Final = re.compile(r"(0[xX])?([0-9a-fA-F]{1,64})\Z")
_TIME: Final = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T]+(\d{1,2}):(\d{1,2}):(\d{1,2})\s*\Z")
_SECTION: Final = re.compile(
    r"\s*(\d+)\s+(\d{1,2}):(\d{1,2}):(\d{1,2})\s*-\s*(\d{1,2}):(\d{1,2}):(\d{1,2})\s*\Z"
)
_DAY_S: Final = 24 * 3600
#: Numbers beyond this mean nothing, and not every encoding can carry them on.
MAX_NUMBER: Final = 2**53
_MASK_BITS: Final = 256

#: "No time" on the wire.
NO_TIME: Final = "0000-00-00 00:00:00"
#: The device epoch as some devices write it.
EPOCH_TEXT: Final = "2000-00-00 00:00:00"
EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - device local time has no zone


def parse_session_id(value: object) -> int | None:
    """A SessionID in any spelling (``0x57``, ``0X00000057``, ``00000001``, ``1``, a number), or None.

    Digits are always hexadecimal, with or without ``0x``.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = value
    elif isinstance(value, str) and (match := _HEX.match(value.strip())):
        number = int(match[2], 16)
    else:
        return None
    return number if 0 <= number <= 0xFFFFFFFF else None


def format_session_id(session_id: int) -> str:
    """A SessionID as Cambus writes it: ``0x%08X``."""
    return f"0x{session_id:08X}"


@dataclass(frozen=True, slots=True)
class Mask:
    """A bit mask or hex number with the shape it had on the wire.

    Attributes:
        value: the number, any width.
        digits: how many hex digits it was written with; None for a plain JSON number.
        upper: whether hex letters were upper case.
    """

    value: int
    digits: int | None = 8
    upper: bool = True

    @classmethod
    def parse(cls, value: object) -> "Mask":
        """Read a mask given as a number or as ``"0x..."`` of 1 to 64 digits.

        Raises:
            MalformedPayload: neither.
        """
        if isinstance(value, bool):
            return cls(int(value), None)
        if isinstance(value, int) and value.bit_length() <= _MASK_BITS:
            # Devices print masks with bit 31 set as signed.
            return cls(value if value >= 0 else value & 0xFFFFFFFF, None)
        if isinstance(value, str) and (match := _HEX.match(value.strip())):
            return cls(int(match[2], 16), len(match[2]), upper=match[2] == match[2].upper())
        raise MalformedPayload(f"want a number or hex string, got {str(value)[:20]!r}", context="mask")

    def wire(self) -> str | int:
        """The value in its shape, ready for JSON."""
        if self.digits is None:
            return self.value
        digits = f"{self.value:0{self.digits}X}"
        return "0x" + (digits if self.upper else digits.lower())

    def with_value(self, value: int) -> "Mask":
        """Another number in the same shape."""
        return replace(self, value=value)

    def bits(self) -> list[int]:
        """The numbers of the bits that are set, lowest first."""
        return [bit for bit in range(self.value.bit_length()) if self.value >> bit & 1]

    def __contains__(self, bit: int) -> bool:
        return bit >= 0 and bool(self.value >> bit & 1)


def parse_number(value: object, default: int = 0) -> int:
    """A number given as JSON number, hex string or decimal string; ``default`` if it is none of them, or absurd."""
    number: float = default
    if isinstance(value, bool | int | float):
        number = value
    elif isinstance(value, str):
        text = value.strip()
        if text[:2].lower() == "0x":
            number = int(text, 16) if _HEX.match(text) else default
        elif re.fullmatch(r"-?\d{1,20}", text):
            number = int(text)
    return int(number) if abs(number) < MAX_NUMBER else default


def format_hex(value: int, digits: int = 8) -> str:
    """``value`` as ``"0x..."`` with at least ``digits`` upper-case digits."""
    return f"0x{value:0{digits}X}"


def parse_address(value: object) -> str:
    """An address field as text: ``"0x0B0A060A"`` becomes ``10.6.10.11``; dotted strings and host names stay.

    The hex form is the address as a little-endian u32. Anything that is not a string becomes "".
    """
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return str(ipaddress.IPv4Address(int(text, 16).to_bytes(4, "little")))
    return text


def format_address(address: str, like: object = "0x00000000") -> str:
    """``address`` in the shape of ``like``, a value the device gave: hex for IPv4, otherwise as it is."""
    is_hex = isinstance(like, str) and like.strip()[:2].lower() == "0x"
    if not is_hex:
        return address
    try:
        packed = ipaddress.IPv4Address(address).packed
    except ValueError:
        return address  # a host name has no hex form
    return f"0x{int.from_bytes(packed, 'little'):08X}"


def parse_time(value: object, counters: Counter[str] | None = None) -> datetime | None:
    """A device time, local to the device and without a zone.

    ``0000-00-00 00:00:00`` is None, ``2000-00-00 00:00:00`` is 2000-01-01 00:00:00. Anything that is no date
    is None too and counted as ``impossible_time``.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text or text == NO_TIME:
        return None
    if text == EPOCH_TEXT:
        return EPOCH
    if match := _TIME.match(text):
        year, month, day, hour, minute, second = (int(part) for part in match.groups())
        try:
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - device time has no zone
        except ValueError:
            pass
    if counters is not None:
        counters["impossible_time"] += 1
    return None


def format_time(time: datetime | None) -> str:
    """A time as devices write it; None is `NO_TIME`."""
    return NO_TIME if time is None else time.replace(tzinfo=None).isoformat(" ", "seconds")


@dataclass(frozen=True, slots=True)
class TimeSection:
    """One range of a schedule, ``"1 00:00:00-24:00:00"``: enabled, begin and end in seconds of the day."""

    enabled: bool
    begin_s: int
    end_s: int

    @classmethod
    def parse(cls, value: object) -> "TimeSection":
        """Read a schedule string; 24:00:00 is legal.

        Raises:
            MalformedPayload: not of that form, or out of the day.
        """
        if isinstance(value, str) and (match := _SECTION.match(value)):
            flag, *clock = (int(part) for part in match.groups())
            begin_s = clock[0] * 3600 + clock[1] * 60 + clock[2]
            end_s = clock[3] * 3600 + clock[4] * 60 + clock[5]
            if max(clock[1], clock[2], clock[4], clock[5]) < 60 and max(begin_s, end_s) <= _DAY_S:
                return cls(bool(flag), begin_s, end_s)
        raise MalformedPayload(f"no schedule string: {str(value)[:30]!r}", context="schedule")

    def wire(self) -> str:
        """The schedule string."""
        return f"{int(self.enabled)} {_clock(self.begin_s)}-{_clock(self.end_s)}"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def parse_flag(value: object, default: bool = False) -> bool:
    """A boolean that may come as 0/1 or as a string of these."""
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in {"0", "1", "true", "false"}:
        return value.strip().lower() in {"1", "true"}
    return default


def as_object(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one: what is left out or null reads as nothing."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []
