"""Settings of a device: blocks of XML as trees of texts, and back (§10, GB-220 to GB-223)."""

from collections.abc import Mapping
from typing import Any, Final

from cambus.gb28181.manscdp.config import ConfigAnswer, block_name, element_of, plain
from cambus.gb28181.manscdp.config_ranges import BLOCKS, Several
from cambus.gb28181.xml import Element
from cambus.schemas.errors import BadRequest

BLANK: Final = "***"
"""Stands for a secret; written back, it leaves the secret as it is."""
TOKENS: Final = frozenset({"uploadurl", "sessionid"})
"""What lets somebody send us files, in a block of settings."""
MAX_BLOCKS: Final = 16
MAX_LEAVES: Final = 5000
_AS_IT_CAME: Final = frozenset({"BasicParam"})
"""Older editions have more in it, in an order of their own."""
_COUNTED: Final = {"RegionList": "Item", "VideoParamAttribute": "Item"}
"""Lists that say in an attribute how many they have."""
_COUNTS: Final = {
    "RegionList": ("SumNum", "Item"),
    "Item": ("SumNum", None),
    "RecordSchedule": ("RecordScheduleSumNum", None),
    "TimeSegment": ("TimeSegmentSumNum", None),
}
"""Elements that say how many there are of another: its name, that of the counter, and what is counted inside."""


def blocks_in(name: str) -> list[str]:
    """The blocks a name means: one, or several with slashes between. Raises BadRequest."""
    names = [block_name(part.strip()) for part in name.split("/")]
    if (
        not all(part.isascii() and part.replace("_", "").isalnum() for part in names)
        or len(names) > MAX_BLOCKS
    ):
        raise BadRequest(
            f"name: wanted a block such as BasicParam, or at most {MAX_BLOCKS} with slashes between"
        )
    return list(dict.fromkeys(names))


def value_of(answer: ConfigAnswer) -> Any:
    """A block as it is shown: a tree of texts, or one text; passwords left out and tokens blanked."""
    element = answer.element
    if element is None:
        return None
    return _blanked(plain(element)) if element.children else element.text


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: BLANK if name.lower() in TOKENS and item else _blanked(item) for name, item in value.items()
        }
    return [_blanked(item) for item in value] if isinstance(value, list) else value


def without_blanks(value: Any) -> Any:
    """A value without what was blanked when it was read."""
    if isinstance(value, dict):
        return {name: without_blanks(item) for name, item in value.items() if item != BLANK}
    return [without_blanks(item) for item in value] if isinstance(value, list) else value


def merged(present: Any, wanted: Any) -> Any:
    """What is there with only what is wanted changed, at any depth; lists are replaced as a whole."""
    if not (isinstance(present, Mapping) and isinstance(wanted, Mapping)):
        return wanted
    spelled = {name.lower(): name for name in present}
    result = dict(present)
    for name, value in wanted.items():
        known = spelled.get(name.lower(), name)
        result[known] = merged(result.get(known), value)
    return result


def element_for(name: str, value: Any) -> Element:
    """A block to be sent: its elements in the order of the standard, with the counters that belong to its lists.

    Raises:
        BadRequest: the value is no tree of texts.
    """
    _check(value, "value", [MAX_LEAVES])
    if isinstance(value, Mapping):
        return _counted(element_of(name, _ordered(value, None if name in _AS_IT_CAME else BLOCKS.get(name))))
    return Element(name, _text(value))


def _check(value: Any, path: str, budget: list[int]) -> None:
    budget[0] -= 1
    if budget[0] < 0:
        raise BadRequest("value: wanted less")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not (key.isascii() and key[:1].isalpha() and key.replace("_", "").isalnum()):
                raise BadRequest(f"{path}: {key[:40]!a} is no name of an element")
            _check(item, f"{path}.{key}", budget)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, list):
                raise BadRequest(f"{path}: wanted no lists in lists")
            _check(item, path, budget)
    elif value is None:
        raise BadRequest(f"{path}: wanted a text, a number or true or false, not null")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _ordered(tree: Mapping[str, Any], known: object) -> dict[str, Any]:
    """A tree of texts whose known elements are in the order of the standard, before those nobody knows."""
    fields = known.fields if isinstance(known, Several) else {}
    places = {name.lower(): place for place, name in enumerate(fields)}
    inner = {name.lower(): field for name, field in fields.items()}
    ordered = sorted(tree, key=lambda name: places.get(name.lower(), len(places)))
    return {name: _leaves(tree[name], inner.get(name.lower())) for name in ordered}


def _leaves(value: Any, known: object) -> Any:
    if isinstance(value, Mapping):
        return _ordered(value, known)
    if isinstance(value, list):
        return [_leaves(item, known) for item in value]
    return _text(value)


def _counted(element: Element) -> Element:
    """Set the counters of lists to what there is in them."""
    for child in element.children:
        _counted(child)
    if element.name in _COUNTED:
        element.attributes["Num"] = str(len(list(element.all(_COUNTED[element.name]))))
    for child_name, (counter, inside) in _COUNTS.items():
        holders = list(element.all(child_name))
        found = element.find(counter)
        if found is not None and holders:
            found.text = str(len(list(holders[0].all(inside))) if inside else len(holders))
    return element
