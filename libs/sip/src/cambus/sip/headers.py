"""Header fields in their order, found by name whatever its case or its short form (RFC 3261 §7.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cambus.sip.fields import split_outside_quotes

_KNOWN = (
    "Accept",
    "Allow",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Event",
    "Expires",
    "From",
    "Max-Forwards",
    "Min-Expires",
    "Monitor-User-Identity",
    "Note",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Record-Route",
    "Retry-After",
    "Route",
    "Session-Expires",
    "Subject",
    "Subscription-State",
    "Supported",
    "To",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
    "X-GB-Ver",
    "X-PreferredPath",
    "X-RoutePath",
)
_SHORT = {  # RFC 3261 §20, RFC 6665 §8.2.1, RFC 4028 §4
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
    "s": "Subject",
    "e": "Content-Encoding",
    "o": "Event",
    "u": "Allow-Events",
    "x": "Session-Expires",
}
_SPELLING = {name.lower(): name for name in _KNOWN} | _SHORT | {name: name for name in _KNOWN}


def known_spelling(name: str) -> str | None:
    """The usual spelling of a name in one of its common forms; None for all others."""
    return _SPELLING.get(name)


def spelling(name: str) -> str:
    """The usual spelling of a field's name: `via` and `v` are `Via`."""
    known = _SPELLING.get(name)
    if known is None:
        lower = name.lower()
        known = _SPELLING.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))
    return known


class Headers:
    """Fields in order; a name may occur several times.

    Args:
        fields: (name, value) pairs; names in any spelling.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(spelling(name), value) for name, value in fields]

    @classmethod
    def spelled(cls, fields: list[tuple[str, str]]) -> Headers:
        """Of pairs whose names went through `spelling`; the list is taken over."""
        headers = cls()
        headers._fields = fields
        return headers

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        shown = [(name, "…" if "authoriz" in name.lower() else value) for name, value in self._fields]
        return f"Headers({shown!r})"

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a field."""
        wanted = spelling(name)
        for each, value in self._fields:
            if each == wanted:
                return value
        return default

    def all(self, name: str) -> list[str]:
        """Every value of a field, as the lines had them."""
        wanted = spelling(name)
        return [value for each, value in self._fields if each == wanted]

    def listed(self, name: str) -> list[str]:
        """Every value of a field whose values may also stand in one line with commas between."""
        return [part.strip() for value in self.all(name) for part in split_outside_quotes(value, ",")]

    def add(self, name: str, value: str) -> None:
        """Append a field."""
        self._fields.append((spelling(name), value))

    def add_first(self, name: str, value: str) -> None:
        """Put a field in front of all others."""
        self._fields.insert(0, (spelling(name), value))

    def set(self, name: str, *values: str) -> None:
        """Put fields where the first of that name stands, instead of all of them; else at the end."""
        wanted = spelling(name)
        names = [each for each, _ in self._fields]
        at = names.index(wanted) if wanted in names else len(names)
        behind = [pair for pair in self._fields[at:] if pair[0] != wanted]
        self._fields[at:] = [*((wanted, value) for value in values), *behind]

    def remove(self, name: str) -> None:
        """Drop every field of that name."""
        wanted = spelling(name)
        self._fields = [pair for pair in self._fields if pair[0] != wanted]

    def remove_last(self) -> None:
        """Drop the last field."""
        self._fields.pop()

    def copy(self) -> Headers:
        """A list of its own with the same fields."""
        return Headers.spelled(list(self._fields))
