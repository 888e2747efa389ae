"""Values that JSON can say and nothing can mean: read as nothing, never as an error further on."""

import io
import zipfile

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.firmware import INSTALL_DESCRIPTION, FirmwarePackage
from cambus.dvrip.messages.system import MAX_MIB, parse_storage
from cambus.dvrip.payload import decode_body
from cambus.dvrip.values import MAX_NUMBER, Mask, parse_number


@pytest.mark.parametrize(
    "value",
    ["0x" + "F" * 64, "9" * 20, -(10**19), 2**70, MAX_NUMBER, 1e300, float("inf"), float("nan")],
    ids=str,
)
def test_numbers_beyond_all_sense_are_the_default(value):
    assert parse_number(value, 7) == 7


def test_numbers_within_sense_stay():
    assert [parse_number(each) for each in (MAX_NUMBER - 1, "-5", "0x7FFFFFFF", 1.9)] == [
        MAX_NUMBER - 1,
        -5,
        0x7FFFFFFF,
        1,
    ]


def test_masks_are_as_wide_as_the_widest_that_is_written_in_hex():
    assert Mask.parse(2**256 - 1).bits() == list(range(256))
    with pytest.raises(MalformedPayload):
        Mask.parse(2**256)


def test_a_number_too_large_for_a_float_is_malformed():
    assert decode_body(b'{"a":1e300}') == {"a": 1e300}
    with pytest.raises(MalformedPayload, match="too large"):
        decode_body(b'{"a":1e999}')


def test_a_partition_larger_than_any_has_no_size():
    def space(value):
        (disk,) = parse_storage([{"Partition": [{"TotalSpace": value, "RemainSpace": value}]}])
        return disk.partitions[0].total_mib, disk.partitions[0].free_mib

    assert space(f"0x{MAX_MIB:X}") == (MAX_MIB, MAX_MIB)
    assert space(MAX_MIB + 1) == space("0xFFFFFFFFFFFFFFFF") == space(-1) == (0, 0)


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_package_spoiled_anywhere_is_malformed_whatever_it_is_packed_with(compression):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(INSTALL_DESCRIPTION, b'{"Hardware":"H","Vendor":"V"}' + b" " * 200)
    package = file.getvalue()
    assert FirmwarePackage.read(package).hardware == "H"
    refused = 0
    for at in range(len(package)):
        spoiled = package[:at] + bytes([package[at] ^ 0xFF]) + package[at + 1 :]
        try:
            FirmwarePackage.read(spoiled)
        except MalformedPayload:
            refused += 1
    assert refused > 50
