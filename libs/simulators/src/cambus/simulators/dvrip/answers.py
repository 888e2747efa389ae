"""Shapes of answers shared by all groups of operations, and who may ask for what (DVRIP §7)."""

from collections.abc import Callable
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_wire import JsonReply, Reply
from cambus.dvrip.ids import MessageId

#: A request answered: with a reply, a bare return code, or not at all.
Handler = Callable[[Request], Reply | int | None]

#: The authority an operation needs; everything else needs only a login.
REQUIRED: Final = {
    MessageId.PTZ: "PTZControl",
    MessageId.SYSTEM_MANAGER: "ShutDown",
    MessageId.DISK_MANAGER: "StorageManager",
    MessageId.UPGRADE: "SysUpgrade",
    MessageId.CONFIG_IMPORT: "ImExport",
    MessageId.CONFIG_EXPORT: "ImExport",
    MessageId.LOG_SEARCH: "QueryLog",
    MessageId.CHANNEL_TITLE_SET: "ChannelTitle",
    MessageId.GROUP_ADD: "Account",
    MessageId.GROUP_MODIFY: "Account",
    MessageId.GROUP_DELETE: "Account",
    MessageId.USER_ADD: "Account",
    MessageId.USER_MODIFY: "Account",
    MessageId.USER_DELETE: "Account",
}


def answer(name: str, code: int = ReturnCode.OK, **fields: Any) -> JsonReply:
    """A body with Name and Ret."""
    return JsonReply({"Name": name, "Ret": int(code), **fields})


def named(name: str, value: Any, code: int = ReturnCode.OK) -> JsonReply:
    """A body with its value under its own name."""
    return JsonReply({"Name": name, "Ret": int(code), name: value})
