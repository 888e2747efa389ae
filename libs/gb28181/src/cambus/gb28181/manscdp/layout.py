"""Bodies as declarations: a dataclass whose fields name their elements, in the order they are sent (GB-060).

::

    @dataclass(frozen=True, slots=True)
    class PresetItem(Part):
        number: int | None = leaf("PresetID", INT)
        name: str | None = leaf("PresetName")

Reading never fails over a field: what is missing or no number is None.
Sending leaves out what is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, Self

from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.values import read_float, read_int
from cambus.gb28181.xml import Element

Reader = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a leaf is read and written."""

    read: Reader
    write: Callable[[Any], str]


def _number(value: float) -> str:
    return repr(value)


TEXT: Final = Kind(lambda text: text, str)
INT: Final = Kind(read_int, str)
FLOAT: Final = Kind(read_float, _number)
OK_ERROR: Final = Kind(lambda text: text.strip().upper() == "OK", lambda value: "OK" if value else "ERROR")
ON_OFF: Final = Kind(lambda text: text.strip().upper() in {"ON", "1"}, lambda value: "ON" if value else "OFF")
ONE_ZERO: Final = Kind(lambda text: text.strip() in {"1", "ON", "on"}, lambda value: "1" if value else "0")

SECRET: Final = frozenset({"password", "loginname"})
"""What is never read, nor shown, of what devices say of themselves (GB-073, GB-100)."""

_LEAF, _PART, _LIST = "leaf", "part", "list"


def leaf(element: str, kind: Kind = TEXT, *, also: Iterable[str] = ()) -> Any:
    """A field that is one element with text; `also` names other spellings that are read."""
    return field(default=None, metadata={_LEAF: (element, kind, tuple(also))})


def part(element: str, type_: type[Part]) -> Any:
    """A field that is an element with elements in it."""
    return field(default=None, metadata={_PART: (element, type_)})


def listing(element: str, type_: type[Part], item: str = "Item", *, counted: bool = True) -> Any:
    """A field that is a list: an element with `Num`, and one element for each item; without items it is not sent."""
    return field(default=(), metadata={_LIST: (element, type_, item, counted)})


def repeated(element: str, type_: type[Part] | None = None) -> Any:
    """A field that is an element repeated without anything around; texts where there is no type."""
    return field(default=(), metadata={_LIST: (None, type_, element, False)})


@dataclass(frozen=True, slots=True)
class Part:
    """A declared element."""

    @classmethod
    def read(cls, element: Element) -> Self:
        """Read it."""
        return cls(**_read(cls, element))

    def elements(self) -> Iterator[Element]:
        """What is in it, in order."""
        for each in fields(self):
            value = getattr(self, each.name)
            if _LEAF in each.metadata and value is not None:
                name, kind, _ = each.metadata[_LEAF]
                yield Element(name, kind.write(value))
            elif _PART in each.metadata and value is not None:
                yield Element(each.metadata[_PART][0], children=value.elements())
            elif _LIST in each.metadata and value:
                yield from _list_elements(each.metadata[_LIST], value)


@dataclass(frozen=True, slots=True)
class Body(Part):
    """A declared body. What of a received one nobody declared is found by `undeclared`."""

    ROOT: ClassVar[Root]
    COMMAND: ClassVar[str]
    NEW_IN_2022: ClassVar[bool] = False
    """Whether an older device must not be sent it (GB-095)."""

    @classmethod
    def parse(cls, envelope: Envelope) -> Self:
        """Read a body that has been opened."""
        return cls(**_read(cls, envelope.element))

    def serialize(self, sn: int, code: str | None, *, charset: str = "GB2312") -> bytes:
        """The bytes of a message."""
        return compose(self.ROOT, self.COMMAND, sn, code, self.elements(), charset=charset)


def undeclared(type_: type[Part], element: Element) -> dict[str, str]:
    """The texts of an element that its declaration does not name, by lower-case name; never a login."""
    named = {"cmdtype", "sn", "deviceid", "sumnum", *SECRET}
    for each in fields(type_):
        for key in (_LEAF, _PART, _LIST):
            if key in each.metadata and each.metadata[key][0]:
                named.add(each.metadata[key][0].lower())
    return {name: text for name, text in element.fields.items() if name not in named and text}


def unreadable(type_: type[Part], element: Element) -> list[str]:
    """The names of declared elements whose text is there and is no number, as their declaration has them (GB-071)."""
    found = []
    for each in fields(type_):
        if _LEAF not in each.metadata:
            continue
        name, kind, also = each.metadata[_LEAF]
        texts = (element.get(key) for key in (name, *also))
        text = next((text for text in texts if text is not None), None)
        if text and kind.read(text) is None:
            found.append(name)
    return found


def _read(type_: type[Part], element: Element) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in fields(type_):
        if _LEAF in each.metadata:
            name, kind, also = each.metadata[_LEAF]
            text = next((found for key in (name, *also) if (found := element.get(key)) is not None), None)
            values[each.name] = kind.read(text) if text is not None else None
        elif _PART in each.metadata:
            name, inner = each.metadata[_PART]
            holder = element.find(name)
            values[each.name] = inner.read(holder) if holder is not None else None
        elif _LIST in each.metadata:
            values[each.name] = tuple(_read_list(each.metadata[_LIST], element))
    return values


def _read_list(layout: tuple[str | None, type[Part] | None, str, bool], element: Element) -> Iterator[Any]:
    name, inner, item, _ = layout
    holder = element if name is None else element.find(name)
    for each in holder.all(item) if holder is not None else ():
        yield each.text if inner is None else inner.read(each)


def _list_elements(
    layout: tuple[str | None, type[Part] | None, str, bool], items: tuple[Any, ...]
) -> Iterator[Element]:
    name, inner, item, counted = layout
    made = [
        Element(item, each) if inner is None else Element(item, children=each.elements()) for each in items
    ]
    if name is None:
        yield from made
    else:
        yield Element(name, children=made, attributes={"Num": str(len(made))} if counted else {})
