"""What is wrong with a value of a file somebody wrote, in words for him instead of the validator's."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

TOKEN: Final = "wanted 1 to 64 letters, digits, - and _"  # noqa: S105 - a subject token, no secret
_PATTERNS: Final = {"id": TOKEN, "protocol": "wanted the name of a protocol, such as dvrip"}
_WORDS: Final = {
    "missing": "is missing",
    "string_type": "wanted text",
    "bool_parsing": "wanted true or false",
    "bool_type": "wanted true or false",
    "list_type": "wanted a list",
    "dict_type": "wanted a mapping of keys to values",
    "model_type": "wanted a mapping of keys to values",
    "model_attributes_type": "wanted a mapping of keys to values",
}


def reason_of(error: ErrorDetails, keys: Iterable[str]) -> str:
    """What is wrong, never with the value itself; `keys`: those there are, to guess what a wrong one meant."""
    key = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            meant = get_close_matches(key, keys, n=1)
            return f"unknown key; did you mean {meant[0]}?" if meant else "unknown key"
        case "string_pattern_mismatch" if key in _PATTERNS:
            return _PATTERNS[key]
        case "string_type" if key == "id":
            return f"{TOKEN}; put a number in quotes"
        case kind:
            return _WORDS.get(kind, error["msg"].removeprefix("Value error, "))
