"""A session with a device we dial (DVRIP §5): log in, ask, listen, watch.

::

    client = DvripClient("192.0.2.10", credentials=Credentials("admin", "secret"))
    await client.connect()
    try:
        info = await client.system.info()
        live = await client.open_live(0)
        async for frame in live:
            ...
    finally:
        await client.close()

One client is one session: when its connection is lost it is over, `wait_closed` says why, and a new client is
made. A device that forgets the session and keeps the connection is logged in at again, once. Requests of several
tasks are sent one at a time, in order. Nobody who is slow stops the reader.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cambus.dvrip.backoff import CredentialPolicy, DialState, dial_state
from cambus.dvrip.budget import ConnectionBudget
from cambus.dvrip.codes import SESSION_LOST, ReturnCode
from cambus.dvrip.connection import Connection, PacketHandler, Reply
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLost,
    DeviceError,
    DvripError,
    EncryptedUnsupported,
    MalformedPayload,
    Refused,
    RequestTimeout,
    SessionRenewed,
)
from cambus.dvrip.ids import IDEMPOTENT_IDS, MessageId
from cambus.dvrip.media_path import MediaBody, MediaKind, MediaPath
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.monitor import Action, monitor_body
from cambus.dvrip.profile import Credentials, Profile, Topology
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.renewal import SessionRenewal, is_forgotten
from cambus.dvrip.session import ClientSession
from cambus.dvrip.shared_path import Lane, SharedPath
from cambus.dvrip.timeouts import Timeouts

DEFAULT_PORT = 34567


class DvripClient(RemoteDevice):
    """A device we dial.

    Args:
        host: its address.
        port: its port.
        credentials: how to log in.
        profile: its deviations.
        timeouts: all of them.

    Attributes:
        login_reply: what it said at login, or None.
        topology: how media reaches us, once that was found out.
        budget: the TCP connections it gets from us.
    """

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        *,
        credentials: Credentials,
        profile: Profile | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        super().__init__(profile, timeouts)
        self.host = host
        self.port = port
        self.login_reply: LoginReply | None = None
        self.topology = self.profile.topology
        self.budget = ConnectionBudget(self.profile.connections)
        self._credentials = credentials
        self._refusal: AuthError | None = None
        self._logins = CredentialPolicy()
        self._renewal = SessionRenewal(self._log_in_again)

    async def connect(self) -> LoginReply:
        """Connect and log in.

        A reply that is no JSON is what firmware that wants encrypted logins gives: one more attempt is made
        with a claim before the login, which some of it needs (DVRIP §5).

        Raises:
            AuthError: the credentials were refused; see its reason.
            ConnectionLimit: the device has no connection left.
            EncryptedUnsupported: it insists on encryption.
            DvripError: anything else.
        """
        if self._control is not None:
            raise Refused("state", "a client is one session; make a new one")
        self.budget.acquire()
        try:
            control = await self._log_in()
        except BaseException:
            self.budget.release()
            raise
        control.closed.add_done_callback(lambda _: self.budget.release())
        self._take_control(control)
        self.login_reply = control.session.login_reply or LoginReply.parse({})
        return self.login_reply

    async def request(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """As `RemoteDevice.request`, with one login more when the device has forgotten the session (DVRIP §5).

        Raises:
            SessionRenewed: it had, and the request is none that may be sent twice.
            DvripError: there is no reply.
        """
        await self._renewal.join()
        before = self._renewal.count
        try:
            reply = await super().request(message_id, body, **options)
            if not is_forgotten(reply) or not await self._renewal.renew(before):
                return reply
        except ConnectionLost:  # the login of another request's renewal ends those that wait
            if not await self._renewal.since(before):
                raise
        if message_id not in IDEMPOTENT_IDS:
            raise SessionRenewed(str(options.get("label", "")))
        reply = await super().request(message_id, body, **options)
        if is_forgotten(reply):
            self._renewal.give_up()
        return reply

    async def close(self) -> None:
        """See `RemoteDevice.close`."""
        await self._renewal.close()
        await super().close()

    async def _log_in_again(self) -> None:
        self.login_reply = await self.control.login(self._credentials)
        if self.alarms.is_guarded:
            await self.control.request(MessageId.GUARD, {"Name": ""}, label="guard")

    async def _log_in(self) -> Connection:
        try:
            return await self._open_session(on_push=self._on_push)
        except MalformedPayload:
            pass
        try:
            return await self._open_session(on_push=self._on_push, claim_first=True)
        except MalformedPayload as error:
            raise EncryptedUnsupported(
                "the device answers the login with something else than JSON"
            ) from error

    async def _open_session(
        self,
        *,
        on_media: PacketHandler | None = None,
        on_push: PacketHandler | None = None,
        kind: MediaKind | None = None,
        claim_first: bool = False,
    ) -> Connection:
        """A connection that is logged in; the caller has it in the budget already.

        Once the account was refused it is not shown again before its time, whoever wants a connection: a few more
        refusals, and the device locks it.
        """
        loop = asyncio.get_running_loop()
        if self._refusal is not None and self._logins.delay_s("", loop.time()) > 0:
            raise AuthError(self._refusal.reason, self._refusal.code)
        stray = kind.stray_replies if kind else frozenset[int]()
        session = ClientSession(self.profile, self.timeouts, hand_out=stray)
        connection = await Connection.open(self.host, self.port, session, on_media=on_media, on_push=on_push)
        try:
            if claim_first:
                body = monitor_body(Action.CLAIM, self.profile.wire_channel(0))
                with contextlib.suppress(RequestTimeout, DeviceError, MalformedPayload):
                    await connection.request(MessageId.MONITOR_CLAIM, body, soft=True, timeout_s=1.0)
            await connection.login(self._credentials)
        except AuthError as error:
            if dial_state(error) is not DialState.BACKOFF:
                self._refusal = error
                self._logins.refused("", loop.time())
            await connection.close()
            raise
        except BaseException:
            await connection.close()
            raise
        self._refusal = None
        self._logins.accepted()
        return connection

    # media

    async def _start_media(
        self,
        kind: MediaKind,
        body: MediaBody,
        started: "asyncio.Future[None]",
        *,
        on_media: PacketHandler,
        on_push: PacketHandler,
    ) -> MediaPath:
        wanted = Topology.OWN_SESSION if kind.needs_own_session else self.topology
        topologies = [Topology.TWO_SOCKETS, Topology.OWN_SESSION] if wanted is Topology.AUTO else [wanted]
        for last, topology in ((candidate is topologies[-1], candidate) for candidate in topologies):
            try:
                path = await self._open_path(topology, kind, body, on_media, on_push)
                await self._start_path(path, body, started)
            except (DeviceError, AuthError, RequestTimeout, ConnectionLost) as error:
                if last or not _may_work_otherwise(error) or not self.is_online:
                    raise
                continue
            if not kind.needs_own_session:
                self.topology = topology
            return path
        raise AssertionError("there is always a last topology")

    @staticmethod
    async def _start_path(path: MediaPath, body: MediaBody, started: "asyncio.Future[None]") -> None:
        try:
            await path.start(body(Action.START), started)
        except BaseException:
            await path.release(body(Action.STOP))
            raise

    async def _open_path(
        self,
        topology: Topology,
        kind: MediaKind,
        body: MediaBody,
        on_media: PacketHandler,
        on_push: PacketHandler,
    ) -> MediaPath:
        if kind.is_shared and topology is Topology.TWO_SOCKETS:
            async with self._sharing:
                return await self._open_lane(kind, body, self._lane(kind, body, on_media, on_push))
        control = None if topology is Topology.OWN_SESSION else self.control
        data = await self._open_data(kind, body, control, on_media, on_push)
        return MediaPath(kind, control or data, data, on_release=self.budget.release)

    async def _open_lane(self, kind: MediaKind, body: MediaBody, lane: Lane) -> SharedPath:
        """Claim a place on a connection that is there, or else on a new one."""
        for shared in [each for each in self._shared if each.has_room(kind, lane.channel)]:
            data = shared.connection
            if data is None:
                continue
            shared.enter(lane)
            path = SharedPath(
                kind, self.control, data, shared=shared, lane=lane, body=body, on_close=self.budget.release
            )
            try:
                await _claim(data, kind, body)
            except DeviceError:
                await path.release(None)  # this one wants a connection for each
            except BaseException:
                await path.release(None)
                raise
            else:
                return path
        shared = self._new_shared(kind)
        shared.enter(lane)
        data = await self._open_data(kind, body, self.control, shared.on_media, shared.on_push)
        shared.connection = data
        self._shared = [each for each in self._shared if not each.is_closing] + [shared]
        return SharedPath(
            kind, self.control, data, shared=shared, lane=lane, body=body, on_close=self.budget.release
        )

    async def _open_data(
        self,
        kind: MediaKind,
        body: MediaBody,
        control: Connection | None,
        on_media: PacketHandler,
        on_push: PacketHandler,
    ) -> Connection:
        """A connection that is claimed, in the session of ``control`` or in one of its own."""
        self.budget.acquire()
        try:
            if control is None:
                data = await self._open_session(on_media=on_media, on_push=on_push, kind=kind)
            else:
                session = ClientSession(self.profile, self.timeouts, hand_out=kind.stray_replies)
                session.attach(control.session.session_id)
                data = await Connection.open(
                    self.host, self.port, session, on_media=on_media, on_push=on_push
                )
            try:
                await _claim(data, kind, body)
            except BaseException:
                await data.close()
                raise
        except BaseException:
            self.budget.release()
            raise
        return data

    @asynccontextmanager
    async def _side_connection(self) -> AsyncIterator[Connection]:
        self.budget.acquire()
        try:
            connection = await self._open_session()
            try:
                yield connection
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.timeouts.release):
                        await connection.logout()
                await connection.close()
        finally:
            self.budget.release()


async def _claim(data: Connection, kind: MediaKind, body: MediaBody) -> None:
    claim = await data.request(kind.claim, body(Action.CLAIM), label=f"claim of {kind.label}")
    claim.check()


def _may_work_otherwise(error: DvripError) -> bool:
    """Whether another topology may succeed where this one failed (DVRIP §9.1)."""
    if isinstance(error, DeviceError):
        return error.code == ReturnCode.ILLEGAL_REQUEST
    if isinstance(error, AuthError):
        return error.code in SESSION_LOST
    return True
