"""Bodies of messages the vendor documents no body for (DVRIP §7.7), all of them, and how a device gets others.

What stands in `CONVENTION` is what Cambus sends and what its device role takes. A device that wants something else has
it in `Profile.bodies`. In a body the texts `$channel`, `$stream`, `$port` and `$line` are replaced by what is meant:
a number, `Main`, `RS485`, `[9600, "None", 8, 1]`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

JsonBody = Mapping[str, Any]


class Undocumented(StrEnum):
    """The messages without a documented body."""

    KEY_FRAME = "key_frame"
    SERIAL_OPEN = "serial_open"
    SERIAL_CLOSE = "serial_close"


CONVENTION: Final[Mapping[str, JsonBody]] = {
    Undocumented.KEY_FRAME: {
        "Name": "OPMonitor",
        "OPMonitor": {"Channel": "$channel", "StreamType": "$stream"},
    },
    Undocumented.SERIAL_OPEN: {
        "Name": "TransparentComm",
        "TransparentComm": {"Action": "Open", "Type": "$port", "Attribute": "$line"},
    },
    Undocumented.SERIAL_CLOSE: {
        "Name": "TransparentComm",
        "TransparentComm": {"Action": "Close", "Type": "$port", "Attribute": "$line"},
    },
}


def undocumented_body(
    what: Undocumented, bodies: Mapping[str, JsonBody | None], **values: Any
) -> dict[str, Any]:
    """Return the body of a message: the device's own of ``bodies``, or the convention; {} if it is not to be sent.

    Args:
        what: the message.
        bodies: those of the device; None is for a message it is never to get.
        values: what stands for `$channel` and the like.
    """
    template = bodies.get(what, CONVENTION[what])
    filled: dict[str, Any] = _fill(template or {}, {f"${name}": value for name, value in values.items()})
    return filled


def _fill(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {key: _fill(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [_fill(item, values) for item in template]
    return values.get(template, template) if isinstance(template, str) else template
