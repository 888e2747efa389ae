"""Configuration by name (DVRIP §8): 1040-1049.

A name is a root (``Detect``), a leaf (``Detect.MotionDetect``), an element (``Detect.MotionDetect.[0]``) or a
field (``NetWork.NetCommon.HostName``). Values are the device's JSON; unknown keys survive because changes are
always made to what was read. The same with types is `ConfigOperations.read` and `ConfigOperations.write`, for the
objects of `cambus.dvrip.objects`. Values outside their documented range are refused before anything is sent,
unless ``checked`` is False.
"""

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cambus.dvrip.codes import RESTART_NEEDED, ReturnCode
from cambus.dvrip.errors import DeviceError, DvripError, ProtocolError, RequestTimeout, Unsupported
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bitmaps import Bitmap, serialize_bitmaps
from cambus.dvrip.messages.bodies import named, value_of
from cambus.dvrip.objects.catalog import check, original_of, read_objects, write_objects
from cambus.dvrip.objects.fields import NOTHING
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.payload import decode_body
from cambus.dvrip.values import as_list
from cambus.dvrip.wire import Packet

CHANNEL_TITLE: Final = "ChannelTitle"
#: Elements read one by one when nothing else is answered.
MAX_ELEMENTS: Final = 256

_ABSENT: Final = frozenset({ReturnCode.UNSUPPORTED, ReturnCode.ILLEGAL_REQUEST, ReturnCode.NO_SUCH_CONFIG})
_INDEX: Final = re.compile(r"\[(\d+)\]\Z")


@dataclass(frozen=True, slots=True)
class ConfigWritten:
    """A change was taken; ``restart_needed`` when it works only after a restart."""

    code: int
    restart_needed: bool


def element(name: str, index: int) -> str:
    """The name of one element of an array."""
    return f"{name}.[{index}]"


def merged(value: Any, changes: Any) -> Any:
    """``value`` with ``changes``: objects key by key at any depth, anything else replaced."""
    if isinstance(value, Mapping) and isinstance(changes, Mapping):
        result = dict(value)
        for key, change in changes.items():
            result[key] = merged(result.get(key), change)
        return result
    return copy.deepcopy(changes)


class _FreshReply:
    """Passes over replies to names we gave up on: ids do not tell them apart (DVRIP §6)."""

    def __init__(self, name: str, given_up: set[str]) -> None:
        self._name = name
        self._given_up = given_up

    def add(self, packet: Packet) -> bytes | None:
        try:
            answered = str(decode_body(packet.payload).get("Name", ""))
        except ProtocolError:
            return packet.payload  # for the caller to complain about
        if answered != self._name and answered in self._given_up:
            self._given_up.discard(answered)
            return None
        return packet.payload


class ConfigOperations:
    """Read and write configuration."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._given_up: set[str] = set()  # roots the device did not answer

    async def get(self, name: str, *, elements: int | None = None) -> Any:
        """The value of ``name``, found by whatever way the device offers.

        A leaf the device denies (607) is looked for in its root; a root it does not answer is given up
        without losing the connection, and the leaf is read element by element.

        Args:
            name: see the module.
            elements: how many elements the array has at most; None for the device's channels.

        Raises:
            Unsupported: the device has nothing of that name.
            DvripError: anything else.
        """
        try:
            return await self._read(MessageId.CONFIG_GET, name)
        except DeviceError as error:
            if error.code not in _ABSENT or "." not in name:
                raise
            denied = error
        root, *path = name.split(".")
        if root not in self._given_up:
            try:
                return _dig(await self._read(MessageId.CONFIG_GET, root, soft=True), path, name)
            except RequestTimeout:
                self._given_up.add(root)
            except DeviceError as error:
                if error.code not in _ABSENT:
                    raise
        if _INDEX.match(path[-1]) or len(path) != 1:
            raise Unsupported(denied.code, name)
        return await self._read_elements(name, denied, elements)

    async def default(self, name: str) -> Any:
        """The factory setting of ``name`` (1044).

        Raises:
            Unsupported: the device has none.
        """
        return await self._read(MessageId.DEFAULT_CONFIG_GET, name)

    async def read(self, name: str) -> Any:
        """The value of ``name`` as objects (`read_objects`): an array as a list of them.

        Raises:
            DvripError: as `get`.
        """
        return read_objects(name, await self.get(name))

    async def write(self, name: str, objects: Any, *, checked: bool = True) -> ConfigWritten:
        """Write objects that were read, and changed since; what they do not know goes back as it came.

        Raises:
            Refused: a changed field is out of range; nothing was sent.
            DvripError: the device refused.
        """
        return await self.set(name, write_objects(objects), before=original_of(objects), checked=checked)

    async def set(
        self, name: str, value: Any, *, before: Any = NOTHING, checked: bool = True
    ) -> ConfigWritten:
        """Write ``value`` as it is; prefer `merge` or `edit`, which keep what they do not name.

        Args:
            name: see the module.
            value: JSON.
            before: what is there now: what stays the same is not checked.
            checked: refuse values out of range; False sends them, for firmware that knows more than we do.

        Raises:
            Refused: ``out_of_range``; nothing was sent.
            DvripError: the device refused.
        """
        if checked:
            check(name, value, before)
        reply = await self._caller.call(MessageId.CONFIG_SET, named(name, value), label=f"setting {name}")
        code = reply.code if reply.code is not None else ReturnCode.OK
        return ConfigWritten(int(code), code in RESTART_NEEDED)

    async def edit(self, name: str, change: Callable[[Any], Any], *, checked: bool = True) -> ConfigWritten:
        """Read ``name``, apply ``change`` to a copy, write the result.

        Raises:
            Refused: what changed is out of range; nothing was written.
            DvripError: reading or writing failed.
        """
        value = await self.get(name)
        return await self.set(name, change(copy.deepcopy(value)), before=value, checked=checked)

    async def merge(self, name: str, changes: Mapping[str, Any], *, checked: bool = True) -> ConfigWritten:
        """Change only the given fields of the object ``name``, at any depth.

        Raises:
            Refused: what changed is out of range; nothing was written.
            DvripError: reading or writing failed.
        """
        return await self.edit(name, lambda value: merged(value, changes), checked=checked)

    async def reset(self, name: str, *, confirm: bool = False) -> ConfigWritten:
        """Write the factory setting of ``name``.

        Raises:
            Refused: not confirmed.
            DvripError: reading or writing failed.
        """
        require_confirm(f"resetting {name}", confirm=confirm)
        return await self.set(name, await self.default(name), checked=False)

    async def channel_titles(self) -> list[str]:
        """The titles of all channels (1048)."""
        reply = await self._caller.call(
            MessageId.CHANNEL_TITLE_GET, named(CHANNEL_TITLE), label="channel titles"
        )
        return [str(title) for title in as_list(value_of(reply.body, CHANNEL_TITLE))]

    async def set_channel_titles(self, titles: list[str]) -> None:
        """Write the titles of all channels (1046); the device takes only the whole list."""
        await self._caller.call(
            MessageId.CHANNEL_TITLE_SET, named(CHANNEL_TITLE, titles), label="setting channel titles"
        )

    async def set_title_bitmap(self, bitmap: Bitmap) -> None:
        """Draw the title of a channel (1050).

        Raises:
            Refused: the bitmap is not right; nothing was sent.
            DvripError: the device refused.
        """
        await self._caller.call(MessageId.TITLE_BITMAP_SET, bitmap.serialize(), label="title bitmap")

    async def set_osd_bitmaps(self, bitmaps: Iterable[Bitmap]) -> None:
        """Draw several texts into the picture (1054).

        Raises:
            Refused: a bitmap is not right; nothing was sent.
            DvripError: the device refused.
        """
        await self._caller.call(MessageId.OSD_BITMAP_SET, serialize_bitmaps(bitmaps), label="OSD bitmaps")

    async def _read(self, message_id: int, name: str, *, soft: bool = False) -> Any:
        is_root = "." not in name
        reply = await self._caller.call(
            message_id,
            named(name),
            timeout="config_root" if is_root else "request",
            label=name,
            soft=soft,
            collector=_FreshReply(name, self._given_up),
        )
        return value_of(reply.body, name)

    async def _read_elements(self, name: str, denied: DvripError, elements: int | None) -> list[Any]:
        login = self._caller.control.session.login_reply
        count = elements or (login.channels if login else 0) or MAX_ELEMENTS
        values: list[Any] = []
        for index in range(count):
            try:
                values.append(await self._read(MessageId.CONFIG_GET, element(name, index)))
            except DeviceError as error:
                if error.code not in _ABSENT:
                    raise
                break
        if not values:
            raise denied
        return values


def _dig(value: Any, path: list[str], name: str) -> Any:
    """The part of a root that ``path`` names."""
    for part in path:
        match = _INDEX.match(part)
        if match and isinstance(value, list) and int(match[1]) < len(value):
            value = value[int(match[1])]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            raise Unsupported(ReturnCode.NO_SUCH_CONFIG, name)
    return value
