"""Things that travel as raw bytes: exports and imports (DVRIP §7.7)."""

from typing import Final

from cambus.dvrip.codes import RESTART_NEEDED
from cambus.dvrip.connection import Reply
from cambus.dvrip.errors import MalformedPayload, Refused, error_for_code
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.operations.config import ConfigWritten
from cambus.dvrip.payload import decode_body
from cambus.dvrip.reassembly import MAX_ZIP_BYTES
from cambus.dvrip.wire import FRAGMENT_SIZE, REQUEST_VERSION, Packet

#: A zip archive ends with this record, and 18 bytes and a comment.
_ZIP_START: Final = b"PK\x03\x04"
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 22
#: Imports up to this size go in one packet.
SINGLE_IMPORT_BYTES: Final = 64 * 1024


class ZipCollector:
    """Gathers an exported archive: one packet or several until EndFlag or the archive's own end."""

    def __init__(self, limit: int = MAX_ZIP_BYTES) -> None:
        self._limit = limit
        self._data = bytearray()
        self._end = -1  # where the last end record seen so far begins

    def add(self, packet: Packet) -> bytes | None:
        """See `cambus.dvrip.exchange.Collector`.

        Raises:
            MalformedPayload: too long.
        """
        self._data += packet.payload
        if len(self._data) > self._limit:
            raise MalformedPayload(f"longer than {self._limit} bytes", context="archive")
        is_json = self._data[:1] == b"{"
        if is_json or packet.header.end or not packet.payload or self._is_whole(len(packet.payload)):
            return bytes(self._data)
        return None

    def _is_whole(self, added: int) -> bool:
        data = self._data
        # Only what is new is looked through: an archive in tiny packets must not cost its square.
        self._end = max(self._end, data.rfind(_ZIP_END, max(0, len(data) - added - len(_ZIP_END) + 1)))
        if self._end < 0 or len(data) < self._end + _ZIP_END_BYTES:
            return False
        comment = int.from_bytes(data[self._end + 20 : self._end + 22], "little")
        return len(data) >= self._end + _ZIP_END_BYTES + comment


class TransferOperations:
    """Exports and imports. Archives are handed over as received, never unpacked."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def export_config(self) -> bytes:
        """The configuration as a zip archive.

        Raises:
            DvripError: the device refused, or sent something else.
        """
        return await self._export(MessageId.CONFIG_EXPORT, "configuration export")

    async def export_log(self) -> bytes:
        """The log as a zip archive.

        Raises:
            DvripError: the device refused, or sent something else.
        """
        return await self._export(MessageId.LOG_EXPORT, "log export")

    async def import_config(self, archive: bytes, *, confirm: bool = False) -> ConfigWritten:
        """Replace the configuration by an exported one.

        With ``import_in_parts`` of the profile it goes in Total/Cur parts (DVRIP §2.3), at most 4 MiB in all.

        Raises:
            Refused: not confirmed, or too long.
            DvripError: the device refused (601, 604-608).
        """
        require_confirm("importing a configuration", confirm=confirm)
        if len(archive) > MAX_ZIP_BYTES:
            raise Refused("too_large", f"an archive of {len(archive)} bytes; at most {MAX_ZIP_BYTES}")
        label = "configuration import"
        if self._caller.profile.import_in_parts:
            reply = await self._caller.call(
                MessageId.CONFIG_IMPORT, archive, timeout="config_import", label=label
            )
        else:
            reply = await self._import_by_end_flag(archive, label)
        code = reply.code if reply.code is not None else 100
        return ConfigWritten(code, code in RESTART_NEEDED)

    async def _import_by_end_flag(self, archive: bytes, label: str) -> Reply:
        """In one packet if it fits, else in several of which the last is marked."""
        control = self._caller.control
        last = archive
        if len(archive) > SINGLE_IMPORT_BYTES:
            cut = (len(archive) - 1) // FRAGMENT_SIZE * FRAGMENT_SIZE
            for start in range(0, cut, FRAGMENT_SIZE):
                piece = archive[start : start + FRAGMENT_SIZE]
                control.notify(MessageId.CONFIG_IMPORT, piece, version=REQUEST_VERSION)
                await control.drain()
            last = archive[cut:]
        return await self._caller.call(
            MessageId.CONFIG_IMPORT, last, timeout="config_import", label=label, end=last is not archive
        )

    async def _export(self, message_id: int, label: str) -> bytes:
        reply = await self._caller.request(message_id, {"Name": ""}, label=label, collector=ZipCollector())
        if reply.payload.startswith(_ZIP_START):
            return reply.payload
        raise error_for_code(return_code(decode_body(reply.payload)), label)
