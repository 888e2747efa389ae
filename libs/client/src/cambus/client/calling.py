"""Calls commands: the same models as the endpoints, and every failure one of the `CambusError`s."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

from nats.aio.msg import Msg

from cambus.client.behalf import ON_BEHALF_OF, PREFERRED_PATH, caller_name
from cambus.client.connection import Connection
from cambus.client.errors import BusClosed, BusUnavailable, NoResponders, PayloadTooLarge, SendingForbidden
from cambus.client.trace import TRACEPARENT, span
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, decode, encode
from cambus.schemas.errors import (
    BadRequest,
    CambusError,
    DeadlineExceeded,
    ErrorCode,
    ErrorReply,
    Forbidden,
    Internal,
    Offline,
    TooLarge,
    from_reply,
)
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

BUS_FORBIDDEN = "bus-forbidden"
"""The reason of a `Forbidden` that NATS speaks, not whom we ask: nothing was done."""

GRACE_S = 0.25
"""How much longer than the handler the caller waits, so that the handler's own 504 arrives."""


HOLDER_QUIET_S = 0.5
"""How long after a replica that does not know something others may still say that they do."""


class BusClient:
    """Calls commands over one connection.

    Args:
        bus: the connection.
        content_type: what to send and to be answered in, `MSGPACK` or `JSON`.
        caller: who asks, for the audit log of whoever answers; by default the NATS user, else the name of the
            connection.
    """

    def __init__(self, bus: Connection, content_type: str = MSGPACK, *, caller: str = "") -> None:
        self._bus = bus
        self._content_type = content_type
        self._caller = caller_name(caller or bus.login.user or f"{bus.name}:{bus.login.instance}")

    async def call(
        self,
        spec: CommandSpec[Req, Rep],
        request: Req,
        *,
        device: str | None = None,
        timeout_s: float | None = None,
    ) -> Rep:
        """Send a command and return its reply.

        Args:
            spec: the command.
            request: its request.
            device: the device it is for; None for a command to a service.
            timeout_s: how long to wait, in seconds; None: what the catalog says. The handler learns of it.

        Raises:
            Offline: nobody holds the device or runs the service; known at once. Or NATS itself is away.
            Forbidden: the user we are on NATS may not send it; known at once. Or the device does not allow it.
            DeadlineExceeded: no answer in time; whether it was done is unknown.
            CambusError: what the handler refused with.
        """
        subject, budget_s = self._prepare(spec, device, timeout_s)
        with span(spec.key, "client", device=device):
            return self._read(spec, await self._ask(spec, request, subject, device, budget_s))

    async def _ask(
        self, spec: CommandSpec[Req, Rep], request: Req, subject: str, device: str | None, budget_s: float
    ) -> Msg:
        """Send a command and return what came back, which may be a refusal."""
        started = asyncio.get_running_loop().time()
        await self._wait_connected(budget_s)
        budget_s -= asyncio.get_running_loop().time() - started
        try:
            return await self._bus.request(
                subject,
                encode(request, self._content_type, limit=self._bus.max_payload),
                headers=self._headers(budget_s),
                timeout_s=budget_s + GRACE_S,
                refusable=True,
            )
        except NoResponders:
            raise Offline(f"nobody answers {spec.key}" + (f" for {device}" if device else "")) from None
        except SendingForbidden as error:
            raise Forbidden(f"{spec.key}: {error}", reason=BUS_FORBIDDEN, retryable=True) from None
        except BusUnavailable as error:
            raise DeadlineExceeded(f"{spec.key}: {error}") from None
        except PayloadTooLarge as error:
            raise TooLarge(f"{spec.key}: {error}") from None
        except BusClosed as error:
            raise Offline(str(error), reason="bus-unavailable") from None

    async def broadcast(
        self,
        spec: CommandSpec[Req, Rep],
        request: Req,
        *,
        timeout_s: float | None = None,
        expected: int | None = None,
        quiet_s: float | None = None,
    ) -> list[Rep]:
        """Send a command to every replica of a service and return the replies of those that succeeded.

        Args:
            spec: a broadcast command.
            request: its request.
            timeout_s: how long to collect, in seconds; None: what the catalog says.
            expected: end as soon as so many have answered.
            quiet_s: end as soon as none has answered for so long after the one before.

        Raises:
            Offline: there is no replica.
            CambusError: every replica that answered refused; the first refusal.
        """
        outcomes = await self.broadcast_all(
            spec, request, timeout_s=timeout_s, expected=expected, quiet_s=quiet_s
        )
        replies = [outcome for outcome in outcomes if not isinstance(outcome, CambusError)]
        if not replies:
            for outcome in outcomes:
                if isinstance(outcome, CambusError):
                    raise outcome
            raise DeadlineExceeded(f"{spec.key}: no replica answered in time")
        return replies

    async def broadcast_all(
        self,
        spec: CommandSpec[Req, Rep],
        request: Req,
        *,
        timeout_s: float | None = None,
        expected: int | None = None,
        quiet_s: float | None = None,
    ) -> list[Rep | CambusError]:
        """As `broadcast`, with the refusals among the replies instead of raised."""
        messages = await self._gather(spec, request, timeout_s, expected=expected, quiet_s=quiet_s)
        return [self._outcome(spec, message) for message in messages]

    async def call_holder(
        self,
        spec: CommandSpec[Req, Rep],
        request: Req,
        *,
        timeout_s: float | None = None,
        quiet_s: float = HOLDER_QUIET_S,
    ) -> Rep:
        """Send a broadcast command that at most one replica can carry out, and return as soon as it has answered.

        The other replicas say that they do not know what it is about.

        Args:
            spec: a broadcast command.
            request: its request.
            timeout_s: how long to wait, in seconds; None: what the catalog says.
            quiet_s: nobody has it, once none has answered for so long after a refusal.

        Raises:
            Offline: there is no replica.
            NotFound: all that answered say they do not know it.
            CambusError: another refusal.
        """
        messages = await self._gather(spec, request, timeout_s, quiet_s=quiet_s, enough=_is_not_unknown)
        if not messages:
            raise DeadlineExceeded(f"{spec.key}: no replica answered in time")
        # Others may have answered before this task got its turn.
        return self._read(spec, next(filter(_is_not_unknown, messages), messages[-1]))

    async def _gather(
        self, spec: CommandSpec[Req, Rep], request: Req, timeout_s: float | None, **until: Any
    ) -> list[Msg]:
        """Send a command to every replica; the answers up to what `until` says, as `Connection.gather` takes it."""
        subject, budget_s = self._prepare(spec, None, timeout_s)
        await self._wait_connected(budget_s)
        body = encode(request, self._content_type, limit=self._bus.max_payload)
        with span(spec.key, "client"):
            try:
                return await self._bus.gather(
                    subject, body, headers=self._headers(budget_s), timeout_s=budget_s, **until
                )
            except NoResponders:
                raise Offline(f"nobody answers {spec.key}") from None

    def _prepare(
        self, spec: CommandSpec[Req, Rep], device: str | None, timeout_s: float | None
    ) -> tuple[str, float]:
        try:
            subject = spec.subject(device)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return subject, spec.timeout_s if timeout_s is None else timeout_s

    async def _wait_connected(self, timeout_s: float) -> None:
        """Do not let nats-py buffer commands while NATS is away: they would be carried out much later."""
        try:
            await self._bus.wait_connected(timeout_s)
        except BusUnavailable as error:
            raise Offline(str(error), reason="bus-unavailable") from None

    def _headers(self, budget_s: float) -> Mapping[str, str]:
        headers = {
            header.CONTENT_TYPE: self._content_type,
            header.DEADLINE_MS: str(max(0, int(budget_s * 1000))),
            header.CALLER: self._caller,
        }
        trace = TRACEPARENT.get()
        if trace is not None:
            headers[header.TRACEPARENT] = trace
        who, path = ON_BEHALF_OF.get(), PREFERRED_PATH.get()
        if who is not None:
            headers[header.ON_BEHALF_OF] = who
        if path is not None:
            headers[header.PREFERRED_PATH] = path
        return headers

    def _outcome(self, spec: CommandSpec[Req, Rep], message: Msg) -> Rep | CambusError:
        try:
            return self._read(spec, message)
        except CambusError as error:
            return error

    def _read(self, spec: CommandSpec[Req, Rep], message: Msg) -> Rep:
        headers = message.headers or {}
        content_type = headers.get(header.CONTENT_TYPE)
        limit = self._bus.max_payload
        try:
            if header.SERVICE_ERROR_CODE in headers:
                failure: CambusError = from_reply(decode(ErrorReply, message.data, content_type, limit=limit))
            else:
                return decode(spec.reply, message.data, content_type, limit=limit)
        except (BadRequest, TooLarge) as error:
            raise Internal(f"{spec.key}: the answer is not what the catalog says: {error.text}") from None
        raise failure


def _is_not_unknown(message: Msg) -> bool:
    """Whether whoever answered knows what it is about."""
    return (message.headers or {}).get(header.SERVICE_ERROR_CODE) != str(int(ErrorCode.NOT_FOUND))
