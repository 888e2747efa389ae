"""Finding a command of the catalog by what somebody typed, and explaining its fields."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from cambus.cli.failures import UsageError
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.codec import JSON, decode
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

NEAR: Final = 0.5

Spec = CommandSpec[Any, Any]


def services() -> list[str]:
    """The services that have commands, by name."""
    return sorted({spec.service for spec in SERVICE_COMMANDS.values() if spec.service is not None})


def commands_of(service: str | None) -> Mapping[str, Spec]:
    """The commands to devices, or to one service, by `noun.verb`.

    Raises:
        UsageError: there is no such service.
    """
    if service is None:
        return DEVICE_COMMANDS
    if service not in services():
        raise UsageError(f"there is no service {service!r}{_near(service, services())}")
    return {spec.name: spec for spec in SERVICE_COMMANDS.values() if spec.service == service}


def find_command(name: str, service: str | None) -> Spec:
    """Return a command.

    Raises:
        UsageError: there is none of that name; suggests those that are near.
    """
    known = commands_of(service)
    if name in known:
        return known[name]
    listing = "cambusctl call --list" + (f" --service {service}" if service else "")
    if service is None:
        for spec in SERVICE_COMMANDS.values():
            if name in {spec.key, spec.name}:
                raise UsageError(
                    f"{spec.name} is a command to the service {spec.service}",
                    hint=f"cambusctl call --service {spec.service} {spec.name}",
                )
    elif name in DEVICE_COMMANDS:
        raise UsageError(f"{name} is a command to a device", hint=f"cambusctl call DEVICE {name}")
    raise UsageError(f"there is no command {name!r}{_near(name, known)}", hint=listing)


def _near(name: str, known: Iterable[str]) -> str:
    """Suggestions: what is spelled alike, and what has the same noun or verb."""
    names = list(known)
    noun, _, verb = name.partition(".")
    alike = get_close_matches(name, names, n=3, cutoff=NEAR)
    related = [each for each in names if verb and (each.endswith(f".{verb}") or each.startswith(f"{noun}."))]
    found = list(dict.fromkeys([*alike, *related]))[:6]
    return f"; there are {', '.join(found)}" if found else ""


def read_request(spec: Spec, body: str, *, confirmed: bool) -> Message:
    """Return the request that a JSON text means; `confirmed` fills in the field `confirm`.

    Raises:
        UsageError: it is no JSON object, names a field that does not exist, or has one that is not right.
    """
    explain = f"cambusctl call --explain {spec.key}"
    try:
        fields = json.loads(body or "{}")
    except ValueError as error:
        raise UsageError(f"the request is no JSON: {error}", hint="wanted '{\"channel\": 0}'") from None
    if not isinstance(fields, dict):
        raise UsageError("the request must be a JSON object", hint=explain)
    for name in fields:
        if name not in spec.request.model_fields:
            raise UsageError(
                f"{spec.name} has no field {name!r}{_near(name, spec.request.model_fields)}", hint=explain
            )
    if spec.confirm and confirmed:
        fields.setdefault("confirm", True)
    try:
        request: Message = decode(spec.request, json.dumps(fields).encode(), JSON)
    except CambusError as error:
        raise UsageError(error.text, hint=explain) from None
    return request


def explain_fields(model: type[Message]) -> Iterator[tuple[str, str, str, str]]:
    """Each field of a message: its name, its type, its default, what it means."""
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        shown = _type_of(schema["properties"].get(name, {}), schema.get("$defs", {}))
        default = "required" if field.is_required() else json.dumps(schema["properties"][name].get("default"))
        yield name, shown, default, field.description or ""


def _type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The type of a field in a few words."""
    if "$ref" in schema:
        return _type_of(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            kinds = [_type_of(each, definitions) for each in schema[several] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}), definitions)}"
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f" {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"{schema.get('format') or schema.get('type', 'any')}{bounds}"


def example_of(model: type[Message]) -> str:
    """One realistic message as JSON."""
    examples = model.model_json_schema().get("examples") or [{}]
    return json.dumps(examples[0], ensure_ascii=False)
