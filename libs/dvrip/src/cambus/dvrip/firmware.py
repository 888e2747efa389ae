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
            with zipfile.ZipFile(file) as archive, archive.open(INSTALL_DESCRIPTION) as entry:
                text = entry.read(MAX_DESCRIPTION_BYTES + 1)
        except (
            zipfile.BadZipFile,
            KeyError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
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
