"""The parts of the AsyncAPI document that others refer to: schemas, messages, headers and parameters."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from cambus.schemas import headers
from cambus.schemas.catalog import EVENTS, CommandSpec
from cambus.schemas.codec import JSON, MSGPACK
from cambus.schemas.errors import ErrorReply
from cambus.schemas.ids import TOKEN_PATTERN
from cambus.schemas.model import Message
from cambus.schemas.registry import declared_example, models
from cambus.schemas.state.dead_letters import DeadLetter
from cambus.schemas.transfer import OCTETS, TransferEnd, TransferReadRequest

Document = dict[str, Any]
"""A JSON object."""

_NONE = re.compile(r"\bNone\b")

FRAMES = "MediaFrame"
CHUNK = "TransferChunk"


class _Untitled(GenerateJsonSchema):
    """Schemas without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the signature is pydantic's
        """Say no."""
        return False


PARAMETERS: Document = {
    "device": {"description": f"The device id, a token of {TOKEN_PATTERN}.", "examples": ["gate-1"]},
    "channel": {"description": "The channel, counted from 0.", "examples": ["0"]},
    "stream": {
        "description": "Which encoder of the channel.",
        "enum": ["main", "sub", "third", "fourth"],
        "default": "main",
    },
    "session": {"description": "The session, from the reply that opened it.", "examples": ["pb-01"]},
    "consumer": {"description": "The durable consumer.", "examples": ["alarm-router"]},
}
"""The variable parts of the addresses."""


def ref(kind: str, name: str) -> Document:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schemas(ref_template: str) -> Document:
    """Return the JSON Schema of every model and of every word list they use, by name."""
    inputs = [(model, "validation") for model in models().values()]
    _, combined = models_json_schema(inputs, ref_template=ref_template, schema_generator=_Untitled)  # type: ignore[arg-type]  # the mode is a literal
    definitions: Document = combined["$defs"]
    return {name: _plain(definitions[name]) for name in sorted(definitions)}


def _plain(schema: Any, key: str = "") -> Any:
    """Leave out `discriminator`, which AsyncAPI writes differently, and say null where Python says None.

    `oneOf` with constants says the same as the discriminator.
    """
    if isinstance(schema, dict):
        return {name: _plain(value, name) for name, value in schema.items() if name != "discriminator"}
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    return _NONE.sub("null", schema) if key == "description" and isinstance(schema, str) else schema


def messages(commands: Iterable[CommandSpec[Any, Any]]) -> Document:
    """Return every message, by the name of its model."""
    headers_of: dict[str, tuple[type[Message], str]] = {
        ErrorReply.__name__: (ErrorReply, "ErrorHeaders"),
        DeadLetter.__name__: (DeadLetter, "EventHeaders"),
        TransferReadRequest.__name__: (TransferReadRequest, "RequestHeaders"),
        TransferEnd.__name__: (TransferEnd, "ReplyHeaders"),
    }
    for spec in commands:
        headers_of[spec.reply.__name__] = (spec.reply, "ReplyHeaders")
    for spec in commands:
        headers_of[spec.request.__name__] = (spec.request, "RequestHeaders")
    for event in EVENTS.values():
        headers_of[event.model.__name__] = (event.model, "EventHeaders")
    found = {name: _message(model, kind) for name, (model, kind) in sorted(headers_of.items())}
    found[FRAMES] = {
        "name": FRAMES,
        "title": FRAMES,
        "summary": "An access unit, an audio packet or a part of one: a fixed header, then the payload.",
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
    }
    found[CHUNK] = {
        "name": CHUNK,
        "title": CHUNK,
        "summary": "One chunk of a bulk transfer: the bytes themselves.",
        "contentType": OCTETS,
        "headers": ref("schemas", "ChunkHeaders"),
        "payload": {"type": "string", "format": "binary"},
    }
    return dict(sorted(found.items()))


def _message(model: type[Message], kind: str) -> Document:
    return {
        "name": model.__name__,
        "title": model.__name__,
        "summary": (model.__doc__ or "").partition("\n")[0],
        "headers": ref("schemas", kind),
        "payload": ref("schemas", model.__name__),
        "examples": [{"name": "example", "payload": declared_example(model)}],
    }


def header_schemas() -> Document:
    """Return the schemas of the message headers."""

    def schema(**properties: str) -> Document:
        return {
            "type": "object",
            "properties": {
                name.replace("_", "-"): {"type": "string", "description": text}
                for name, text in properties.items()
            },
        }

    kind = {headers.CONTENT_TYPE: f"`{MSGPACK}` or `{JSON}`."}
    trace = {headers.TRACEPARENT: "W3C Trace Context, passed through."}
    owner = {
        headers.OWNER: "The replica that holds the device.",
        headers.EPOCH: "The lease revision under which it does.",
    }
    return {
        "RequestHeaders": schema(
            **kind,
            **trace,
            **{
                headers.DEADLINE_MS: "Milliseconds the caller still waits.",
                headers.CALLER: "Who asks, in the caller's own words; stands in the audit log.",
                headers.ON_BEHALF_OF: "Who is behind the caller, as a system that passes commands on says; in the "
                "audit log, and told to lower platforms.",
                headers.PREFERRED_PATH: "By which systems below the device a stream is wanted, nearest first, with "
                "`-` between; told to lower platforms.",
            },
        ),
        "ReplyHeaders": schema(**kind, **owner),
        "ErrorHeaders": schema(
            **kind,
            **owner,
            **{
                headers.SERVICE_ERROR: "The text.",
                headers.SERVICE_ERROR_CODE: "The code, as a decimal number.",
            },
        ),
        "EventHeaders": schema(**kind, **trace, **{headers.MESSAGE_ID: "The event id."}),
        "ChunkHeaders": schema(**{headers.OFFSET: "Where in the whole the first byte of the chunk is."}),
    }
