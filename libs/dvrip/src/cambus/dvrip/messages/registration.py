"""What a device that dials us says first: its login, or the claim of a data connection (DVRIP §11)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.ids import SEED_LOGIN, MessageId
from cambus.dvrip.messages.monitor import MONITOR
from cambus.dvrip.messages.playback import PLAYBACK
from cambus.dvrip.password import hash_password
from cambus.dvrip.values import as_object, format_session_id, parse_number

#: First messages of a main connection, and how each is answered.
LOGIN_REPLIES: Final[Mapping[int, int]] = {
    MessageId.LOGIN: MessageId.LOGIN_REPLY,
    SEED_LOGIN: MessageId.LOGIN_REPLY,
    MessageId.REGISTER_LOGIN: MessageId.REGISTER_LOGIN + 1,
}
#: First messages of a data connection.
CLAIM_IDS: Final = frozenset({MessageId.MONITOR_CLAIM, MessageId.PLAYBACK_CLAIM, MessageId.TALK_CLAIM})


@dataclass(frozen=True, slots=True)
class RegistrationLogin:
    """The login of a device.

    Attributes:
        device_id: its identity, always as text.
        user: user name.
        secret: password or hash.
        encrypt_type: ``MD5``, ``NONE``, or something else.
        device_type: DVR, NVR, ... as spelled.
        channels: how many it has.
        raw: as received; holds the secret.
    """

    device_id: str
    user: str
    secret: str = field(repr=False)
    encrypt_type: str
    device_type: str
    channels: int
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "RegistrationLogin":
        """Read the body; DeviceID may be a number or a string, and is misspelled ``DevicID`` by some."""
        device_id = body.get("DeviceID", body.get("DevicID", ""))
        return cls(
            device_id="" if isinstance(device_id, bool | dict | list | None) else str(device_id).strip(),
            user=str(body.get("UserName", "")),
            secret=str(body.get("PassWord", "")),
            encrypt_type=str(body.get("EncryptType", "MD5")),
            device_type=str(body.get("DeviceType", body.get("DeviceType ", ""))),
            channels=max(parse_number(body.get("ChannelNum")), 0),
            raw=body,
        )

    def check_password(self, password: str, *, strict: bool = False) -> int:
        """The return code for this login if ``password`` is the right one; takes the same time either way.

        MD5 compares the hash. NONE compares the plain text, and unless ``strict`` also the hash, which
        fielded devices send under that name. Other types are OEM and unsupported.
        """
        hashed = hash_password(password)
        if self.encrypt_type == "MD5":
            accepted = [hashed]
        elif self.encrypt_type == "NONE":
            accepted = [password] if strict else [password, hashed]
        else:
            return ReturnCode.UNSUPPORTED
        matches = [hmac.compare_digest(self.secret.encode(), secret.encode()) for secret in accepted]
        return ReturnCode.OK if any(matches) else ReturnCode.WRONG_PASSWORD


def registration_reply(code: int, session_id: int, alive_interval_s: int) -> dict[str, Any]:
    """The answer to a login."""
    reply: dict[str, Any] = {"Name": "Login", "Ret": code, "SessionID": format_session_id(session_id)}
    if code == ReturnCode.OK:
        reply["AliveInterval"] = alive_interval_s
    return reply


def claim_key(claim_id: int, body: Mapping[str, Any]) -> tuple[int, int, str]:
    """What a Request asks for and a claim claims: claim id, channel, stream; talk has only the first."""
    if claim_id == MessageId.TALK_CLAIM:
        return claim_id, 0, ""
    section = as_object(body.get(MONITOR if claim_id == MessageId.MONITOR_CLAIM else PLAYBACK))
    parameter = as_object(section.get("Parameter"))
    channel = parse_number(parameter.get("Channel"))
    stream = str(parameter.get("StreamType", "")) if claim_id == MessageId.MONITOR_CLAIM else ""
    return claim_id, channel, "Extra1" if stream == "Extra" else stream
