"""Where answers to a client come in."""

from typing import Final

INBOXES: Final = "_INBOX"


def inbox_prefix(name: str) -> str:
    """Return where answers to a client come in: each has a place of its own, so that none reads another's."""
    return f"{INBOXES}.{name}"
