"""A mail server on a real socket (aiosmtpd): keeps what it takes, wants a login and STARTTLS where it is told to."""

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """Listens on a free loopback port from `async with` on.

    Attributes:
        taken: the mails, with whom they were for.
        refusing: answers DATA with this line while it is set.
        unknown: recipients that are refused.
        logins: who logged in.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, user: tuple[str, str] | None = None) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.refusing = ""
        self.unknown: set[str] = set()
        self.logins: list[str] = []
        self._tls = tls
        self._user = user
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._protocols: list[SMTP] = []

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def connected() -> SMTP:
            protocol = SMTP(
                self,
                tls_context=self._tls,
                require_starttls=self._tls is not None,
                auth_required=self._user is not None,
                authenticator=self._check,
                loop=loop,
                enable_SMTPUTF8=True,
            )
            self._protocols.append(protocol)
            return protocol

        self._server = await loop.create_server(connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        await self._server.wait_closed()

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object):
        good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self._user
        if good:
            self.logins.append(data.login.decode())
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusing:
            return self.refusing
        mail = message_from_bytes(envelope.content, policy=policy.default)
        async with self._changed:
            self.taken.append((envelope.rcpt_tos, mail))
            self._changed.notify_all()
        return "250 OK"

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.taken) >= count)
