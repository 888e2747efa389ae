"""What the catalog is made of: one `CommandSpec` for each command, one `EventSpec` for each event."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from cambus.schemas import subjects
from cambus.schemas.events.base import Event
from cambus.schemas.model import Message

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class CommandSpec(Generic[Req, Rep]):
    """One command: where it goes, what it carries, what comes back and how long that may take.

    Attributes:
        noun: the first token of the name (`ptz`).
        verb: the rest of it, at most one dot (`preset.goto`).
        request: the model of the request.
        reply: the model of the reply.
        summary: one sentence for people who look for a command.
        service: the service that answers; None for a command to a device.
        broadcast: every replica answers its share, and the caller collects the replies.
        timeout_s: how long a caller waits unless it says otherwise.
        confirm: destructive; the request has a `confirm` field that must be true.
        idempotent: may be repeated after a time-out without a second effect.
    """

    noun: str
    verb: str
    request: type[Req]
    reply: type[Rep]
    summary: str
    service: str | None = None
    broadcast: bool = False
    timeout_s: float = 10.0
    confirm: bool = False
    idempotent: bool = False

    @property
    def name(self) -> str:
        """The noun and the verb, `ptz.preset.goto`."""
        return f"{self.noun}.{self.verb}"

    @property
    def key(self) -> str:
        """The name that is unique in the whole catalog: `ptz.move`, `media-relay.live.open`."""
        return self.name if self.service is None else f"{self.service}.{self.name}"

    def subject(self, device: str | None = None) -> str:
        """Return where to send it: with the device for a device command, without for a service command.

        Raises:
            ValueError: the device is missing, superfluous or no token.
        """
        if self.service is not None:
            if device is not None:
                raise ValueError(f"{self.key} goes to a service, not to a device")
            return subjects.service_subject(self.service, self.noun, self.verb)
        if device is None:
            raise ValueError(f"{self.key} needs a device")
        return subjects.command_subject(device, self.noun, self.verb)


@dataclass(frozen=True, slots=True)
class EventSpec(Generic[E]):
    """One kind of event.

    Attributes:
        noun: what it is about (`alarm`).
        past: what happened to it, in the past tense (`raised`).
        model: the model of the event.
        summary: one sentence for people who look for an event.
    """

    noun: str
    past: str
    model: type[E]
    summary: str

    @property
    def name(self) -> str:
        """The noun and the past tense, `alarm.raised`."""
        return f"{self.noun}.{self.past}"

    def subject(self, device: str) -> str:
        """Return where an event of this device is published."""
        return subjects.event_subject(device, self.noun, self.past)
