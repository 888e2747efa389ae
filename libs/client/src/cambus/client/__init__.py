"""A client of the Cambus bus: commands, events, state and pictures of surveillance devices, typed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cambus.client.cambus import Cambus

__all__ = ["Cambus"]


def __getattr__(name: str) -> Any:
    """`Cambus` is imported when it is asked for: the catalog takes a while, and not every part needs it."""
    if name == "Cambus":
        from cambus.client.cambus import Cambus  # noqa: PLC0415 - see above

        return Cambus
    raise AttributeError(name)
