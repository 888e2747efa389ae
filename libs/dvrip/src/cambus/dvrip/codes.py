"""Return codes (``Ret``, DVRIP §16): their text, and which mean success, nothing found, or refused login."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class ReturnCode(IntEnum):
    """The codes Cambus names; a device may send any other number, which is then a failure."""

    OK = 100
    UNKNOWN_ERROR = 101
    UNSUPPORTED = 102
    ILLEGAL_REQUEST = 103
    ALREADY_LOGGED_IN = 104
    NOT_LOGGED_IN = 105
    BAD_CREDENTIALS = 106
    NO_PERMISSION = 107
    TIMEOUT = 108
    NOT_FOUND = 109
    FOUND_ALL = 110
    FOUND_PART = 111
    USER_EXISTS = 112
    NO_SUCH_USER = 113
    GROUP_EXISTS = 114
    NO_SUCH_GROUP = 115
    LICENCE_CHECK = 116
    MALFORMED_MESSAGE = 117
    NO_PTZ_PROTOCOL = 118
    NO_FILE = 119
    NOT_ENABLED = 120
    CHANNEL_NOT_CONNECTED = 121
    NAT_VIDEO_LIMIT = 122
    TCP_VIDEO_LIMIT = 123
    ALGORITHM_ERROR = 124
    OK_REBOOT_NEEDED = 150
    LOGIN_REQUIRED = 202
    WRONG_PASSWORD = 203
    ILLEGAL_USER = 204
    LOCKED = 205
    BLACKLISTED = 206
    ALREADY_IN_USE = 207
    BAD_INPUT = 208
    DUPLICATE_INDEX = 209
    OBJECT_MISSING = 210
    OBJECT_MISSING_2 = 211
    IN_USE = 212
    RIGHTS_EXCEED_PARENT = 213
    BAD_PASSWORD_FORMAT = 214
    MISMATCH = 215
    RESERVED_ACCOUNT = 216
    USER_NOT_FOUND = 430
    ILLEGAL_COMMAND = 502
    TALK_ALREADY_ON = 503
    TALK_NOT_ON = 504
    UPGRADE_ALREADY_STARTED = 511
    UPGRADE_NOT_STARTED = 512
    UPGRADE_DATA_ERROR = 513
    UPGRADE_FAILED = 514
    UPGRADE_OK = 515
    DEFAULT_FAILED = 521
    DEFAULT_RESTART_NEEDED = 522
    DEFAULT_INVALID = 523
    IMPORT_FAILED = 601
    RESTART_APPLICATION = 602
    RESTART_SYSTEM = 603
    WRITE_ERROR = 604
    FEATURE_UNSUPPORTED = 605
    VERIFY_FAILED = 606
    NO_SUCH_CONFIG = 607
    PARSE_ERROR = 608


_TEXTS: Final[Mapping[int, str]] = {
    100: "ok",
    101: "unknown error",
    102: "unsupported",
    103: "illegal request",
    104: "already logged in",
    105: "not logged in",
    106: "user or password wrong",
    107: "no permission",
    108: "timeout",
    109: "not found",
    110: "found all",
    111: "found part",
    112: "user exists",
    113: "no such user",
    114: "group exists",
    115: "no such group",
    116: "licence check failed",
    117: "malformed message",
    118: "no PTZ protocol set",
    119: "no file found",
    120: "not enabled",
    121: "digital channel not connected",
    122: "NAT video connection limit reached",
    123: "TCP video connection limit reached",
    124: "algorithm error",
    150: "ok, reboot needed",
    202: "login required",
    203: "wrong password",
    204: "illegal user",
    205: "user locked",
    206: "user blacklisted",
    207: "user already in use",
    208: "bad input",
    209: "duplicate index",
    210: "object missing",
    211: "object missing",
    212: "object in use",
    213: "rights exceed those of the parent",
    214: "bad password format",
    215: "passwords do not match",
    216: "reserved account",
    430: "user not found",
    502: "illegal command",
    503: "talk already on",
    504: "talk not on",
    511: "upgrade already started",
    512: "upgrade not started",
    513: "upgrade data error",
    514: "upgrade failed",
    515: "upgrade ok",
    521: "restoring defaults failed",
    522: "restart needed",
    523: "invalid default configuration",
    601: "import failed",
    602: "restart of the application needed",
    603: "restart of the system needed",
    604: "write error",
    605: "feature unsupported",
    606: "verification failed",
    607: "no such configuration",
    608: "parse error",
}

SUCCESS: Final[frozenset[int]] = frozenset({100, 110, 111, 150, 515, 522, 602, 603})
#: "Nothing there": an empty result of a search, not an error.
EMPTY: Final[frozenset[int]] = frozenset({109, 119})
#: Success that takes effect only after a restart (DVRIP §8).
RESTART_NEEDED: Final[frozenset[int]] = frozenset({150, 522, 602, 603})
#: The device does not know the request, its name or its section.
UNSUPPORTED: Final[frozenset[int]] = frozenset({102, 605, 607})
#: The device has no connection left for us (DVRIP §5, connection budget).
CONNECTION_LIMIT: Final[frozenset[int]] = frozenset({122, 123})
#: The session is gone in mid-session (DVRIP §5).
SESSION_LOST: Final[frozenset[int]] = frozenset({105, 202})


class AuthReason(StrEnum):
    """Why a device refused our credentials (DVRIP §5); one reason per cause a person can act on."""

    BAD_PASSWORD = "bad_password"  # noqa: S105 - the name of a reason, no secret
    UNKNOWN_USER = "unknown_user"
    LOCKED = "locked"
    BLACKLISTED = "blacklisted"
    ALREADY_LOGGED_IN = "already_logged_in"
    ALREADY_IN_USE = "already_in_use"
    NOT_LOGGED_IN = "not_logged_in"
    LOGIN_REQUIRED = "login_required"


AUTH_REASONS: Final[Mapping[int, AuthReason]] = {
    104: AuthReason.ALREADY_LOGGED_IN,
    105: AuthReason.NOT_LOGGED_IN,
    106: AuthReason.BAD_PASSWORD,
    202: AuthReason.LOGIN_REQUIRED,
    203: AuthReason.BAD_PASSWORD,
    204: AuthReason.UNKNOWN_USER,
    205: AuthReason.LOCKED,
    206: AuthReason.BLACKLISTED,
    207: AuthReason.ALREADY_IN_USE,
}


def code_text(code: int) -> str:
    """What ``code`` means in words; an unlisted number says just that."""
    return _TEXTS.get(code, "unlisted code")


def is_success(code: int) -> bool:
    """Whether ``code`` means the request was done."""
    return code in SUCCESS


def is_empty(code: int) -> bool:
    """Whether ``code`` means a search found nothing."""
    return code in EMPTY
