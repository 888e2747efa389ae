"""`devices.yaml`: the keys of an entry, and what each protocol takes under `options`."""

from cambus.cli.devices_file import CredentialsEntry, DeviceEntry
from cambus.connector.record_options import RecordOptions
from reference.markdown import GENERATED, code, document, prose, table
from reference.services import module_of, names, own_classes
from reference.shapes import Schema, default_of, shape

MEANINGS = {
    "id": "Its name on the bus: letters, digits, `-` and `_`, 64 at most. It is what recordings and rules know it by.",
    "protocol": "Which connector it is for: one of those below.",
    "address": "`HOST` or `HOST:PORT` to dial; left out for a device that dials or registers with Cambus.",
    "name": "What people call it.",
    "tags": "Words to choose devices by, in rules, policies and upgrades: `site:north`.",
    "credentials": "How it is logged in at, or how it logs in with us.",
    "options": "Settings of the protocol for this device; see below.",
    "enabled": "False to leave it alone without forgetting it.",
    "username": "The name of the account; `gb28181` uses the device's code where none is given.",
    "password": "The password. Better is `password_file`.",
    "password_file": "A file with the password, relative to `devices.yaml`.",
}
"""What the keys of the file mean; a test holds it to be complete."""


def protocols() -> dict[str, type[RecordOptions]]:
    """The options of every protocol there is a connector for."""
    found = {}
    for service in names():
        if service.startswith("connector-"):
            (options,) = own_classes(module_of(service, "options"), RecordOptions)
            found[service.removeprefix("connector-")] = options
    return found


def page() -> str:
    """The page of `devices.yaml`."""
    intro = (
        "`cambusctl apply -f devices.yaml` makes the devices on the bus those of the file. The whole file is "
        "checked before anything is written, and a mistake is told with its line. It has one key, `devices`, "
        "with a list of entries."
    )
    sections = [
        part
        for protocol, options in protocols().items()
        for part in (f"## Options of {protocol}", _table(options.model_json_schema(ref_template="#/{model}")))
    ]
    return document(
        "# devices.yaml",
        GENERATED,
        intro,
        "## An entry",
        _keys(DeviceEntry.model_json_schema()),
        "## Credentials",
        "One of `password` and `password_file` is given.",
        _keys(CredentialsEntry.model_json_schema()),
        *sections,
    )


def _keys(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (code(name), "**required**" if name in required else "", MEANINGS[name])
        for name in schema["properties"]
    )
    return table(("key", "", "meaning"), rows)


def _table(schema: Schema) -> str:
    own = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    rows = (
        (
            code(name),
            _inline(field, own),
            default_of(name, field, required),
            prose(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
    )
    return table(("option", "holds", "default", "meaning"), rows)


def _inline(field: Schema, own: dict[str, Schema]) -> str:
    """The shape of an option; objects and word lists of its own are written out."""
    if field.get("type") == "array" and field.get("items"):
        return f"list of {_inline(field['items'], own)}"
    for choice in ("anyOf", "oneOf"):
        if choice in field:
            return " or ".join(dict.fromkeys(_inline(each, own) for each in field[choice]))
    target = own.get(str(field.get("$ref", "")).rpartition("/")[2])
    if target is None:
        return shape(field)
    if "properties" in target:
        return "object of " + ", ".join(map(code, target["properties"]))
    return shape(target)
