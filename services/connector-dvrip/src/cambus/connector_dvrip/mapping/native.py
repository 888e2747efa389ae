"""The device's own JSON, made fit to be shown: without secrets, bounded, and of values every encoding can carry."""

import math
from typing import Any, Final

from cambus.dvrip.redaction import redact
from cambus.schemas.model import JsonObject

MAX_DEPTH: Final = 24
MAX_ITEMS: Final = 20_000
_INT64: Final = 1 << 63


def json_object(value: Any, max_items: int = MAX_ITEMS) -> JsonObject:
    """Return an object of the device; anything that is none stands under `value`, and too much of it is left out."""
    shown = json_value(value, max_items)
    return shown if isinstance(shown, dict) else {"value": shown}


def json_value(value: Any, max_items: int = MAX_ITEMS) -> Any:
    """Return any JSON of the device; one with more than `max_items` values is replaced by a note."""
    budget = [max_items]
    shown = _fit(value, MAX_DEPTH, budget)
    return {"omitted": "too much to show"} if budget[0] < 0 else redact(shown)


def text(value: str, limit: int = 200) -> str:
    """Return a text of the device without control characters and cut to `limit` characters."""
    shown = "".join(character for character in value[: 4 * limit] if character.isprintable())
    return shown[:limit]


def _fit(value: Any, depth: int, budget: list[int]) -> Any:  # noqa: PLR0911  # one line for each JSON type
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        return None
    if isinstance(value, dict):
        return {str(key)[:200]: _fit(item, depth - 1, budget) for key, item in value.items()}
    if isinstance(value, list):
        return [_fit(item, depth - 1, budget) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    return str(value)
