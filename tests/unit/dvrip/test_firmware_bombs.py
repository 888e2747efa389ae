"""Firmware packages made to cost whoever looks into them his memory or his time."""

import io
import tracemalloc
import zipfile

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.firmware import INSTALL_DESCRIPTION, FirmwarePackage

DESCRIPTION = b'{"Hardware":"HI3516","Vendor":"General","Model":"x"}'


def package(content=DESCRIPTION, packed=zipfile.ZIP_DEFLATED, others=0, comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        archive.writestr(INSTALL_DESCRIPTION, content)
        for number in range(others):
            archive.writestr(str(number), b"")
        archive.comment = comment
    return file.getvalue()


def with_zip64(data):
    """The same package, with a Zip64 directory that nobody has checked."""
    end = data[-22:]
    record = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(44)
    locator = b"PK\6\7" + bytes(4) + (len(data) - 22).to_bytes(8, "little") + (1).to_bytes(4, "little")
    return data[:-22] + record + locator + end


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"made by the vendor"])
@pytest.mark.parametrize("head", [b"", b"a loader in front"])
def test_an_honest_package_is_read(packed, comment, head):
    assert (
        FirmwarePackage.read(head + package(packed=packed, comment=comment, others=20)).hardware == "HI3516"
    )


def test_a_description_that_unpacks_to_megabytes_is_not_unpacked():
    data = package(b" " * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedPayload):
            FirmwarePackage.read(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("comment", [b"", b"made by nobody"])
def test_a_directory_of_thousands_of_files_is_not_read(comment):
    data = package(others=6000, comment=comment)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedPayload, match="directory"):
            FirmwarePackage.read(data)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_a_directory_that_is_elsewhere_is_not_followed():
    with pytest.raises(MalformedPayload, match="directory"):
        FirmwarePackage.read(with_zip64(package()))
