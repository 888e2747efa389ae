"""Login, keepalive and logout bodies (DVRIP §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.profile import Credentials
from cambus.dvrip.values import parse_number, parse_session_id

DEFAULT_ALIVE_INTERVAL_S: Final = 20
MAX_ALIVE_INTERVAL_S: Final = 300

KEEPALIVE_BODY: Final[Mapping[str, Any]] = {"Name": "KeepAlive"}
LOGOUT_BODY: Final[Mapping[str, Any]] = {"Name": ""}


def login_body(credentials: Credentials, login_type: str = "DVRIP-Web") -> dict[str, Any]:
    """The body of a login; holds the secret."""
    return {
        "EncryptType": credentials.encrypt_type,
        "LoginType": login_type,
        "PassWord": credentials.secret(),
        "UserName": credentials.user,
    }


@dataclass(frozen=True, slots=True)
class LoginReply:
    """What a device says to a login; a failure may be short or full of junk, only ``ret`` counts.

    Attributes:
        ret: return code; None when missing.
        session_id: as in the body; the header's wins.
        alive_interval_s: 20 when missing, 0 or above 300.
        channels: ChannelNum.
        device_type: DVR, NVR, IPC, ... as the device spells it.
        raw: the body.
    """

    ret: int | None
    session_id: int | None
    alive_interval_s: int
    channels: int
    device_type: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "LoginReply":
        """Read a reply with whatever it has; ``DeviceType`` has a trailing blank on the wire (DVRIP §2.4)."""
        alive = parse_number(body.get("AliveInterval"))
        return cls(
            ret=return_code(body),
            session_id=parse_session_id(body.get("SessionID")),
            alive_interval_s=alive if 0 < alive <= MAX_ALIVE_INTERVAL_S else DEFAULT_ALIVE_INTERVAL_S,
            channels=max(parse_number(body.get("ChannelNum")), 0),
            device_type=str(body.get("DeviceType ", body.get("DeviceType", ""))),
            raw=body,
        )
