"""JSON bodies (DVRIP §2.4): tails, encodings, limits.

Reading is liberal about what fielded devices do (any tail, GBK or latin-1, raw control characters) and strict
about what could hurt: nesting, number of nodes, malformed JSON, duplicate keys. Nothing here recurses over
device input.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from cambus.dvrip.errors import MalformedPayload

#: A JSON body as Python holds it.
JsonObject = dict[str, Any]

#: The tail Cambus sends, counted in DataLength.
TAIL: Final = b"\n\x00"
_TAIL_BYTES: Final = b"\x00\n\r "
MAX_DEPTH: Final = 32
MAX_NODES: Final = 200_000
#: Escaped halves of characters in a body; no device writes its texts so.
MAX_SURROGATES: Final = 20_000

#: A string, to the end of the text if it is not closed, so that no quote in it is tried as another beginning.
_STRINGS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS: Final = re.compile(r"[\[\]{}]")
#: A whole run of backslashes and the escaped surrogates behind it: a pair, or lone ones in a row.
_SURROGATES: Final = re.compile(
    r"(\\(?<!\\\\)\\*+)"
    r"(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(u[dD](?:[c-fC-F]|[89abAB](?!..\\u[dD][c-fC-F]))[0-9a-fA-F]{2}"
    r"(?:\\u[dD](?:[c-fC-F]|[89abAB](?!..\\u[dD][c-fC-F]))[0-9a-fA-F]{2})*+))",
    re.DOTALL,
)
_ESCAPE_CHARS: Final = 6


def strip_tail(data: bytes) -> bytes:
    """``data`` without any trailing mix of NUL, LF, CR and space; never a fixed number of bytes."""
    return data.rstrip(_TAIL_BYTES)


def decode_text(data: bytes) -> str:
    """Text of a device: UTF-8, else GBK, else latin-1 (which cannot fail)."""
    for encoding in ("utf-8", "gbk"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def decode_body(data: bytes) -> JsonObject:
    """The JSON object in a control payload; an empty payload is an empty object.

    Raises:
        MalformedPayload: not JSON, not an object, duplicate keys, or above `MAX_DEPTH`, `MAX_NODES` or
            `MAX_SURROGATES`.
    """
    text = decode_text(strip_tail(data)).lstrip("\ufeff \t\r\n")
    if not text:
        return {}
    if text[0] != "{":
        raise MalformedPayload(f"want an object, got {_excerpt(text, 0)}", offset=0, context="JSON body")
    _check_limits(text)
    surrogates = text.count("\\ud") + text.count("\\uD")
    if surrogates > MAX_SURROGATES:
        raise MalformedPayload(f"more than {MAX_SURROGATES} halves of characters", context="JSON body")
    if surrogates:
        # A lone surrogate can be written as an escape but not as UTF-8: nobody downstream could send it on.
        text = _SURROGATES.sub(_no_lone_surrogate, text)
    try:
        value: JsonObject = _DECODER.decode(text)  # the text starts with a brace
    except json.JSONDecodeError as error:
        raise MalformedPayload(
            f"{error.msg}: {_excerpt(text, error.pos)}", offset=error.pos, context="JSON body"
        ) from None
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(str(error)[:120], context="JSON body") from None
    return value


def encode_body(body: Mapping[str, Any]) -> bytes:
    """A control payload: compact UTF-8 JSON plus `TAIL`."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), check_circular=False)
    return text.encode("utf-8", "replace") + TAIL


def looks_like_json(data: bytes) -> bool:
    """Whether a payload can be a JSON body: empty, or an object at first sight."""
    head = strip_tail(data)[:64].lstrip()
    return not head or head.startswith(b"{")


def _check_limits(text: str) -> None:
    openers = text.count("{") + text.count("[")
    if openers <= MAX_DEPTH and text.count(",") + openers < MAX_NODES:
        return  # cannot be too deep or too long, whatever is inside the strings
    # Escaped quotes are not counted, nor is one behind an escaped backslash: the sum errs to the lenient side.
    if text.count('"') - text.count('\\"') > 4 * MAX_NODES:
        raise MalformedPayload("more strings than there may be nodes", context="JSON body")
    skeleton = _STRINGS.sub("", text)
    if skeleton.count(",") + skeleton.count("{") + skeleton.count("[") >= MAX_NODES:
        raise MalformedPayload(f"more than {MAX_NODES} nodes", context="JSON body")
    depth = 0
    for bracket in _BRACKETS.finditer(skeleton):
        depth += 1 if bracket[0] in "{[" else -1
        if depth > MAX_DEPTH:
            raise MalformedPayload(f"deeper than {MAX_DEPTH}", context="JSON body")
        if depth <= 0:
            return  # the object ends here; if there is more, the decoder refuses it


def _no_lone_surrogate(found: re.Match[str]) -> str:
    backslashes, pair, lone = found.groups()
    if len(backslashes) % 2 == 0:  # the last one is itself escaped: what follows it is text
        return backslashes + (pair or lone)[: _ESCAPE_CHARS - 1] + "?" * (len(pair or lone) // _ESCAPE_CHARS)
    return found[0] if pair else backslashes[:-1] + "?" * (len(lone) // _ESCAPE_CHARS + 1)


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedPayload(f"duplicate key {key[:40]!r}", context="JSON body")
            seen.add(key)
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedPayload(f"{name} is no JSON number", context="JSON body")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedPayload(f"a number of {len(text)} characters is too large", context="JSON body")
    return number


def _excerpt(text: str, position: int) -> str:
    # Enough to see what is wrong, too little to carry a credential out of a login body.
    return repr(text[position : position + 12])


_DECODER: Final = json.JSONDecoder(
    strict=False, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant
)
