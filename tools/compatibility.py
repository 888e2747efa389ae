"""Hold what the bus promises to the last release: `tools/compatibility.py --check`.

Old and new run side by side while a suite is upgraded, and programs of others are upgraded later or never. So whoever
reads must take whatever the other side may write: a new service the requests of old clients, an old client the replies
and events of new services, both the values the other stored. What breaks that fails, unless the major version is
another than that of the last release, or the upgrade notes (`docs/operations/upgrading.md`, "Unreleased") name it.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import Contract, contract, last_release, order, read
from suite_version import suite_version

ROOT = Path(__file__).resolve().parent.parent
NOTES = ROOT / "docs/operations/upgrading.md"
UNRELEASED = "## Unreleased"

Schema = Mapping[str, Any]

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("pattern", "format", "contentEncoding", "multipleOf")


@dataclass(frozen=True, order=True)
class Break:
    """One thing that no longer fits: where, as the upgrade notes name it, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def breaks(old: Contract, new: Contract) -> list[Break]:
    """Return everything by which `new` breaks what `old` promised, in order."""
    found = set(_names(old, new))
    for key, promised in old["commands"].items():
        found.update(_command(key, promised, new["commands"].get(key), old, new))
    for key, promised in old["exchanges"].items():
        found.update(_command(key, promised, new["exchanges"].get(key), old, new))
    for name, promised in old["events"].items():
        found.update(_event(name, promised, new["events"].get(name), old, new))
    for where, model in old["values"].items():
        found.update(_value(where, model, new["values"].get(where), old, new))
    return sorted(found)


def _names(old: Contract, new: Contract) -> Iterator[Break]:
    for kind in ("encodings", "headers", "errors", "assets"):
        for name in old[kind]:
            if name not in new[kind]:
                yield Break(f"{kind} {name}", "is gone")


def _command(key: str, was: Schema, now: Schema | None, old: Contract, new: Contract) -> Iterator[Break]:
    if now is None:
        yield Break(key, "the command is gone")
        return
    for fact in ("subject", "broadcast"):
        if was.get(fact) != now.get(fact):
            yield Break(f"{key} {fact}", f"was {was.get(fact)}, is {now.get(fact)}")
    if "request" in was:
        sides = Sides(Side(old, complete=False), Side(new), "request")
        yield from sides.compare(f"{key} request", _model(was["request"]), _model(now["request"]))
    sides = Sides(Side(new), Side(old), "reply")
    yield from sides.compare(f"{key} reply", _model(now["reply"]), _model(was["reply"]))


def _event(name: str, was: Schema, now: Schema | None, old: Contract, new: Contract) -> Iterator[Break]:
    if now is None:
        yield Break(name, "the event is gone")
        return
    if was["subject"] != now["subject"]:
        yield Break(f"{name} subject", f"was {was['subject']}, is {now['subject']}")
    sides = Sides(Side(new), Side(old), "event")
    yield from sides.compare(f"{name} event", _model(now["model"]), _model(was["model"]))


def _value(where: str, was: str, now: str | None, old: Contract, new: Contract) -> Iterator[Break]:
    if now is None:
        yield Break(where, "the value is gone")
        return
    for writer, reader, names in ((old, new, (was, now)), (new, old, (now, was))):
        sides = Sides(Side(writer), Side(reader), "value", new_writes=writer is new)
        yield from sides.compare(where, *map(_model, names))


def _model(name: str) -> Schema:
    return {"$ref": name}


@dataclass(frozen=True)
class Side:
    """Whoever writes or reads.

    Attributes:
        promised: the models it knows.
        complete: it writes every field it knows: so our own code does, and a request written by hand does not.
    """

    promised: Contract
    complete: bool = True

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference."""
        while "$ref" in schema:
            schema = self.promised["models"][schema["$ref"]]
        return schema


class Sides:
    """Whether whoever reads takes what the other side writes.

    Args:
        writer: whoever writes.
        reader: whoever reads.
        what: `request`, `reply`, `event` or `value`.
        new_writes: the new code is the writer; None: as it is for `what`.
    """

    def __init__(self, writer: Side, reader: Side, what: str, *, new_writes: bool | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._new_writes = what in {"reply", "event"} if new_writes is None else new_writes
        self._under_way: set[tuple[str, str]] = set()

    def compare(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        """Yield what the reader would not take of what is written."""
        references = (str(written.get("$ref")), str(read_as.get("$ref")))
        if references in self._under_way:
            return  # a model that contains itself
        known = "None" not in references
        if known:
            self._under_way.add(references)
        yield from self._compare(where, self._writer.resolve(written), self._reader.resolve(read_as))
        if known:
            self._under_way.discard(references)

    def _compare(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        ways = [
            self._writer.resolve(each) for each in written.get("anyOf") or written.get("oneOf") or [written]
        ]
        taken = [
            self._reader.resolve(each) for each in read_as.get("anyOf") or read_as.get("oneOf") or [read_as]
        ]
        if len(ways) == len(taken) == 1:
            yield from self._single(where, ways[0], taken[0])
            return
        for way in ways:
            problems = [list(self._single(where, way, each)) for each in taken]
            if all(problems):
                same_kind = [
                    p for p, each in zip(problems, taken, strict=True) if each.get("type") == way.get("type")
                ]
                yield from min(
                    same_kind or [[self._narrower(where, f"no {_kind(way)} is taken any more", _kind(way))]]
                )

    def _single(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        if not read_as:
            return  # anything is taken
        if not _types(written) <= _types(read_as) | ({"integer"} if "number" in _types(read_as) else set()):
            yield Break(where, f"the type was {self._was(written, read_as)}, is {self._is(written, read_as)}")
            return
        yield from self._words(where, written, read_as)
        yield from self._bounds(where, written, read_as)
        if "properties" in written or "properties" in read_as:
            yield from self._fields(where, written, read_as)
        for inner, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(read_as.get(inner), dict):
                of = written.get(inner)
                yield from self.compare(f"{where}{mark}", of if isinstance(of, dict) else {}, read_as[inner])

    def _words(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        taken = _closed(read_as)
        if taken is None:
            return
        words = _closed(written)
        if words is None:
            yield self._narrower(where, f"only {', '.join(map(str, taken))} are taken", "any word")
            return
        for word in words:
            if word not in taken:
                what = f"the word {word} is new" if self._new_writes else f"the word {word} is gone"
                yield Break(where, what)

    def _bounds(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        for bounds, sign in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
            for bound in bounds:
                limit, was = read_as.get(bound), written.get(bound)
                if limit is not None and (was is None or sign * limit > sign * was):
                    yield self._narrower(
                        where, f"{bound} {limit}", f"{bound} {'none' if was is None else was}"
                    )
        for exact in EXACT:
            if exact in read_as and written.get(exact) != read_as[exact] and _closed(written) is None:
                yield self._narrower(
                    where, f"{exact} {read_as[exact]}", f"{exact} {written.get(exact, 'any')}"
                )

    def _fields(self, where: str, written: Schema, read_as: Schema) -> Iterator[Break]:
        writes, reads = written.get("properties", {}), read_as.get("properties", {})
        required = read_as.get("required", ())
        for name, schema in reads.items():
            here = _field(where, name)
            if name in writes:
                yield from self.compare(here, writes[name], schema)
                if name in required and not self._writer.complete and name not in written.get("required", ()):
                    yield Break(here, "was optional, is required")
            elif self._new_writes:
                yield Break(here, "the field is gone")
            elif name in required:
                yield Break(here, "a required field is new")
        if not self._new_writes:
            for name in writes.keys() - reads.keys():
                yield Break(_field(where, name), "the field is gone")

    def _narrower(self, where: str, reader: str, writer: str) -> Break:
        if self._new_writes:
            return Break(where, f"{writer} now, while readers of the last release take: {reader}")
        return Break(where, f"narrower: {reader}, was {writer}")

    def _was(self, written: Schema, read_as: Schema) -> str:
        return _kind(read_as if self._new_writes else written)

    def _is(self, written: Schema, read_as: Schema) -> str:
        return _kind(written if self._new_writes else read_as)


def _types(schema: Schema) -> set[str]:
    if (words := _closed(schema)) is not None and "type" not in schema:
        return {{str: "string", bool: "boolean", int: "integer"}.get(type(word), "null") for word in words}
    found = schema.get("type", "any")
    return {found} if isinstance(found, str) else set(found)


def _kind(schema: Schema) -> str:
    return " or ".join(sorted(_types(schema)))


def _closed(schema: Schema) -> list[Any] | None:
    """The words of a closed list; None if it is open."""
    if "const" in schema:
        return [schema["const"]]
    words: list[Any] | None = schema.get("enum")
    return words


def _field(where: str, name: str) -> str:
    return f"{where}.{name}"


def noted(notes: str) -> str:
    """Return what the upgrade notes say of the release in the making."""
    _, _, rest = notes.partition(f"{UNRELEASED}\n")
    return rest.partition("\n## ")[0]


def unexplained(found: list[Break], notes: str, *, released: str, version: str) -> list[Break]:
    """Return what breaks without a new major version, and without a word about it in the notes."""
    if order(released)[0] != order(version)[0]:
        return []
    said = noted(notes)
    return [each for each in found if f"`{each.where}`" not in said]


def main() -> int:
    """Compare with the last release; 0 if all it promised still holds, or is accounted for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="fail if something is broken and not accounted for"
    )
    check = parser.parse_args().check
    last = last_release()
    if last is None:
        print("there is no release yet")
        return 0
    found = breaks(read(last), contract())
    open_ones = unexplained(found, NOTES.read_text(), released=last.stem, version=suite_version())
    for each in open_ones if check else found:
        print(f"breaks what {last.stem} promised: {each}", file=sys.stderr)
    if open_ones:
        print(
            f"Keep what was promised (an optional field is always fine), or say in {NOTES.relative_to(ROOT)} under "
            f'"{UNRELEASED}" what to do about each, with its place in backticks, or begin a new major version.',
            file=sys.stderr,
        )
    return 1 if check and open_ones else 0


if __name__ == "__main__":
    raise SystemExit(main())
