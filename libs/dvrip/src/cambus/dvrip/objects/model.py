"""Configuration objects as dataclasses (DVRIP §8): what is known has a type, everything else is kept.

::

    motion = MotionDetect.parse(value)           # any JSON of the device
    motion = replace(motion, level=4)            # dataclasses.replace
    motion.wire()                                # the device's JSON with Level changed and nothing else

A field that is None is absent, or was not what it should be; either way `wire` leaves the device's own value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, Self

from cambus.dvrip.objects.fields import (
    NOTHING,
    Address,
    Bits,
    Choice,
    Flag,
    Items,
    Kind,
    Line,
    Number,
    Secret,
    Section,
    Text,
    same,
    written,
)

_KEYS: Final = "keys"
_KIND: Final = "kind"


class Slot(NamedTuple):
    """One field of an object: its attribute, the keys it may have on the wire (the first is written), its kind."""

    attribute: str
    keys: tuple[str, ...]
    kind: Kind

    def key_in(self, raw: Mapping[str, Any]) -> str | None:
        """The key it has in ``raw``, or None."""
        return next((key for key in self.keys if key in raw), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigObject:
    """Base of all configuration objects.

    Attributes:
        raw: the JSON it was read from.
    """

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read an object; anything but a JSON object reads as an empty one."""
        raw = value if isinstance(value, dict) else {}
        known: dict[str, Any] = {}
        for slot in slots_of(cls):
            key = slot.key_in(raw)
            if key is not None:
                known[slot.attribute] = slot.kind.read(raw[key])
        return cls(raw=raw, **known)

    def wire(self) -> dict[str, Any]:
        """The JSON: what was read, with what has changed since, in the device's own spelling and shape."""
        result = dict(self.raw)
        for slot in slots_of(type(self)):
            value = getattr(self, slot.attribute)
            if value is not None:
                key = slot.key_in(self.raw) or slot.keys[0]
                result[key] = written(slot.kind, value, self.raw.get(key, NOTHING))
        return result

    @classmethod
    def problems(cls, value: object, where: str, before: object = NOTHING) -> Iterator[str]:
        """What is wrong with a JSON object; only its known fields are looked at, and only those that changed."""
        if not isinstance(value, dict):
            if not same(value, before):
                yield f"{where}: wanted an object"
            return
        old = before if isinstance(before, dict) else {}
        for slot in slots_of(cls):
            key = slot.key_in(value)
            if key is not None:
                yield from slot.kind.problems(value[key], f"{where}.{key}", old.get(key, NOTHING))


_slots: Final[dict[type[ConfigObject], tuple[Slot, ...]]] = {}


def slots_of(model: type[ConfigObject]) -> tuple[Slot, ...]:
    """The fields of a model, in order."""
    known = _slots.get(model)
    if known is None:
        declared = [each for each in fields(model) if _KIND in each.metadata]
        known = tuple(Slot(each.name, each.metadata[_KEYS], each.metadata[_KIND]) for each in declared)
        _slots[model] = known
    return known


@dataclass(frozen=True, slots=True)
class Inner:
    """A kind of field: another object."""

    model: type[ConfigObject]

    def read(self, value: object) -> ConfigObject | None:
        """See `cambus.dvrip.objects.fields.Kind`."""
        return self.model.parse(value) if isinstance(value, dict) else None

    def write(self, value: Any, like: object) -> Any:  # noqa: ARG002 - it has its own raw
        """See `cambus.dvrip.objects.fields.Kind`."""
        return value.wire()

    def problems(self, value: object, where: str, before: object) -> Iterator[str]:
        """See `cambus.dvrip.objects.fields.Kind`."""
        return self.model.problems(value, where, before)


# How fields are declared: the key on the wire first, older or corrected spellings after it.


def _declare(kind: Kind, keys: tuple[str, ...]) -> Any:
    return field(default=None, metadata={_KEYS: keys, _KIND: kind})


def flag(*keys: str, numbers: bool = False) -> Any:
    """A boolean."""
    return _declare(Flag(numbers), keys)


def number(key: str, low: int | None = None, high: int | None = None, *, also: range = range(0)) -> Any:
    """A whole number in a range, or in ``also``."""
    return _declare(Number(low, high, also), (key,))


def text(*keys: str) -> Any:
    """Any text; also words of lists that firmware goes on extending."""
    return _declare(Text(), keys)


def secret(*keys: str) -> Any:
    """A password or key: not in the repr."""
    return field(default=None, repr=False, metadata={_KEYS: keys, _KIND: Secret()})


def choice(key: str, *words: str) -> Any:
    """One word of a closed list."""
    return _declare(Choice(words), (key,))


def bits(key: str) -> Any:
    """A mask, or a colour."""
    return _declare(Bits(), (key,))


def address(key: str, *, names: bool = False) -> Any:
    """An IPv4 address, perhaps a host name."""
    return _declare(Address(names), (key,))


def section(key: str) -> Any:
    """One range of a schedule."""
    return _declare(Section(), (key,))


def line(key: str) -> Any:
    """The settings of a serial line."""
    return _declare(Line(), (key,))


def items(
    key: str, kind: Kind, least: int = 0, most: int | None = None, *, spelled_right: str | None = None
) -> Any:
    """An array."""
    return _declare(Items(kind, least, most), (key,) if spelled_right is None else (key, spelled_right))


def week(key: str) -> Any:
    """7 days, Sunday first, of up to 6 ranges."""
    return _declare(Items(Items(Section(), 0, 6), 7, 7), (key,))


def week_of_bits(key: str) -> Any:
    """7 days of up to 6 masks, one for each range of the schedule beside it."""
    return _declare(Items(Items(Bits(), 0, 6), 7, 7), (key,))


def inner(key: str, model: type[ConfigObject]) -> Any:
    """Another object."""
    return _declare(Inner(model), (key,))


def inners(key: str, model: type[ConfigObject]) -> Any:
    """An array of objects."""
    return _declare(Items(Inner(model)), (key,))
