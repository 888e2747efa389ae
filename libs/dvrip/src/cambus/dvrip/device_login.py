"""Login, keepalive and logout of the device role (DVRIP §5)."""

from typing import TYPE_CHECKING, Any

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_connection import DeviceConnection
from cambus.dvrip.device_sessions import LockOut, Session
from cambus.dvrip.device_wire import JsonReply
from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.ids import SEED_LOGIN, MessageId
from cambus.dvrip.payload import JsonObject, decode_body
from cambus.dvrip.wire import Packet

if TYPE_CHECKING:
    from cambus.dvrip.device_role import DeviceRole

#: What a device that insists on encrypted logins answers a plain one with: base64, no JSON.
_ENCRYPTED_BODY = b"r5jMFKC0DOYnJl0pXG9dA0n6y0wOu8mZ0UhJv3bPpQ2D1c0Fq7pZkTn4eF8mXw==\n\x00"
#: ExtraChannel of a failed login's answer is whatever was in the memory.
_JUNK = 1073872896


class LoginDesk:
    """Who is logged in, and whether they still speak."""

    def __init__(self, role: "DeviceRole") -> None:
        self._role = role
        self.lock_out = LockOut()

    def login(self, connection: DeviceConnection, packet: Packet) -> None:
        """Answer 1000 and 999."""
        role, quirks = self._role, self._role.quirks
        header = packet.header
        seed = quirks.seed_ids and header.message_id == SEED_LOGIN
        asker = Session(0, "", "", connection.host, role.now, role.now, seed_ids=seed)
        # 999 and 1000 are both answered 1001, unless the client speaks the original ids throughout.
        request = Request(MessageId.LOGIN, header, packet.payload, asker, connection, role.now)
        try:
            body = decode_body(packet.payload)
        except MalformedPayload:
            role.counters["malformed"] += 1
            role.answer(request, JsonReply(self._failure(ReturnCode.MALFORMED_MESSAGE)))
            return
        if quirks.login_reply == "never":
            return
        code = self._check(body)
        if code != ReturnCode.OK:
            role.counters["logins_refused"] += 1
            role.answer(request, JsonReply(self._failure(code)))
            role.changed()
            return
        session = self._open(body, connection, seed)
        request.session = session
        if quirks.login_reply == "json":
            role.answer(request, JsonReply(self._success()))
        else:
            whole = role.encode_reply(request, JsonReply(self._success()))
            role.send(connection, _disguised(whole, quirks.login_reply))
        role.changed()

    def handle(self, request: Request) -> bool:
        """Answer keepalive and logout and take the answer to a forced logout; False for anything else."""
        role, session = self._role, request.session
        if request.message_id == MessageId.KEEPALIVE:
            role.answer_code(request, ReturnCode.OK, "KeepAlive")
        elif request.message_id == MessageId.LOGOUT:
            role.answer_code(request, ReturnCode.OK)
            role.end_session(session)
        elif request.message_id in {MessageId.FORCE_LOGOUT + 1, MessageId.FORCE_LOGOUT} and (
            session.seed_ids or request.message_id != MessageId.FORCE_LOGOUT
        ):
            role.close_session(session)
        else:
            return False
        return True

    def _check(self, body: JsonObject) -> int:
        role, quirks = self._role, self._role.quirks
        if quirks.login_code:
            return quirks.login_code
        user = str(body.get("UserName", ""))
        if self.lock_out.is_locked(user, role.now):
            return ReturnCode.LOCKED
        code = role.backend.check_login(
            user, str(body.get("PassWord", "")), str(body.get("EncryptType", "MD5"))
        )
        if code == ReturnCode.OK:
            self.lock_out.succeeded(user)
            return code
        self.lock_out.failed(user, role.now, after=quirks.lock_after, seconds=quirks.lock_s)
        if code == ReturnCode.WRONG_PASSWORD:
            return quirks.wrong_password_code
        return quirks.unknown_user_code if code == ReturnCode.ILLEGAL_USER else code

    def _open(self, body: JsonObject, connection: DeviceConnection, seed: bool) -> Session:
        role, quirks = self._role, self._role.quirks
        user, login_type = str(body.get("UserName", "")), str(body.get("LoginType", ""))
        earlier = connection.session
        session = role.sessions.create(user, login_type, connection, role.now)
        session.seed_ids = seed
        connection.session = session
        role.bind(connection, session)
        if earlier is not None:
            role.end_session(earlier)
        self._watch(session)
        if quirks.force_logout_after_s:
            role.timers.at(role.now + quirks.force_logout_after_s, lambda _: role.force_logout(session))
        role.backend.session_opened(session, role.now)
        return session

    def _watch(self, session: Session) -> None:
        """End the session when it was silent for too long, and look again otherwise."""
        role = self._role
        interval = role.quirks.alive_interval if role.quirks.alive_interval > 0 else 20
        limit = interval * role.quirks.expire_after_intervals

        def look(now: float) -> None:
            if role.sessions.get(session.session_id) is not session:
                return
            if now - session.last_seen >= limit:
                role.counters["sessions_expired"] += 1
                role.close_session(session)
            else:
                self._watch(session)

        role.timers.at(session.last_seen + limit, look)

    def _success(self) -> dict[str, Any]:
        quirks = self._role.quirks
        fields: dict[str, Any] = {**self._role.backend.login_fields(), "Ret": int(ReturnCode.OK)}
        if quirks.alive_interval >= 0:
            fields["AliveInterval"] = quirks.alive_interval
        if quirks.keys == "modern":
            fields |= {"DataUseAES": False, "authorizeStat": None}
        return self._spelled(fields)

    def _failure(self, code: int) -> dict[str, Any]:
        """The answer to a refused login: short, or full with values that mean nothing (DVRIP §5)."""
        quirks = self._role.quirks
        if quirks.login_failure_form == "short":
            return {"Name": "", "Ret": int(code)}
        fields = {
            **self._role.backend.login_fields(),
            "ChannelNum": 0,
            "ExtraChannel": _JUNK,
            "Ret": int(code),
        }
        return self._spelled({**fields, "AliveInterval": 0})

    def _spelled(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not self._role.quirks.device_type_space and "DeviceType " in fields:
            fields["DeviceType"] = fields.pop("DeviceType ")
        return fields


def _disguised(reply: bytes, how: str) -> bytes:
    """A login answer a client without encryption cannot read: base64, or JSON that breaks off."""
    payload = _ENCRYPTED_BODY if how == "encrypted" else reply[20 : 20 + (len(reply) - 20) // 2]
    return reply[:16] + len(payload).to_bytes(4, "little") + payload
