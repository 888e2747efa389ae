"""Switches of a simulated device: what it does wrong, set and shown as text, whatever protocol it speaks.

A change holds from the next message, session or stream on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def quirk(default: T, doc: str) -> T:
    """A documented field of a dataclass of switches."""
    value: T = field(default=default, metadata={"doc": doc})
    return value


@dataclass
class Switches:
    """Switches by name, set and shown as text; the fields are those of the heirs."""

    def update(self, values: Mapping[str, Any]) -> None:
        """Set fields by name; values may be text as on a command line, or of the field's type.

        All values are checked before the first is set.

        Raises:
            ValueError: no such quirk, or a value it cannot take; the message lists what it can.
        """
        hints = get_type_hints(type(self))
        parsed = {}
        for name, value in values.items():
            if name not in hints:
                raise ValueError(f"no quirk {name!r}; there are: {', '.join(sorted(hints))}")
            parsed[name] = _parse(name, hints[name], value)
        for name, value in parsed.items():
            setattr(self, name, value)

    def reset(self) -> None:
        """Back to a device that does everything right."""
        fresh = type(self)()
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))

    def as_json(self) -> dict[str, Any]:
        """Every quirk and its value; sets become sorted lists."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: sorted(value) if isinstance(value, set) else value for name, value in values.items()}

    @classmethod
    def describe(cls) -> list[tuple[str, str, str, str]]:
        """Name, values, default and meaning of every quirk, in order."""
        hints, fresh = get_type_hints(cls), cls()
        return [
            (each.name, _values(hints[each.name]), str(getattr(fresh, each.name)), each.metadata["doc"])
            for each in fields(cls)
        ]


def _values(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    if get_origin(hint) is dict:
        return "id:value,..."
    if get_origin(hint) in {set, tuple}:
        return "item,..."
    return str(hint.__name__)


def _parse(name: str, hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    try:
        if origin is Literal:
            return {each: each for each in get_args(hint)}[value]
        if origin is dict:
            key_type, item = get_args(hint)
            pairs = value.items() if isinstance(value, Mapping) else _pairs(value)
            return {key_type(key): item(each) for key, each in pairs}
        if origin in {set, tuple}:
            item = get_args(hint)[0]
            parts = [part for part in value.split(",") if part] if isinstance(value, str) else value
            return origin(item(part) for part in parts)
        if hint is bool:
            return _flag(value)
        return hint(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ValueError(f"quirk {name}: got {str(value)[:60]!r}, want {_values(hint)}") from None


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (part.partition(":") for part in text.split(",") if part)]


def _flag(value: Any) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    text = str(value).lower()
    if text not in known:
        raise ValueError(value)
    return known[text]
