"""Texts with places to fill in: `{device}`, `{type}` … out of one closed list, and nothing else.

A place is a name in braces; `{{` and `}}` stand for the braces themselves. There are no formats, attributes or
expressions, so that neither who writes a template nor what a device says can reach anything else.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

PLACES: Final = {
    "id": "the event",
    "event": "`alarm.raised`, `alarm.cleared` …",
    "device": "the device",
    "device_name": "what people call it",
    "channel": "the channel; empty for the device as a whole",
    "type": "what it is about",
    "severity": "how bad it is",
    "text": "what the device or its connector says of it",
    "at": "when, RFC 3339 in UTC",
    "key": "what pairs beginning and end",
    "raised": "the event that began it",
    "duration_s": "how many seconds it lasted; empty before its end",
    "rule": "the rule",
    "rule_name": "what people call the rule",
    "suppressed": "how many like it were kept back before",
    "step": "the step of an escalation, from 1; empty otherwise",
    "by": "who acknowledged it; empty otherwise",
    "note": "what they noted",
}
"""What may be filled in."""

SECRET: Final = "secret"  # noqa: S105  # the name of a place, no secret
"""Filled in by HTTP gateways only."""

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([a-z_]{1,32})\}|[{}]")


def _known(text: str) -> str:
    for match in _PLACE.finditer(text):
        name = match[1]
        if name is not None and name not in PLACES and name != SECRET:
            raise ValueError(f"there is nothing to fill in for {{{name}}}; there are {', '.join(PLACES)}")
        if name is None and match[0] in {"{", "}"}:
            raise ValueError("a brace stands alone; {{ and }} stand for braces themselves")
    return text


Template = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_known)]
"""A text with places to fill in."""


def fill(template: str, values: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
    """Fill in a `Template`.

    Args:
        template: the text.
        values: what goes where; what is missing is left empty.
        quote: applied to each value, such as percent-encoding.
    """

    def one(match: re.Match[str]) -> str:
        name = match[1]
        return match[0][0] if name is None else quote(values.get(name, ""))

    return _PLACE.sub(one, template)


def places(template: str) -> set[str]:
    """The names of the places in a `Template`."""
    return {match[1] for match in _PLACE.finditer(template) if match[1] is not None}
