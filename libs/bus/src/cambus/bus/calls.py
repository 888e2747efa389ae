"""One command on its way through a service: what the handler is told, and how its answer is written."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nats.aio.msg import Msg

from cambus.client.behalf import ON_BEHALF_OF, PREFERRED_PATH, caller_name, handed_on
from cambus.client.errors import BusUnavailable, WrongRevision
from cambus.client.trace import TRACEPARENT, span, valid_traceparent
from cambus.schemas import headers as header
from cambus.schemas.codec import JSON, content_type_of, decode, encode
from cambus.schemas.errors import (
    BadRequest,
    CambusError,
    Conflict,
    DeadlineExceeded,
    Internal,
    Offline,
)
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

logger = logging.getLogger(__name__)

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

MAX_DEADLINE_S = 24 * 3600.0
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a handler may want to know beside the request.

    Attributes:
        command: the command's name, `ptz.move`.
        device: the device it is for; None for a command to a service.
        deadline: when the caller stops waiting, on the event loop's clock. The handler is cancelled then.
        traceparent: the caller's trace context.
        headers: all headers of the request.
    """

    command: str
    device: str | None
    deadline: float
    traceparent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> str:
        """Who says to be asking; empty where nobody does."""
        return caller_name(self.headers.get(header.CALLER, ""))

    @property
    def on_behalf_of(self) -> str:
        """Who is said to be behind the caller; empty where nobody is."""
        return handed_on(self.headers.get(header.ON_BEHALF_OF)) or ""

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


CallHandler = Callable[[CallContext, Req], Awaitable[Rep]]


def deadline_of(message: Msg, spec: CommandSpec[Any, Any], now: float) -> float:
    """Return when the answer must be there, on the loop's clock.

    The header carries the remaining budget, not an instant: clocks of two machines need not agree. Without
    it, or with nonsense in it, the catalog's time-out counts.
    """
    text = (message.headers or NO_HEADERS).get(header.DEADLINE_MS)
    if text is not None:
        try:
            return now + min(int(text) / 1000, MAX_DEADLINE_S)
        except ValueError:
            pass
    return now + spec.timeout_s


def content_type_for_reply(message: Msg) -> str:
    """The encoding to answer in: the request's, and JSON for a person who sent something else altogether."""
    try:
        return content_type_of((message.headers or NO_HEADERS).get(header.CONTENT_TYPE), message.data)
    except BadRequest:
        return JSON


async def answer(
    handler: CallHandler[Any, Any],
    spec: CommandSpec[Any, Any],
    message: Msg,
    *,
    device: str | None,
    deadline: float,
    max_payload: int,
) -> bytes:
    """Decode the request, run the handler within its deadline and return the encoded reply.

    Raises:
        CambusError: what the caller is to be told; an unexpected exception has become `Internal`.
    """
    if deadline <= asyncio.get_running_loop().time():
        raise DeadlineExceeded(
            "the deadline had passed before the turn came; nothing was done", retryable=True
        )
    headers = message.headers or NO_HEADERS
    content_type = content_type_of(headers.get(header.CONTENT_TYPE), message.data)
    request = decode(spec.request, message.data, content_type, limit=max_payload)
    TRACEPARENT.set(
        valid_traceparent(headers.get(header.TRACEPARENT))
    )  # the call runs in a task, and so in a context, of its own
    ON_BEHALF_OF.set(handed_on(headers.get(header.ON_BEHALF_OF)))
    PREFERRED_PATH.set(handed_on(headers.get(header.PREFERRED_PATH)))
    with span(spec.key, "server", device=device):
        context = CallContext(spec.key, device, deadline, TRACEPARENT.get(), headers)
        reply = await _handled(handler, spec, context, request)
    return encode(reply, content_type, limit=max_payload)


async def _handled(
    handler: CallHandler[Any, Any], spec: CommandSpec[Any, Any], context: CallContext, request: Message
) -> Any:
    """Run the handler within its deadline.

    Raises:
        CambusError: as `answer`.
    """
    device, deadline = context.device, context.deadline
    try:
        async with asyncio.timeout_at(deadline) as budget:
            reply = await handler(context, request)
    except CambusError:
        raise
    except TimeoutError as error:
        if budget.expired():
            raise DeadlineExceeded("the deadline passed; whether it was done is unknown") from None
        raise _unexpected(error, spec, device) from error
    except BusUnavailable as error:
        logger.warning(
            "a command needs NATS", extra={"command": spec.key, "device": device, "reason": str(error)}
        )
        raise Offline(
            "what this command needs on the bus is unavailable", reason="bus-unavailable"
        ) from error
    except WrongRevision as error:
        raise Conflict("somebody else changed it at the same time", reason="changed-meanwhile") from error
    except Exception as error:
        raise _unexpected(error, spec, device) from error
    if not isinstance(reply, spec.reply):
        raise _unexpected(TypeError(f"the handler returned {type(reply).__name__}"), spec, device)
    return reply


def error_body(error: CambusError, content_type: str) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a failed reply (ADR-32)."""
    headers = {
        header.CONTENT_TYPE: content_type,
        header.SERVICE_ERROR_CODE: str(int(error.code)),
        header.SERVICE_ERROR: error.text,
    }
    return encode(error.reply(), content_type), headers


def _unexpected(error: Exception, spec: CommandSpec[Any, Any], device: str | None) -> Internal:
    """Log a defect with everything, and tell the caller nothing."""
    logger.error("a command handler failed", exc_info=error, extra={"command": spec.key, "device": device})
    return Internal()
