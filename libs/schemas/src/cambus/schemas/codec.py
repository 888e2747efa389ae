"""One model, two encodings: msgpack by default, JSON for hands and browsers.

This is the only way a `Secret` is written in clear, and the edge where everything from the bus is bounded:
size, nesting, extension types, key types. Whatever is wrong with a body is a `BadRequest` that names the
field and what was wanted, and never the value.
"""

import json
import re
from typing import Any, TypeVar

import msgpack
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from cambus.schemas.errors import BadRequest, TooLarge
from cambus.schemas.model import REVEAL_SECRETS, Message

MSGPACK = "application/msgpack"
JSON = "application/json"

MAX_BODY_BYTES = 1 << 20
"""The default bound on one body, NATS's own default `max_payload`."""

_MAX_ITEMS = 65536
_NAMED_ERRORS = 3
_KINDS = {
    MSGPACK: MSGPACK,
    "application/x-msgpack": MSGPACK,
    "application/vnd.msgpack": MSGPACK,
    JSON: JSON,
    "text/json": JSON,
}
_CONTEXT = {REVEAL_SECRETS: True}
_BLANKS = b" \t\r\n"
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")

M = TypeVar("M", bound=Message)


def content_type_of(header: str | None, data: bytes) -> str:
    """Return `MSGPACK` or `JSON` for a body with this content-type header (None or empty: look at the body).

    Without a header a body that is empty or starts with `{` is JSON: no msgpack map starts with that byte
    (0x7B is the number 123).

    Raises:
        BadRequest: the header names neither.
    """
    if not header:
        start = data[:1]
        if start in _BLANKS:  # also true for b"": an empty body is an empty JSON object
            start = data.lstrip(_BLANKS)[:1]
        return JSON if start in (b"{", b"") else MSGPACK
    kind = _KINDS.get(header) or _KINDS.get(header.partition(";")[0].strip().lower())
    if kind is None:
        raise BadRequest(f"content type: wanted {MSGPACK} or {JSON}", reason="content-type")
    return kind


def encode(model: Message, content_type: str = MSGPACK, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """Write a model, secrets in clear, for the wire; `content_type` is `MSGPACK` or `JSON`.

    Half characters (lone surrogates), which device texts may bring and neither encoding can carry, become U+FFFD.

    Raises:
        TooLarge: more than `limit` bytes.
        BadRequest: the content type is none of ours.
    """
    try:
        data = _write(model, content_type)
    except (UnicodeEncodeError, PydanticSerializationError):
        data = _write_plain(_whole_characters(model.model_dump(mode="json", context=_CONTEXT)), content_type)
    if len(data) > limit:
        raise TooLarge(f"{type(model).__name__}: {len(data)} bytes, at most {limit} fit")
    return data


def _write(model: Message, content_type: str) -> bytes:
    if content_type == MSGPACK:
        return _write_plain(model.model_dump(mode="json", context=_CONTEXT), MSGPACK)
    if content_type == JSON:
        return model.model_dump_json(context=_CONTEXT).encode()
    raise BadRequest(f"content type: wanted {MSGPACK} or {JSON}", reason="content-type")


def _write_plain(value: Any, content_type: str) -> bytes:
    if content_type == JSON:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    packed: bytes = msgpack.packb(value)
    return packed


def _whole_characters(value: Any) -> Any:
    """The same plain value with every half character replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    return value


def decode(
    wanted: type[M], data: bytes, content_type: str | None = None, *, limit: int = MAX_BODY_BYTES
) -> M:
    """Read a body as the model `wanted`; `content_type` as in `content_type_of`. An empty JSON body is `{}`.

    Raises:
        TooLarge: more than `limit` bytes.
        BadRequest: not the encoding it claims to be, or not what the model wants; the text names the field.
    """
    if len(data) > limit:
        raise TooLarge(f"body: {len(data)} bytes, at most {limit} are taken")
    try:
        if content_type_of(content_type, data) == JSON:
            return wanted.model_validate_json(data if data.strip() else b"{}")
        return wanted.model_validate(_unpack(data))
    except ValidationError as error:
        raise BadRequest(explain_invalid(wanted, error)) from None


def _unpack(data: bytes) -> Any:
    """Read msgpack within bounds; plain types and text keys only."""
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            ext_hook=_refuse_extension,
            max_ext_len=0,
            max_str_len=len(data),
            max_bin_len=len(data),
            max_array_len=_MAX_ITEMS,
            max_map_len=_MAX_ITEMS,
        )
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise BadRequest(f"body: no msgpack we take ({_short(error)})", reason="not-msgpack") from None


def _refuse_extension(code: int, data: bytes) -> Any:
    """Extension types would bring types the models do not know."""
    raise ValueError(f"extension type {code}, {len(data)} bytes")


def _short(error: Exception) -> str:
    """The kind of a decoder's error; its text may quote the body."""
    match error:
        case UnicodeDecodeError():
            return f"text that is no UTF-8 at byte {error.start} of a string"
        case msgpack.exceptions.StackError():
            return "nested too deep"
        case msgpack.exceptions.ExtraData():
            return "bytes after the value"
        case msgpack.exceptions.FormatError():
            return "bad format byte"
        case _:
            return "cut short, too long, an extension type or a key that is no text"


def explain_invalid(wanted: type[Message], error: ValidationError) -> str:
    """Name the fields and what was wanted, without the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    named = [f"{_path(problem['loc'])}: {problem['msg']}" for problem in problems[:_NAMED_ERRORS]]
    if len(problems) > _NAMED_ERRORS:
        named.append(f"and {len(problems) - _NAMED_ERRORS} more")
    return f"{wanted.__name__}: {'; '.join(named)}"


def _path(location: tuple[int | str, ...]) -> str:
    """`("rules", 0, "match", "types", 2)` as `rules[0].match.types[2]`; the whole body as `body`.

    A key the sender chose is shown only if it is a plain word: the text ends up in headers and logs.
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part if _WORD.fullmatch(part) else '?'}"
    return text.lstrip(".") or "body"
