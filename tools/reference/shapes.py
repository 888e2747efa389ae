"""What a field may hold, in words; from its JSON Schema, which is what programs in other languages go by."""

from typing import Any, Final

from reference.markdown import code, prose, table

Schema = dict[str, Any]

_FORMATS: Final = {
    "date-time": "instant",
    "path": "path",
    "file-path": "path",
    "directory-path": "path",
    "password": "secret",
    "base64": "bytes",
    "base64url": "bytes",
    "binary": "bytes",
}
_LOWER: Final = (("minimum", "≥"), ("exclusiveMinimum", ">"))
_UPPER: Final = (("maximum", "≤"), ("exclusiveMaximum", "<"))


def shape(schema: Schema) -> str:
    """What a value may be, as Markdown."""
    if "$ref" in schema:
        return _link(schema["$ref"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(shape(each) for each in schema[choice]))
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    return _plain(schema)


def _plain(schema: Schema) -> str:
    kind = schema.get("type")
    if kind == "array":
        return f"list of {shape(schema['items'])}" if schema.get("items") else "list"
    if kind == "object":
        return _object(schema)
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "text")
    if kind in ("integer", "number"):
        return " ".join([kind, *_bounds(schema)])
    return kind or "anything"


def _object(schema: Schema) -> str:
    values = schema.get("additionalProperties") or next(
        iter(schema.get("patternProperties", {}).values()), None
    )
    if not isinstance(values, dict) or values.get("$ref", "").endswith("JsonValue"):
        return "object"
    return f"object of {shape(values)}"


def _bounds(schema: Schema) -> list[str]:
    found = (f"{sign} {schema[key]:g}" for key, sign in (*_LOWER, *_UPPER) if key in schema)
    return [", ".join(found)]


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return "any JSON" if name == "JsonValue" else f"[{name}](parts.md#{name.lower()})"


def default_of(name: str, schema: Schema, required: set[str]) -> str:
    """What holds where the field is left out."""
    if name in required:
        return "**required**"
    value = schema.get("default")
    if value is None or value in ("", [], {}):
        return ""
    return code(str(value).lower() if isinstance(value, bool) else value)


def fields(schema: Schema) -> str:
    """The table of an object's fields; empty for one without."""
    required = set(schema.get("required", ()))
    return table(
        ("field", "holds", "default", "meaning"),
        (
            (code(name), shape(field), default_of(name, field, required), prose(field.get("description", "")))
            for name, field in schema.get("properties", {}).items()
        ),
    )


def referred(node: Any) -> set[str]:
    """The names of all models that a schema refers to."""
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(referred(each) for each in node.values()))
    if isinstance(node, list):
        return set().union(*(referred(each) for each in node))
    return set()
