"""What the fields of configuration objects are on the wire (DVRIP §2.4, §8), one small class per kind.

Each kind reads a JSON value, writes one in the shape the device used, and says what is wrong with one. A value
that cannot be read is no error: it reads as None and is kept as it is.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.values import (
    Mask,
    TimeSection,
    format_address,
    format_hex,
    parse_address,
    parse_flag,
    parse_number,
)

#: "There was nothing before": everything is checked.
NOTHING: Final = object()


class Kind(Protocol):
    """One kind of field."""

    def read(self, value: object) -> Any:
        """The typed value, or None when ``value`` is not of this kind."""

    def write(self, value: Any, like: object) -> Any:
        """The JSON of a typed value, in the shape of ``like``, which the device gave (or `NOTHING`)."""

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """What is wrong with a JSON value at ``where``; nothing where it equals ``before``."""


def written(kind: Kind, value: Any, like: object) -> Any:
    """The JSON of ``value``: ``like`` itself when that means the same, so that nothing changes its shape."""
    return like if like is not NOTHING and kind.read(like) == value else kind.write(value, like)


def same(value: object, before: object) -> bool:
    """Whether two JSON values are one; True is not 1."""
    return value == before and type(value) is type(before)


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean; devices also write 0 and 1.

    Args:
        numbers: any number is fine, and only zero is off.
    """

    numbers: bool = False

    def read(self, value: object) -> bool | None:
        """See `Kind`."""
        readable = isinstance(value, bool | int) or str(value).strip().lower() in {"0", "1", "true", "false"}
        return parse_flag(value) if readable else None

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        if isinstance(like, bool) or not isinstance(like, int | str):
            return bool(value)
        return int(value) if isinstance(like, int) else str(int(value))

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        fine = self.read(value) is not None and (
            self.numbers or not isinstance(value, int) or value in (0, 1)
        )
        if not fine and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted true or false"


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, as JSON number, decimal or hex string.

    Args:
        low, high: its range; None is open.
        also: another range that is fine too.
    """

    low: int | None = None
    high: int | None = None
    also: range = range(0)

    def read(self, value: object) -> int | None:
        """See `Kind`."""
        if isinstance(value, bool):
            return None
        first, second = parse_number(value, 0), parse_number(value, 1)
        return first if first == second else None

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        if not isinstance(like, str) or value < 0:  # there is no negative hex
            return int(value)
        text = like.strip()
        return format_hex(value, max(len(text) - 2, 1)) if text[:2].lower() == "0x" else str(int(value))

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        number = self.read(value)
        fits = number is not None and (self.low is None or number >= self.low)
        fits = fits and (self.high is None or (number or 0) <= self.high)
        if not fits and number not in self.also and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted {self._wanted()}"

    def _wanted(self) -> str:
        if self.low is None or self.high is None:
            return "a number" if self.low is None else f"a number from {self.low}"
        other = f" or {self.also[0]} to {self.also[-1]}" if self.also else ""
        return f"{self.low} to {self.high}{other}"


@dataclass(frozen=True, slots=True)
class Text:
    """Any text."""

    def read(self, value: object) -> str | None:
        """See `Kind`."""
        return value if isinstance(value, str) else None

    def write(self, value: Any, like: object) -> Any:  # noqa: ARG002 - text has one shape
        """See `Kind`."""
        return str(value)

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if not isinstance(value, str) and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted text"


@dataclass(frozen=True, slots=True)
class Secret(Text):
    """Text that is not repeated in what is said about it."""

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if not isinstance(value, str) and not same(value, before):
            yield f"{where}: wanted text"


@dataclass(frozen=True, slots=True)
class Choice(Text):
    """One word of a closed list, spelled exactly so."""

    words: tuple[str, ...] = ()

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if value not in self.words and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted one of {', '.join(self.words)}"


@dataclass(frozen=True, slots=True)
class Bits:
    """A mask or another number whose bits or digits count (`Mask`); keeps its width."""

    def read(self, value: object) -> Mask | None:
        """See `Kind`."""
        try:
            return Mask.parse(value)
        except MalformedPayload:
            return None

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        shape = self.read(like)
        return (value if shape is None else shape.with_value(value.value)).wire()

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if (isinstance(value, bool) or self.read(value) is None) and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted a number or a hex string"


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address, read as dotted text whatever its shape.

    Args:
        names: host names and nothing at all are fine too.
    """

    names: bool = False

    def read(self, value: object) -> str | None:
        """See `Kind`."""
        return parse_address(value) if isinstance(value, str) else None

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        return format_address(value, "0x00000000" if like is NOTHING and not self.names else like)

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if same(value, before):
            return
        text = self.read(value)
        if text is None or not (self.names or _is_ipv4(text)):
            yield f"{where}: {_shown(value)}, wanted an IPv4 address"


@dataclass(frozen=True, slots=True)
class Section:
    """One range of a schedule, ``"1 00:00:00-24:00:00"``."""

    def read(self, value: object) -> TimeSection | None:
        """See `Kind`."""
        try:
            return TimeSection.parse(value)
        except MalformedPayload:
            return None

    def write(self, value: Any, like: object) -> Any:  # noqa: ARG002 - a range has one shape
        """See `Kind`."""
        return value.wire()

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if self.read(value) is None and not same(value, before):
            yield f'{where}: {_shown(value)}, wanted "1 00:00:00-24:00:00" or the like'


@dataclass(frozen=True, slots=True)
class Items:
    """An array of one kind; reads as a tuple.

    Args:
        kind: of its elements.
        least, most: how many elements there may be.
    """

    kind: Kind
    least: int = 0
    most: int | None = None

    def read(self, value: object) -> tuple[Any, ...] | None:
        """See `Kind`."""
        if not isinstance(value, list):
            return None
        items = tuple(self.kind.read(item) for item in value)
        return None if any(item is None for item in items) else items

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        shapes = like if isinstance(like, list) else []
        return [
            written(self.kind, item, shapes[index] if index < len(shapes) else NOTHING)
            for index, item in enumerate(value)
        ]

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if same(value, before):
            return
        if not isinstance(value, list):
            yield f"{where}: {_shown(value)}, wanted an array"
            return
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            yield f"{where}: {len(value)} elements, wanted {self.least} to {self.most}"
        old = before if isinstance(before, list) else []
        for index, item in enumerate(value):
            earlier = old[index] if index < len(old) else NOTHING
            yield from self.kind.problems(item, f"{where}.[{index}]", earlier)


class SerialLine(NamedTuple):
    """How a serial line is driven."""

    baud: int
    parity: str
    data_bits: int
    stop_bits: int


@dataclass(frozen=True, slots=True)
class Line:
    """``[115200, "None", 8, 1]``; what follows the fourth element is kept."""

    def read(self, value: object) -> SerialLine | None:
        """See `Kind`."""
        if not isinstance(value, list) or len(value) < 4 or not isinstance(value[1], str):
            return None
        baud, data_bits, stop_bits = (Number().read(value[place]) for place in (0, 2, 3))
        if baud is None or data_bits is None or stop_bits is None:
            return None
        return SerialLine(baud, value[1], data_bits, stop_bits)

    def write(self, value: Any, like: object) -> Any:
        """See `Kind`."""
        return [*value, *(like[4:] if isinstance(like, list) else ())]

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        if same(value, before):
            return
        line = self.read(value)
        if line is None:
            yield f'{where}: {_shown(value)}, wanted [115200, "None", 8, 1] or the like'
            return
        yield from Number(1200, 115200).problems(line.baud, f"{where}.[0]", NOTHING)
        yield from Number(4, 8).problems(line.data_bits, f"{where}.[2]", NOTHING)
        yield from Number(0, 2).problems(line.stop_bits, f"{where}.[3]", NOTHING)


class PtzLink(NamedTuple):
    """What a camera does on an event: nothing, or go to a preset, a tour, a pattern."""

    action: str
    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """``["Preset", 3]``."""

    def read(self, value: object) -> PtzLink | None:
        """See `Kind`."""
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
            return None
        number = Number().read(value[1])
        return None if number is None else PtzLink(value[0], number)

    def write(self, value: Any, like: object) -> Any:  # noqa: ARG002 - a link has one shape
        """See `Kind`."""
        return list(value)

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `Kind`."""
        link = self.read(value)
        words = ("None", "Preset", "Tour", "Pattern")
        if (link is None or link.action not in words) and not same(value, before):
            yield f"{where}: {_shown(value)}, wanted one of {', '.join(words)}, and a number"


def _shown(value: object) -> str:
    """The value, for a message; not what is inside objects and arrays, which may be secrets."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return repr(value)[:40]


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
