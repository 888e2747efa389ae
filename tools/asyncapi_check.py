"""Check that an AsyncAPI 3.0 document holds together: `tools/asyncapi_check.py proto-schemas/asyncapi.yaml`.

Not the whole specification, but what breaks readers of the document: every reference leads somewhere,
channels, operations and messages are linked as AsyncAPI 3.0 §Operation Object and §Channel Object demand,
parameters and addresses agree, and every schema and example is sound under JSON Schema draft-07 (the dialect
of AsyncAPI) and draft 2020-12.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError

NAME = re.compile(r"^[A-Za-z0-9._-]+$")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
ROOT_KEYS = {
    "asyncapi",
    "id",
    "info",
    "servers",
    "defaultContentType",
    "channels",
    "operations",
    "components",
}
CHANNEL_KEYS = {
    "address",
    "messages",
    "title",
    "summary",
    "description",
    "servers",
    "parameters",
    "tags",
    "externalDocs",
    "bindings",
}
OPERATION_KEYS = {
    "action",
    "channel",
    "title",
    "summary",
    "description",
    "security",
    "tags",
    "externalDocs",
    "bindings",
    "traits",
    "messages",
    "reply",
}
MESSAGE_KEYS = {
    "headers",
    "payload",
    "correlationId",
    "contentType",
    "name",
    "title",
    "summary",
    "description",
    "tags",
    "externalDocs",
    "bindings",
    "examples",
    "traits",
}
PARAMETER_KEYS = {"enum", "default", "description", "examples", "location"}

Document = dict[str, Any]


def problems(document: Document) -> list[str]:
    """Everything that is wrong with a document, in words; nothing if it holds together."""
    found = list(_root(document))
    if found:
        return found
    found += _references(document, document, "#")
    if found:
        return found
    channels, operations = document["channels"], document.get("operations", {})
    for name, channel in channels.items():
        found += [f"channels.{name}: {text}" for text in _channel(document, name, channel)]
    for name, operation in operations.items():
        found += [f"operations.{name}: {text}" for text in _operation(document, name, operation)]
    components = document.get("components", {})
    for name, message in components.get("messages", {}).items():
        found += [f"components.messages.{name}: {text}" for text in _message(document, message)]
    for name, schema in components.get("schemas", {}).items():
        found += [f"components.schemas.{name}: {text}" for text in _schema(schema)]
    for name, parameter in components.get("parameters", {}).items():
        found += [f"components.parameters.{name}: {text}" for text in _unknown(parameter, PARAMETER_KEYS)]
    return found


def _root(document: Document) -> Iterator[str]:
    if not re.fullmatch(r"3\.0\.\d+", str(document.get("asyncapi", ""))):
        yield "asyncapi: wanted 3.0.x"
    info = document.get("info", {})
    if not (info.get("title") and info.get("version")):
        yield "info: wanted a title and a version"
    for name, server in document.get("servers", {}).items():
        if not (server.get("host") and server.get("protocol")):
            yield f"servers.{name}: wanted host and protocol"
    if not document.get("channels"):
        yield "channels: wanted some"
    yield from _unknown(document, ROOT_KEYS)


def _unknown(value: Document, known: set[str]) -> Iterator[str]:
    for key in value:
        if key not in known and not key.startswith("x-"):
            yield f"{key}: no such field in AsyncAPI 3.0"


def _references(document: Document, node: Any, where: str) -> Iterator[str]:
    """References that lead nowhere; only those inside the document are allowed."""
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str) and _resolve(document, target) is None:
            yield f"{where}: {target} leads nowhere"
        for key, value in node.items():
            yield from _references(document, value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _references(document, value, f"{where}/{index}")


def _resolve(document: Document, pointer: str) -> Any:
    if not pointer.startswith("#/"):
        return None
    node: Any = document
    for part in pointer[2:].split("/"):
        if not isinstance(node, dict):
            return None
        node = node.get(part.replace("~1", "/").replace("~0", "~"))
    return node


def _followed(document: Document, node: Document) -> Document:
    """What a reference leads to, or the thing itself."""
    target: Document = _resolve(document, node["$ref"]) if "$ref" in node else node
    return target


def _channel(document: Document, name: str, channel: Document) -> Iterator[str]:
    if not NAME.match(name):
        yield "wanted a name of letters, digits, dots and dashes"
    yield from _unknown(channel, CHANNEL_KEYS)
    address = channel.get("address")
    placeholders = PLACEHOLDER.findall(address) if isinstance(address, str) else []
    if len(placeholders) != len(set(placeholders)):
        yield "address: a placeholder occurs twice"
    if set(placeholders) != set(channel.get("parameters", {})):
        yield f"parameters: wanted {sorted(set(placeholders))}"
    if not channel.get("messages"):
        yield "messages: wanted some"
    for key, message in channel.get("messages", {}).items():
        if "payload" not in _followed(document, message):
            yield f"messages.{key}: has no payload"


def _operation(document: Document, name: str, operation: Document) -> Iterator[str]:
    if not NAME.match(name):
        yield "wanted a name of letters, digits, dots and dashes"
    yield from _unknown(operation, OPERATION_KEYS)
    if operation.get("action") not in {"send", "receive"}:
        yield "action: wanted send or receive"
    yield from _linked(operation)
    if "reply" in operation:
        yield from (f"reply: {text}" for text in _linked(operation["reply"]))
        reply_channel = _followed(document, operation["reply"].get("channel", {}))
        if reply_channel.get("address") is not None and "address" in operation["reply"]:
            yield "reply: address and a channel with an address exclude each other"


def _linked(linking: Document) -> Iterator[str]:
    """The channel is a reference to a channel, the messages are references to messages of that channel."""
    channel = linking.get("channel", {}).get("$ref", "")
    if not channel.startswith("#/channels/"):
        yield "channel: wanted a reference to a channel"
    for message in linking.get("messages", []):
        if not message.get("$ref", "").startswith(f"{channel}/messages/"):
            yield f"messages: {message.get('$ref')} is no message of {channel}"


def _message(document: Document, message: Document) -> Iterator[str]:
    yield from _unknown(message, MESSAGE_KEYS)
    headers = message.get("headers")
    if headers is not None and _followed(document, headers).get("type") != "object":
        yield "headers: wanted a schema of an object"
    schema = {**message.get("payload", {}), "components": document.get("components", {})}
    for example in message.get("examples", []):
        if "payload" in example:
            for error in Draft7Validator(schema).iter_errors(example["payload"]):
                where = "/".join(map(str, error.path))
                yield f"example: {where}: does not fit the payload ({error.validator})"


def _schema(schema: Document) -> Iterator[str]:
    for validator in (Draft7Validator, Draft202012Validator):
        try:
            validator.check_schema(schema)
        except SchemaError as error:
            yield f"no JSON Schema: {'/'.join(map(str, error.path))}: {error.validator}"


def main() -> int:
    """Check the named documents; 0 when all of them hold together."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    failed = False
    for argument in sys.argv[1:]:
        for problem in problems(yaml.safe_load(Path(argument).read_text(encoding="utf-8"))):
            failed = True
            print(f"{argument}: {problem}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
