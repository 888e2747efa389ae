"""Active registration: the device dials a platform and serves it over that connection (DVRIP §11)."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_media import Kind
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.errors import MalformedPayload, TransportError
from cambus.dvrip.ids import SEED_LOGIN, MessageId, reply_id
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import decode_body
from cambus.dvrip.server import DeviceServer
from cambus.dvrip.values import as_object, parse_number
from cambus.dvrip.wire import Packet
from cambus.simulators.watch import Watch

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice

_KEEPALIVE_S: Final = 20.0
_MISSES: Final = 2
_RETRY_S: Final = (0.2, 5.0)
_ANSWER_S: Final = 10.0
#: With ``das_claim`` "late" the claim comes after any platform has given up waiting.
_LATE_S: Final = 11.0
_MAX_DIALS: Final = 16

#: Kind, section and session of a request for media, and how to say yes to it if that was not done at once.
_Dial = tuple[Kind, Mapping[str, Any], Session, Callable[[], None] | None]


class Registration:
    """Keeps a device registered while ``NetWork.DAS`` is enabled.

    Attributes:
        logins: how often a platform accepted us.
        last_code: its last answer to a login, None before the first.
    """

    def __init__(self, device: "SimulatedDevice", server: DeviceServer, watch: Watch) -> None:
        self.logins = 0
        self.last_code: int | None = None
        self._device = device
        self._server = server
        self._watch = watch
        self._main: DeviceConnection | None = None
        self._playback: DeviceConnection | None = None
        self._settings_changed = False
        self._dials: asyncio.Queue[_Dial] = asyncio.Queue(_MAX_DIALS)
        device.on_dial = self._dial_later

    def settings_changed(self) -> None:
        """``NetWork.DAS`` was written: drop what we have and look again."""
        self._settings_changed = True
        self._watch.changed()

    def drop_main(self) -> None:
        """Cut the connection to the platform; it is dialled again."""
        if self._main is not None:
            main = self._main
            self._server.call(lambda: self._server.role.end(main, Ending.RESET))

    async def run(self) -> None:
        """Register whenever the settings say so, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer_dials(tasks))
            delay = _RETRY_S[0]
            while True:
                self._settings_changed = False
                if await self._register():
                    delay = _RETRY_S[0]
                    await self._stay()
                else:
                    delay = min(_RETRY_S[1], delay * 2)
                self._device.registered = False
                self._server.role.changed()
                await self._pause(delay if self._settings() else 3600.0)

    async def _pause(self, seconds: float) -> None:
        try:
            await self._watch.until(lambda: self._settings_changed, seconds)
        except TimeoutError:
            return

    def _settings(self) -> dict[str, Any]:
        settings = as_object(self._device.config.find("NetWork.DAS"))
        return settings if settings.get("Enable") and settings.get("ServerAddr") else {}

    async def _dial(self, settings: Mapping[str, Any]) -> DeviceConnection | None:
        host, port = str(settings["ServerAddr"]), parse_number(settings.get("Port"), 9400)
        try:
            return await self._server.dial(host, port)
        except TransportError:
            return None

    async def _ask(
        self,
        connection: DeviceConnection,
        message_id: int,
        body: Mapping[str, Any],
        session_id: int,
        accepted: Callable[[Packet], None],
    ) -> int | None:
        """Send a request of ours and wait for its code, None without one.

        ``accepted`` is called on a code of 100 before anything behind the answer is looked at: a platform goes on
        at once.
        """
        codes: list[int | None] = []
        role = self._server.role

        def answered(packet: Packet) -> None:
            codes.append(_code(packet))
            if codes[0] == ReturnCode.OK:
                accepted(packet)

        self._server.call(lambda: role.ask(connection, message_id, body, session_id, answered))
        if message_id == SEED_LOGIN:  # answered 1001 like any login
            connection.expected[MessageId.LOGIN_REPLY] = connection.expected.pop(reply_id(SEED_LOGIN))
        try:
            await self._watch.until(lambda: bool(codes) or connection.lost, _ANSWER_S)
        except TimeoutError:
            return None
        return codes[0] if codes else None

    def _close(self, connection: DeviceConnection) -> None:
        self._server.call(lambda: self._server.role.end(connection, Ending.CLOSE))

    # ---- the main connection

    async def _register(self) -> bool:
        """Dial and log in; whether the platform accepted."""
        settings = self._settings()
        main = await self._dial(settings) if settings else None
        if main is None:
            return False
        login_id = int(self._device.quirks.das_login_id)
        code = await self._ask(main, login_id, self._login_body(settings), 0, partial(self._registered, main))
        self.last_code = code
        if code != ReturnCode.OK:
            self._close(main)
        return code == ReturnCode.OK

    def _registered(self, main: DeviceConnection, packet: Packet) -> None:
        user = next(iter(self._device.accounts.users))
        self._server.role.adopt_session(packet.header.session_id, user, main)
        self._main, self._playback = main, None
        self.logins += 1
        self._device.registered = True

    def _login_body(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        device = self._device
        password = str(settings.get("Password", ""))
        secrets = {
            "md5": ("MD5", hash_password(password)),
            "none_plain": ("NONE", password),
            "none_hash": ("NONE", hash_password(password)),
        }
        encryption, secret = secrets[device.quirks.das_secret]
        text = str(settings.get("DeviceID") or device.identity.device_id)
        form = device.quirks.das_id_form
        return {
            "ChannelNum": device.channels,
            "DevicID" if form == "devicid" else "DeviceID": int(text)
            if form == "number" and text.isdigit()
            else text,
            "DeviceType": "DVR",
            "EncryptType": encryption,
            "PassWord": secret,
            "UserName": str(settings.get("UserName", "")),
        }

    async def _stay(self) -> None:
        """Stay registered: keepalives of our own, until the connection is lost or the settings change."""
        main = self._main
        missed = 0
        while main is not None and main.session is not None and missed < _MISSES:
            try:
                await self._watch.until(lambda: main.lost or self._settings_changed, _KEEPALIVE_S)
                break
            except TimeoutError:
                missed = missed + 1 if MessageId.KEEPALIVE_REPLY in main.expected else 0
            if self._device.quirks.das_keepalive and missed < _MISSES:
                self._server.call(partial(self._keepalive, main, main.session.session_id))
        if main is not None and not main.lost:
            self._close(main)
        self._main = None

    def _keepalive(self, main: DeviceConnection, session_id: int) -> None:
        self._server.role.ask(main, MessageId.KEEPALIVE, {"Name": "KeepAlive"}, session_id, _ignore)

    # ---- data connections

    def _dial_later(
        self, kind: Kind, section: Mapping[str, Any], session: Session, accept: Callable[[], None]
    ) -> None:
        """Called by the role while it handles the request: what is accepted here is answered before the claim."""
        is_early = self._device.quirks.das_claim == "early" and not self._dials.full()
        if not is_early:
            accept()
        if not self._dials.full():
            self._dials.put_nowait((kind, section, session, accept if is_early else None))

    async def _answer_dials(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            dial = await self._dials.get()
            if self._device.quirks.das_claim == "late":
                tasks.create_task(self._claim_late(dial))
            elif self._device.quirks.das_claim != "never":
                await self._claim(dial)
            accept = dial[3]
            if accept is not None:
                self._server.call(accept)

    async def _claim_late(self, dial: _Dial) -> None:
        await self._pause(_LATE_S)
        await self._claim(dial)

    async def _claim(self, dial: _Dial) -> None:
        """Dial the platform for media; playbacks of a session share one connection (DVRIP §10.1)."""
        kind, section, session, _ = dial
        quirks = self._device.quirks
        shared = self._playback if kind is Kind.PLAYBACK else None
        reuse = shared is not None and not shared.lost
        connection = shared if reuse else await self._dial(self._settings() or {"ServerAddr": session.host})
        if connection is None:
            return
        session_id = session.session_id ^ (0x5A5A if quirks.das_claim == "wrong_sid" else 0)
        claim = {**section, "Action": "Claim"}
        if quirks.das_claim == "wrong_channel":
            parameter = as_object(section.get("Parameter"))
            claim["Parameter"] = {**parameter, "Channel": parse_number(parameter.get("Channel")) + 1}
        body = {"Name": kind.body_name, kind.body_name: claim}
        accepted = partial(self._claimed, dial, connection)
        code = await self._ask(connection, kind.claim_id, body, session_id, accepted)
        if code != ReturnCode.OK and not reuse:
            self._close(connection)

    def _claimed(self, dial: _Dial, connection: DeviceConnection, _packet: Packet) -> None:
        kind, section, session, _ = dial
        if kind is Kind.PLAYBACK:
            self._playback = connection
        self._server.role.media.adopt_claim(kind, section, session, connection)


def _code(packet: Packet) -> int | None:
    """``Ret`` of an answer; None without a readable one."""
    try:
        return parse_number(decode_body(packet.payload).get("Ret"), -1)
    except MalformedPayload:
        return None


def _ignore(_packet: Packet) -> None:
    """That the answer came is all there is to know."""
