"""A device that registered with us: we are the client on the connection it made (DVRIP §11)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.connection import Connection, PacketHandler
from cambus.dvrip.errors import ConnectionLost, DvripError, ProtocolError, RequestTimeout
from cambus.dvrip.media_path import MediaBody, MediaKind, MediaPath
from cambus.dvrip.messages.monitor import Action
from cambus.dvrip.messages.registration import RegistrationLogin, claim_key
from cambus.dvrip.payload import decode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.shared_path import Lane, SharedData, SharedPath
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import Header


@dataclass(eq=False, slots=True)
class ExpectedClaim:
    """A Request that was sent: the device is about to dial us for its media.

    Attributes:
        session_id: session it belongs to.
        key: claim id, channel and stream.
        address: where the device has to come from; "" for anywhere.
        deadline: when it is too late.
        kind: what flows.
        on_media: takes its media.
        on_push: takes the rest.
        claimed: done with the data connection.
    """

    session_id: int
    key: tuple[int, int, str]
    address: str
    deadline: float
    kind: MediaKind
    on_media: PacketHandler
    on_push: PacketHandler
    claimed: "asyncio.Future[Connection]"


class RegisteredDevice(RemoteDevice):
    """A device that dialled us. All operations work as on one we dialled.

    Attributes:
        login: what it said about itself.
        address: where it came from.
        is_pending: it waits for approval and must not be commanded yet.
    """

    def __init__(
        self,
        login: RegistrationLogin,
        address: str,
        *,
        expect: Callable[[ExpectedClaim], None],
        forget: Callable[[ExpectedClaim], None],
        claim_within_s: float,
        check_address: bool,
        is_pending: bool = False,
        profile: Profile | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        super().__init__(profile, timeouts)
        self.login = login
        self.address = address
        self.is_pending = is_pending
        self._expect = expect
        self._forget = forget
        self._claim_within_s = claim_within_s
        self._check_address = check_address
        self._claims: list[ExpectedClaim] = []

    @property
    def device_id(self) -> str:
        """Its identity."""
        return self.login.device_id

    def begin(self, control: Connection) -> None:
        """The main connection is ours now; called once by the listener."""
        self._take_control(control)
        control.on_push = self._on_push

    def end(self, why: str) -> None:
        """Close the main connection and with it all data connections, e.g. for a newer one."""
        self.control.abort(ConnectionLost(why))

    async def _start_media(
        self,
        kind: MediaKind,
        body: MediaBody,
        started: "asyncio.Future[None]",
        *,
        on_media: PacketHandler,
        on_push: PacketHandler,
    ) -> MediaPath:
        loop = asyncio.get_running_loop()
        lane = self._lane(kind, body, on_media, on_push) if kind.is_shared else None
        shared = self._new_shared(kind, self._on_claim)
        expected = ExpectedClaim(
            session_id=self.control.session.session_id,
            key=claim_key(kind.claim, body(Action.CLAIM)),
            address=self.address if self._check_address else "",
            deadline=loop.time() + self._claim_within_s,
            kind=kind,
            on_media=shared.on_media if lane else on_media,
            on_push=shared.on_push if lane else on_push,
            claimed=loop.create_future(),
        )
        self._claims.append(expected)
        self._expect(expected)  # a claim may come before the answer to the request
        try:
            command = kind.claim if self.profile.request_by_claim_id else kind.command
            await self.call(command, body(Action.REQUEST), label=f"request of {kind.label}")
            data = await self._wait_claim(expected)
        finally:
            self._forget(expected)
            self._claims.remove(expected)
        path = self._enter(kind, data, shared, lane, body) if lane else MediaPath(kind, self.control, data)
        try:
            await path.start(body(Action.START), started)
        except BaseException:
            await path.release(body(Action.STOP))
            raise
        return path

    def _enter(
        self, kind: MediaKind, data: Connection, new: SharedData, lane: Lane, body: MediaBody
    ) -> SharedPath:
        """Put a lane on the connection the device chose for it: a new one, or one it had."""
        self._shared = [each for each in self._shared if not each.is_closing]
        shared = next((each for each in self._shared if each.connection is data), None)
        if shared is None:
            shared = new
            shared.connection = data
            self._shared.append(shared)
        shared.enter(lane)
        return SharedPath(kind, self.control, data, shared=shared, lane=lane, body=body)

    def _on_claim(self, connection: Connection, header: Header, payload: bytes) -> None:
        """The device claims media on a data connection it has already: playbacks share one (DVRIP §10.1)."""
        now = asyncio.get_running_loop().time()
        try:
            key = claim_key(header.message_id, decode_body(payload))
        except ProtocolError:
            return
        for expected in self._claims:
            if expected.key == key and not expected.claimed.done() and now <= expected.deadline:
                code = ReturnCode.OK
                expected.claimed.set_result(connection)
                break
        else:
            code = ReturnCode.ILLEGAL_REQUEST
        with contextlib.suppress(DvripError):
            connection.notify(header.message_id + 1, {"Name": "", "Ret": code}, sequence=header.sequence)

    async def _wait_claim(self, expected: ExpectedClaim) -> Connection:
        loop = asyncio.get_running_loop()
        closed = self.control.closed
        left = expected.deadline - loop.time()
        waiting: set[asyncio.Future[Any]] = {expected.claimed, closed}
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if expected.claimed.done():
            return expected.claimed.result()
        if closed.done():
            raise closed.result() or ConnectionLost("the main connection was closed")
        raise RequestTimeout("first_media", self._claim_within_s, f"claim of {expected.kind.label}")

    @asynccontextmanager
    async def _side_connection(self) -> AsyncIterator[Connection]:
        yield self.control  # the device has made only this one
