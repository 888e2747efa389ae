"""How a device of the device role deviates from `classic` (DVRIP §18), switchable while it runs.

`DeviceQuirks` holds what concerns packets, sessions and the way media is sent; the simulated device adds what
concerns its answers, and ways to set them by text. A change holds from the next message, session or stream on.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

T = TypeVar("T")

FAULTS = Literal[
    "half_header",
    "huge_length",
    "wrong_flag",
    "unknown_id",
    "json_bomb",
    "duplicate_keys",
    "not_json",
    "array",
]


def quirk(default: T, doc: str) -> T:
    """A documented field of a quirks dataclass."""
    value: T = field(default=default, metadata={"doc": doc})
    return value


@dataclass
class DeviceQuirks:
    """Deviations of packets, sessions and media; the defaults are the profile `classic`."""

    tail: Literal["lfnul", "lf", "nul", "none", "crlf"] = quirk("lfnul", "what follows the JSON of a reply")
    version: int = quirk(1, "Version byte of everything sent")
    fragment_bytes: int = quirk(0, "bytes per part of a reply; 0: whole up to 32 KiB, then parts of 16 KiB")
    fragment_order: Literal["in_order", "shuffled", "duplicate", "hole", "changed_total"] = quirk(
        "in_order", "how the parts of a reply in parts leave"
    )
    sequence: Literal["echo", "echo_plus_1", "own", "zero"] = quirk("echo", "Sequence of replies")
    sid_format: Literal["classic", "short", "ten_digits", "lower", "none"] = quirk(
        "classic", "SessionID in JSON: 0x%08X, 0x57, 0x0000000057, 0x000000ab, or left out"
    )
    seed_ids: bool = quirk(
        False, "session messages with the ids of the original tables (login 999/1000, ...)"
    )
    segment_bytes: int = quirk(0, "write to the socket in pieces of so many bytes; 0: all at once")
    text_encoding: Literal["utf-8", "gbk", "latin-1"] = quirk("utf-8", "encoding of the JSON sent")
    raw_control: bool = quirk(False, "control characters inside strings unescaped")

    login_code: int = quirk(0, "answer every login with this code; 0: check the credentials")
    wrong_password_code: int = quirk(203, "code for a wrong password: 203 or 106")
    unknown_user_code: int = quirk(204, "code for an unknown user: 204, 205, 106 or 430")
    login_failure_form: Literal["full", "short"] = quirk("full", "shape of a failed login's answer")
    lock_after: int = quirk(5, "failed logins until a user is locked (205); 0: never")
    lock_s: float = quirk(60.0, "seconds a user stays locked")
    not_logged_in_code: int = quirk(105, "code for a request without a session: 105 or 202")
    login_reply: Literal["json", "encrypted", "cut", "never"] = quirk("json", "what a login is answered with")
    alive_interval: int = quirk(20, "AliveInterval of the login answer, seconds; below 0: left out")
    device_type_space: bool = quirk(True, "the login answer's key is 'DeviceType ' with its trailing space")
    keys: Literal["classic", "modern"] = quirk("classic", "modern: the extra keys of newer firmware")
    force_logout_after_s: float = quirk(0.0, "log a session out (1004) so long after its login; 0: never")
    expire_after_intervals: float = quirk(3.0, "AliveIntervals of silence after which a session ends")
    max_connections: int = quirk(0, "TCP connections allowed; 0: as NetWork.NetCommon.TCPMaxConn says")
    over_limit: Literal["close", "code"] = quirk(
        "close", "a connection too many is closed, or answered first"
    )
    over_limit_code: int = quirk(123, "that answer's code")

    delay_s: dict[int, float] = field(
        default_factory=dict,
        metadata={"doc": "seconds to wait before handling a request, by message id; id 0: every"},
    )
    silent_ids: set[int] = field(
        default_factory=set, metadata={"doc": "requests that are handled and never answered"}
    )
    wrong_id_ids: set[int] = field(
        default_factory=set, metadata={"doc": "requests answered under another id"}
    )
    double_ids: set[int] = field(default_factory=set, metadata={"doc": "requests answered twice"})
    reply_fault: dict[int, str] = field(
        default_factory=dict,
        metadata={"doc": "broken answers by message id (id 0: every): " + ", ".join(get_args(FAULTS))},
    )

    topology: Literal["both", "two_sockets", "one_socket"] = quirk(
        "both",
        "where claims are taken: sockets that did not log in (two_sockets), that did (one_socket), any",
    )
    claim_lost: bool = quirk(False, "claims vanish without an answer")
    claim_hold_s: float = quirk(0.5, "seconds a Start waits for its claim before it is refused (103)")
    start_reply: Literal["never", "before", "after"] = quirk(
        "never", "the answer to Start on a socket that carries the media too: before, after some media, never"
    )
    force_i_frame_code: int = quirk(100, "answer to a request for a key frame (1562)")
    max_playbacks: int = quirk(4, "playbacks and downloads per session")
    chunk_mode: Literal["size", "frame", "joined", "dribble", "split_header"] = quirk(
        "size",
        "media packets: chunk_bytes each, a frame each, chunk_bytes across frame borders, the first 64 bytes of a"
        " frame one by one, the first 7 bytes of a frame alone",
    )
    chunk_bytes: int = quirk(8192, "payload bytes of a media packet")
    media_marks: bool = quirk(False, "reserved bytes of media headers set: stream selector, 0x80 for audio")
    pace: float = quirk(
        1.0, "speed of live and playback: 1 real time, n times as fast, 0 as fast as possible"
    )
    stall_at_s: float = quirk(0.0, "seconds into a stream at which it pauses once; 0: never")
    stall_s: float = quirk(0.0, "length of that pause")
    break_at_s: float = quirk(0.0, "seconds into a stream at which it breaks off; 0: never")
    break_how: Literal["silent", "close", "rst", "half_close"] = quirk("silent", "how it breaks off")
    end_of_file: Literal[
        "end_flag", "flag_on_last", "zero_length", "message_1423", "message_1423_json", "silence"
    ] = quirk("end_flag", "how a playback or download ends")
