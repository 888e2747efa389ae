"""What a firmware package says about itself (DVRIP §13): a zip with an ``InstallDesc`` in JSON."""

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Final

from cambus.dvrip.errors import MalformedPayload, Refused
from cambus.dvrip.messages.upgrade import UpgradeInfo
from cambus.dvrip.payload import decode_body

INSTALL_DESCRIPTION: Final = "InstallDesc"
#: Such a description is a page of text; a longer one is an attack.
MAX_DESCRIPTION_BYTES: Final = 64 * 1024
#: Packages have a dozen files.
_MAX_DIRECTORY_BYTES: Final = 256 * 1024
_MAX_COMMENT_BYTES: Final = 1 << 16
#: The end of the directory of a zip (APPNOTE 4.3.16), and what points at the larger one of Zip64 (4.3.15).
_END, _END_64, _END_BYTES, _END_64_BYTES = b"PK\5\6", b"PK\6\7", 22, 20


@dataclass(frozen=True, slots=True)
class FirmwarePackage:
    """For whom a package is made."""

    hardware: str
    vendor: str
    model: str

    @classmethod
    def read(cls, package: bytes | IO[bytes]) -> "FirmwarePackage":
        """Read the description in a package; nothing else is unpacked.

        Args:
            package: the package, or a file of it that can be searched.

        Raises:
            MalformedPayload: it is no such package.
        """
        try:
            file = io.BytesIO(package) if isinstance(package, bytes) else package
            _check_directory(file)
            with zipfile.ZipFile(file) as archive, archive.open(INSTALL_DESCRIPTION) as entry:
                text = entry.read(MAX_DESCRIPTION_BYTES + 1)
        except (
            zipfile.BadZipFile,
            KeyError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            MemoryError,
            ValueError,
            lzma.LZMAError,
            zlib.error,
        ) as error:
            raise MalformedPayload(f"no {INSTALL_DESCRIPTION}: {error}", context="firmware package") from None
        if len(text) > MAX_DESCRIPTION_BYTES:
            raise MalformedPayload(f"{INSTALL_DESCRIPTION} is too long", context="firmware package")
        body = decode_body(text)
        return cls(str(body.get("Hardware", "")), str(body.get("Vendor", "")), str(body.get("Model", "")))

    def check(self, info: UpgradeInfo, *, force: bool = False) -> None:
        """Refuse a package made for other hardware or another vendor than the device says it is.

        Raises:
            Refused: ``wrong_firmware``, unless forced.
        """
        for what, have, want in (
            ("hardware", self.hardware, info.hardware),
            ("vendor", self.vendor, info.vendor),
        ):
            if have and want and have != want and not force:
                raise Refused("wrong_firmware", f"the package is for {what} {have!r}, the device is {want!r}")


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a package whose directory is too long: all of it would be read, at ten times its size.

    Looks for the end of the directory where `zipfile` does.

    Raises:
        BadZipFile: it is, or there is none.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END_BYTES - _MAX_COMMENT_BYTES, 0))
    tail = file.read()
    at = len(tail) - _END_BYTES
    if at < 0 or not (tail.startswith(_END, at) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise zipfile.BadZipFile("no directory")
    directory_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    if directory_bytes > _MAX_DIRECTORY_BYTES or tail.startswith(_END_64, max(at - _END_64_BYTES, 0)):
        raise zipfile.BadZipFile(f"its directory is longer than {_MAX_DIRECTORY_BYTES} bytes")
