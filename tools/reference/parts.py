"""What several messages share: objects inside of others, and closed lists of words."""

from reference.markdown import GENERATED, code, document, prose
from reference.models import definitions
from reference.shapes import fields, referred


def names() -> list[str]:
    """Every model and word list that something refers to."""
    found = referred(definitions()) - {"JsonValue"}
    return sorted(found, key=str.lower)


def page() -> str:
    """The page of the parts."""
    intro = "Objects that stand inside of commands, events and stored values, and the closed lists of words."
    return document("# Parts of messages", GENERATED, intro, *map(_part, names()))


def _part(name: str) -> str:
    schema = definitions()[name]
    words = ", ".join(code(word) for word in schema.get("enum", ()))
    return document(
        f"## {name}",
        prose(schema.get("description", "")),
        f"One of {words}." if words else "",
        fields(schema),
    )
