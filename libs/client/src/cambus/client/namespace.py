"""What the generated classes of commands are made on."""

from enum import Enum
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError

from cambus.client.calling import BusClient
from cambus.schemas.codec import explain_invalid
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)


class _Given(Enum):
    """Whether an argument was given."""

    UNSET = 0


UNSET: Final = _Given.UNSET
Unset = Literal[_Given.UNSET]
"""An argument that was not given: the request's own default counts."""


class Commands:
    """Commands about one thing.

    Args:
        client: makes the calls.
        device: the device they are for; None for commands to a service.
    """

    def __init__(self, client: BusClient, device: str | None = None) -> None:
        self._client = client
        self._device = device

    async def _call(self, spec: CommandSpec[Req, Rep], within_s: float | None, **fields: Any) -> Rep:
        """Send a command and return its reply. Raises CambusError."""
        return await self._client.call(spec, _request(spec, fields), device=self._device, timeout_s=within_s)

    async def _call_all(
        self, spec: CommandSpec[Req, Rep], within_s: float | None, **fields: Any
    ) -> list[Rep]:
        """Send a command to every replica and return their replies. Raises CambusError."""
        return await self._client.broadcast(spec, _request(spec, fields), timeout_s=within_s)


def _request(spec: CommandSpec[Req, Rep], fields: dict[str, Any]) -> Req:
    """Make the request. Raises BadRequest, which names the field."""
    try:
        return spec.request(**{name: value for name, value in fields.items() if value is not UNSET})
    except ValidationError as error:
        raise BadRequest(explain_invalid(spec.request, error)) from None
