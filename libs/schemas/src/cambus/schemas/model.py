"""The base of everything that crosses the bus, and the value types its fields are made of.

Scalars are strict (the string "5" is no number, 1 is no boolean), unknown fields are ignored, instances are
frozen, NaN and infinity are refused, and no validation error ever repeats the value it refuses, which might
be a secret.
"""

import base64
import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    JsonValue,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

MAX_NESTING = 32
"""How deep a free-form value (a device's own JSON) may nest."""

REVEAL_SECRETS = "cambus.codec.reveal-secrets"
"""The serialisation context key under which the codec, and nothing else, writes secrets in clear."""

_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Message(BaseModel):
    """The base of commands, replies, events and stored values."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        protected_namespaces=(),
        defer_build=True,
    )


def example(**fields: Any) -> ConfigDict:
    """Return the configuration of a model that shows one realistic message; it is published and tested."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Empty(Message):
    """A request that says nothing beyond its subject."""

    model_config = example()


class Done(Message):
    """A reply that says nothing beyond success."""

    model_config = example()


class Vocabulary(StrEnum):
    """The base of closed word lists: accepted and written as their text."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept the text of a member beside the member, though the models are strict."""
        lax = {**handler(source), "strict": False}
        return cast(CoreSchema, lax)


def _instant(value: Any) -> datetime:
    """Accept an aware datetime or an RFC 3339 string; give UTC."""
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise ValueError("wanted an instant with a zone, like 2026-02-01T12:17:22.250Z (RFC 3339)")


Instant = Annotated[datetime, BeforeValidator(_instant)]
"""A point in time: an aware datetime in UTC here, an RFC 3339 string ending in Z on the bus."""


def _binary(value: Any) -> bytes:
    """Accept bytes, or base64 text of them."""
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise ValueError("wanted base64 text (RFC 4648 §4)") from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


Binary = Annotated[
    bytes,
    BeforeValidator(_binary),
    PlainSerializer(_base64, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes; base64 text on the bus, in both encodings."""


def _reveal(value: SecretStr, info: SerializationInfo) -> str:
    """Write the secret only for the codec; everyone else gets asterisks."""
    context = info.context
    if isinstance(context, dict) and context.get(REVEAL_SECRETS) is True:
        return value.get_secret_value()
    return str(value)


Secret = Annotated[
    SecretStr,
    Field(strict=False, max_length=1024),
    PlainSerializer(_reveal, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "password", "writeOnly": True, "maxLength": 1024}),
]
"""A password or key: in clear through `codec.encode` only, asterisks in `repr`, `str` and every dump."""


def _shallow(value: JsonValue) -> JsonValue:
    """Refuse a free-form value that nests deeper than `MAX_NESTING` or holds a number not every reader has."""
    level: list[JsonValue] = [value]
    for _ in range(MAX_NESTING + 1):
        following: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise ValueError("wanted finite numbers")
            elif isinstance(item, int) and not _INT64_MIN <= item <= _UINT64_MAX:
                raise ValueError("wanted whole numbers of at most 64 bits")
        if not following:
            return value
        level = following
    raise ValueError(f"wanted at most {MAX_NESTING} levels of nesting")


def _shallow_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _shallow(value)
    return value


def _boolean(value: Any) -> Any:
    """Refuse what only equals true, such as 1."""
    if not isinstance(value, bool):
        raise ValueError("wanted true")  # noqa: TRY004  # pydantic reports ValueError, not TypeError
    return value


Confirmed = Annotated[Literal[True], BeforeValidator(_boolean)]
"""The `confirm` field of a destructive command: absent or false is refused before anything is sent."""

FreeJson = Annotated[JsonValue, AfterValidator(_shallow)]
"""Any JSON value, bounded in depth: what a device's own protocol says."""

JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_shallow_object)]
"""Any JSON object, bounded in depth: what a device's own protocol says."""
