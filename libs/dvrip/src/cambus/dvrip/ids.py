"""Message ids (DVRIP §4): which id asks, which answers, which carries media.

A reply has the id of its request plus one. Ids without a name here are legal: every API that takes an id
takes a plain ``int``.
"""

from enum import IntEnum
from typing import Final


class MessageId(IntEnum):
    """The requests and one-way messages Cambus names; a reply is `reply_id` of its request."""

    # C1 session
    LOGIN = 1000
    LOGIN_REPLY = 1001
    LOGOUT = 1002
    FORCE_LOGOUT = 1004
    KEEPALIVE = 1006
    KEEPALIVE_REPLY = 1007
    REGISTER_LOGIN = 1008
    ENCRYPTION_INFO = 1010
    # C2 information
    SYSTEM_INFO = 1020
    # C3-C11 configuration
    CONFIG_SET = 1040
    CONFIG_GET = 1042
    DEFAULT_CONFIG_GET = 1044
    CHANNEL_TITLE_SET = 1046
    CHANNEL_TITLE_GET = 1048
    TITLE_BITMAP_SET = 1050
    SYSTEM_DEBUG = 1052
    OSD_BITMAP_SET = 1054
    # C12 abilities
    ABILITY_GET = 1360
    CHANNEL_ABILITY_GET = 1362
    # C13 PTZ
    PTZ = 1400
    # C14 live video
    MONITOR = 1410
    MONITOR_DATA = 1412
    MONITOR_CLAIM = 1413
    # C15 playback and download
    PLAYBACK = 1420
    PLAYBACK_DATA = 1422
    PLAYBACK_END = 1423
    PLAYBACK_CLAIM = 1424
    DOWNLOAD_DATA = 1426
    # C16 talk
    TALK = 1430
    TALK_DATA_TO_DEVICE = 1432
    TALK_DATA_FROM_DEVICE = 1433
    TALK_CLAIM = 1434
    TALK_NVR_TO_IPC = 1436
    # C17 searches
    FILE_SEARCH = 1440
    LOG_SEARCH = 1442
    FILE_SEARCH_BY_TIME = 1444
    CALENDAR = 1446
    # C18-C19 machine and disks
    SYSTEM_MANAGER = 1450
    TIME_QUERY = 1452
    DISK_MANAGER = 1460
    # C20 users and groups
    AUTHORITY_LIST = 1470
    USERS_GET = 1472
    GROUPS_GET = 1474
    GROUP_ADD = 1476
    GROUP_MODIFY = 1478
    GROUP_DELETE = 1480
    USER_ADD = 1482
    USER_MODIFY = 1484
    USER_DELETE = 1486
    PASSWORD_CHANGE = 1488
    # C21 alarms
    GUARD = 1500
    UNGUARD = 1502
    ALARM = 1504
    NET_ALARM = 1506
    ALARM_CENTRE_MESSAGE = 1508
    # C22 upgrade
    UPGRADE = 1520
    UPGRADE_DATA = 1522
    UPGRADE_PROGRESS = 1524
    UPGRADE_INFO = 1525
    UPGRADE_RESULT = 1527
    # C23 discovery (UDP)
    IP_SEARCH = 1530
    IP_SET = 1532
    # C24 export and import
    CONFIG_IMPORT = 1540
    CONFIG_EXPORT = 1542
    LOG_EXPORT = 1544
    # C25-C27 and others
    KEYBOARD = 1550
    SNAPSHOT = 1560
    SNAPSHOT_DATA = 1561
    FORCE_I_FRAME = 1562
    RS232_READ = 1570
    RS232_WRITE = 1572
    RS485_READ = 1574
    RS485_WRITE = 1576
    TRANSPARENT_CHANNEL = 1578
    RS485_DATA = 1580
    RS232_DATA = 1582
    LOGIN_TIME_SYNC = 1590
    UI_SCREENSHOT = 1600
    # later firmware
    REMOTE_SEARCH = 1634
    MAIL_TEST = 1636
    IPC_ADDRESS_SET = 1652
    RANDOM_USER = 1660
    FTP_TEST = 2008


#: The login id of the original tables, shifted by one (DVRIP §4); the device role takes both.
SEED_LOGIN: Final = 999

#: Ids whose header bytes 12-13 are Channel and EndFlag instead of TotalPacket and CurPacket (DVRIP §2.1).
MEDIA_IDS: Final[frozenset[int]] = frozenset(
    {1412, 1422, 1426, 1432, 1433, 1522, 1561, 1580, 1581, 1582, 1583, 2264},
)

#: Zip transfers: byte 12 >= 2 means Total/Cur, otherwise byte 13 is EndFlag (DVRIP §2.1).
ZIP_IDS: Final[frozenset[int]] = frozenset({1540, 1543, 1545, 1601})

#: Media a device sends to a client: frames of §9.2 inside.
STREAM_IDS: Final[frozenset[int]] = frozenset(
    {
        MessageId.MONITOR_DATA,
        MessageId.PLAYBACK_DATA,
        MessageId.DOWNLOAD_DATA,
        MessageId.TALK_DATA_FROM_DEVICE,
    },
)

#: Messages a device sends on its own account (DVRIP §6 rule 4).
PUSH_IDS: Final[frozenset[int]] = frozenset(
    {
        MessageId.FORCE_LOGOUT,
        MessageId.ALARM,
        MessageId.ALARM_CENTRE_MESSAGE,
        MessageId.UPGRADE_PROGRESS,
        MessageId.UPGRADE_RESULT,
        MessageId.PLAYBACK_END,
    },
) | frozenset(range(1614, 1622, 2))

#: Requests that only read.
READ_ONLY_IDS: Final[frozenset[int]] = frozenset(
    {
        MessageId.SYSTEM_INFO,
        MessageId.CONFIG_GET,
        MessageId.DEFAULT_CONFIG_GET,
        MessageId.CHANNEL_TITLE_GET,
        MessageId.ABILITY_GET,
        MessageId.CHANNEL_ABILITY_GET,
        MessageId.FILE_SEARCH,
        MessageId.LOG_SEARCH,
        MessageId.FILE_SEARCH_BY_TIME,
        MessageId.CALENDAR,
        MessageId.TIME_QUERY,
        MessageId.AUTHORITY_LIST,
        MessageId.USERS_GET,
        MessageId.GROUPS_GET,
        MessageId.UPGRADE_INFO,
    }
)

#: Requests that may be sent twice without a second effect.
IDEMPOTENT_IDS: Final[frozenset[int]] = READ_ONLY_IDS | {MessageId.GUARD, MessageId.UNGUARD}

#: The largest possible id (a u16 on the wire).
MAX_ID: Final = 0xFFFF


def reply_id(request: int) -> int:
    """The id that answers ``request`` (DVRIP §4)."""
    return (request + 1) & MAX_ID


def is_media(message_id: int) -> bool:
    """Whether bytes 12-13 of the header read as Channel and EndFlag."""
    return message_id in MEDIA_IDS


#: Session ids as the original tables print them: one less than on the wire, and logout with a reply in
#: between.
_SEED_IDS: Final[dict[int, int]] = {
    MessageId.LOGIN: 999,
    MessageId.LOGIN_REPLY: 1000,
    MessageId.LOGOUT: 1001,
    MessageId.LOGOUT + 1: 1002,
    MessageId.FORCE_LOGOUT: 1003,
    MessageId.FORCE_LOGOUT + 1: 1004,
    MessageId.KEEPALIVE: 1005,
    MessageId.KEEPALIVE_REPLY: 1006,
}
_FROM_SEED_IDS: Final[dict[int, int]] = {seed: wire for wire, seed in _SEED_IDS.items()}


def to_seed_id(message_id: int) -> int:
    """The id a ``seed_ids`` device uses on the wire for this message."""
    return _SEED_IDS.get(message_id, message_id)


def from_seed_id(message_id: int) -> int:
    """The usual id of a message a ``seed_ids`` device sent."""
    return _FROM_SEED_IDS.get(message_id, message_id)
