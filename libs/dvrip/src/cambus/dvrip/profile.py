"""What is particular about one device, and the secrets that open it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cambus.dvrip.password import hash_password
from cambus.dvrip.undocumented import JsonBody

#: TCP connections a device is given before its own limit is known (DVRIP §5).
DEFAULT_CONNECTION_BUDGET: Final = 6


class Topology(StrEnum):
    """How media reaches us (DVRIP §9.1)."""

    AUTO = "auto"
    TWO_SOCKETS = "two_sockets"
    OWN_SESSION = "own_session"


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or user and password hash. The repr shows neither."""

    user: str
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)
    encrypt_type: str = "MD5"

    def secret(self) -> str:
        """What goes into ``PassWord`` (DVRIP §3): the hash, or the plain text for EncryptType NONE."""
        if self.encrypt_type == "NONE":
            return self.password
        return self.password_hash or hash_password(self.password)

    def accepts(self, secret: str) -> bool:
        """Whether ``secret`` is the hash of this password; takes the same time either way."""
        return hmac.compare_digest(self.secret().encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class Profile:
    """Deviations of one device from the common behaviour; the defaults fit most.

    Attributes:
        seed_ids: session messages use the ids of the original tables (DVRIP §4).
        channel_base: number of the first channel on the wire; some single-channel cameras want 1 (DVRIP
            §9.1).
        parallel_requests: different request ids may be in flight together on the control socket (DVRIP §6).
        topology: how to open media; AUTO tries two sockets, then an own session.
        combine_mode: ``CombinMode`` of live requests.
        connections: TCP connections this device may have from us; None until its own limit is known.
        ptz_flip_horizontal: mirrored mounting.
        ptz_flip_vertical: upside-down mounting.
        fast_scan: send ``Value`` 2 in playback (DVRIP §10.1).
        upgrade_piece_bytes: size of firmware pieces.
        request_by_claim_id: active registration: ask for media with the claim ids (DVRIP §11).
        import_in_parts: configuration imports go in Total/Cur parts (DVRIP §2.1).
        login_type: ``LoginType`` of the login.
        answers_keepalives: it does; else their silence is no sign of a dead connection (DVRIP §5).
        end_flag_on_data: the last piece of firmware carries the end mark, none follows it (DVRIP §13).
        talk_format_inside: ``AudioFormat`` of a talk stands inside ``Parameter`` (DVRIP §10.2).
        bodies: its own, of messages without a documented one, see `cambus.dvrip.undocumented`.
    """

    seed_ids: bool = False
    channel_base: int = 0
    parallel_requests: bool = False
    topology: Topology = Topology.AUTO
    combine_mode: str = "NONE"
    connections: int | None = None
    ptz_flip_horizontal: bool = False
    ptz_flip_vertical: bool = False
    fast_scan: bool = False
    upgrade_piece_bytes: int = 16 * 1024
    request_by_claim_id: bool = False
    import_in_parts: bool = False
    login_type: str = "DVRIP-Web"
    answers_keepalives: bool = True
    end_flag_on_data: bool = False
    talk_format_inside: bool = False
    bodies: Mapping[str, JsonBody | None] = field(default_factory=dict)

    def wire_channel(self, channel: int) -> int:
        """The number of our 0-based ``channel`` in bodies this device reads."""
        return channel + self.channel_base
