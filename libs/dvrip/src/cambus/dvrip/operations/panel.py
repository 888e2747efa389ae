"""The device's own keys and screen (DVRIP §7.7): 1550, 1600."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from cambus.dvrip.errors import ConnectionLost, MalformedPayload, Refused, error_for_code
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import named, return_code
from cambus.dvrip.operations.caller import Caller
from cambus.dvrip.payload import decode_body
from cambus.dvrip.snapshot import SnapshotCollector

#: How long a key is held: a shorter press is missed by some devices.
PRESS_S: Final = 0.3


class Key(StrEnum):
    """The keys beside the digits."""

    MENU = "Menu"
    INFO = "Info"
    ESC = "Esc"
    FUNC = "Func"
    SHIFT = "Shift"
    LEFT = "Left"
    UP = "Up"
    RIGHT = "Right"
    DOWN = "Down"


class PanelOperations:
    """Press keys, and look at the screen.

    Args:
        caller: the session.
        sleep: waits while a key is down.
    """

    def __init__(self, caller: Caller, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._caller = caller
        self._sleep = sleep

    async def press(self, key: str, hold_s: float = PRESS_S) -> None:
        """Press a key (a `Key` or a digit) and let go of it; a caller that goes away lets go too.

        Raises:
            Refused: there is no such key.
            DvripError: the device refused.
        """
        value = _key(key)
        await self._send("KeyDown", value)
        try:
            await self._sleep(hold_s)
        except asyncio.CancelledError:
            self._let_go(value)
            raise
        await self._send("KeyUp", value)

    async def screenshot(self) -> bytes:
        """What the device's own screen shows (1600), as the picture it sends: JPEG or BMP.

        Raises:
            DvripError: the device refused, or sent something else.
        """
        reply = await self._caller.request(
            MessageId.UI_SCREENSHOT, {"Name": ""}, label="screenshot", collector=SnapshotCollector()
        )
        if reply.payload.startswith(b"{"):
            raise error_for_code(return_code(decode_body(reply.payload)), "screenshot")
        if not reply.payload:
            raise MalformedPayload("no picture", context="screenshot")
        return reply.payload

    async def _send(self, status: str, value: str) -> None:
        await self._caller.call(MessageId.KEYBOARD, _body(status, value), label=f"key {value}")

    def _let_go(self, value: str) -> None:
        try:
            self._caller.control.submit(MessageId.KEYBOARD, _body("KeyUp", value), label=f"key {value}")
        except (Refused, ConnectionLost):
            return  # without a session no key is down


def _body(status: str, value: str) -> dict[str, object]:
    return named("OPNetKeyboard", {"Status": status, "Value": value})


def _key(key: str) -> str:
    if key in set(Key) or (len(key) == 1 and key in "0123456789"):
        return str(key)
    raise Refused("out_of_range", f"key {key[:20]!r}, wanted a digit or one of {', '.join(Key)}")
