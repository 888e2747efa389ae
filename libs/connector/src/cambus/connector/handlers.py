"""The commands a driver answers: a table from catalog command to function, the same for all its sessions."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cambus.bus.calls import CallContext
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

S = TypeVar("S")
Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

Handler = Callable[[S, CallContext, Req], Awaitable[Rep]]
"""`async (session, context, request) -> reply`; raises a `CambusError` to refuse."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One command of the table.

    Attributes:
        spec: the command.
        handler: answers it.
        exclusive: it talks to the device and takes its turn at the device's gate; False for what is answered
            from memory or runs on a connection of its own.
        audited: it leaves a line in the audit log.
    """

    spec: CommandSpec[Any, Any]
    handler: Handler[S, Any, Any]
    exclusive: bool
    audited: bool = False


class HandlerTable(Generic[S]):
    """What a driver can do. A catalog command that is not in it is answered 501."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry[S]] = {}
        self._refused: dict[str, tuple[CommandSpec[Any, Any], str]] = {}

    def add(
        self,
        spec: CommandSpec[Req, Rep],
        handler: Handler[S, Req, Rep],
        *,
        exclusive: bool = True,
        audited: bool = False,
    ) -> None:
        """Answer `spec` with `handler`; what needs a confirmation is audited in any case.

        Raises:
            ValueError: the command has a handler already, or goes to a service.
        """
        self._check_free(spec)
        self._entries[spec.name] = Entry(spec, handler, exclusive, audited)

    def refuse(self, spec: CommandSpec[Any, Any], text: str) -> None:
        """Answer `spec` with 501 and a reason of its own: what the protocol lacks, and what to use instead.

        Raises:
            ValueError: the command has a handler already, or goes to a service.
        """
        self._check_free(spec)
        self._refused[spec.name] = (spec, text)

    def _check_free(self, spec: CommandSpec[Any, Any]) -> None:
        if spec.service is not None or spec.name in self._entries or spec.name in self._refused:
            raise ValueError(f"{spec.key}: wanted a command to a device that has no handler yet")

    def get(self, name: str) -> Entry[S] | None:
        """Return the entry of a command, by its catalog name."""
        return self._entries.get(name)

    def __iter__(self) -> Iterator[Entry[S]]:
        return iter(self._entries.values())

    @property
    def refused(self) -> Iterable[tuple[CommandSpec[Any, Any], str]]:
        """The commands that can never be carried out, and why."""
        return self._refused.values()

    @property
    def names(self) -> tuple[str, ...]:
        """The commands answered, sorted."""
        return tuple(sorted(self._entries))
