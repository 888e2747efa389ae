"""What GB/T 28181 has nothing for: the log, accounts and serial ports of a device."""

from collections.abc import Mapping
from typing import Any, Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.session import GbSession
from cambus.schemas.commands import logs, serial, users
from cambus.schemas.spec import CommandSpec

REFUSED: Final[Mapping[str, tuple[CommandSpec[Any, Any], ...]]] = {
    "the protocol gives no access to the log of a device": (logs.FIND, logs.EXPORT, logs.CLEAR, logs.SWITCH),
    "the protocol knows no accounts on devices; the password a device registers with is set on the device itself": (
        users.LIST,
        users.ADD,
        users.MODIFY,
        users.DELETE,
        users.PASSWORD,
        users.GROUP_ADD,
        users.GROUP_MODIFY,
        users.GROUP_DELETE,
    ),
    "the protocol gives no access to serial ports": (serial.OPEN, serial.WRITE, serial.CLOSE),
}


def register(table: HandlerTable[GbSession]) -> None:
    """Refuse all of it, each with its reason."""
    for text, specs in REFUSED.items():
        for spec in specs:
            table.refuse(spec, text)
