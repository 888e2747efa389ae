"""For whom a command is given, and by which way: said by who gives it, and handed on from command to command.

Neither is a proof of anything. What runs in the context of a command hands both on with the commands it gives itself.
"""

from contextvars import ContextVar
from typing import Final

MAX_TEXT: Final = 1000
MAX_CALLER: Final = 128

ON_BEHALF_OF: ContextVar[str | None] = ContextVar("cambus_on_behalf_of", default=None)
"""Who is behind a command, in the words of a system that passes it on, such as a larger platform."""

PREFERRED_PATH: ContextVar[str | None] = ContextVar("cambus_preferred_path", default=None)
"""By which systems below the device a stream is wanted, nearest first, with `-` between."""


def handed_on(text: str | None) -> str | None:
    """What may be handed on of a header: printable, in a header and in a line of a log; None for nothing."""
    if text is None:
        return None
    return "".join(character for character in text if " " <= character <= "~")[:MAX_TEXT].strip() or None


def caller_name(text: str) -> str:
    """Return the name of a caller as it fits a header and a line of a log."""
    return "".join(character for character in text if " " <= character <= "~")[:MAX_CALLER].strip()
