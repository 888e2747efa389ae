"""What a firmware package says it is for."""

import io
import json
import zipfile

import pytest

from cambus.connector.firmware import FirmwareError
from cambus.connector_dvrip.firmware import FirmwareFile


class Store:
    bucket = "cambus-firmware"

    def __init__(self, data):
        self.data = data

    async def get(self, name):
        if name != "image":
            raise KeyError(name)
        for start in range(0, len(self.data), 1000):
            yield self.data[start : start + 1000]


async def fetched(image, data, **fields):
    import hashlib

    values = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), **fields}
    await image.fetch(Store(data), values.pop("name", "image"), **values)


def package(description, name="InstallDesc"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, description)
    return file.getvalue()


async def test_an_image_comes_out_as_it_went_in(tmp_path):
    data = bytes(range(256)) * 3000
    with FirmwareFile(tmp_path) as image:
        await fetched(image, data)
        assert b"".join([chunk async for chunk in image.chunks()]) == data
        assert b"".join([chunk async for chunk in image.chunks()]) == data  # and again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "other"}, "no-such-object"),
        ({"sha256": "0" * 64}, "digest-mismatch"),
        ({"size_bytes": 10}, "size-mismatch"),
        ({"size_bytes": 10_000_000}, "size-mismatch"),
        ({"size_bytes": 1 << 40}, "too-large"),
    ],
)
async def test_what_was_not_ordered_is_not_taken(tmp_path, fields, reason):
    with FirmwareFile(tmp_path) as image:
        with pytest.raises(FirmwareError) as refused:
            await fetched(image, b"x" * 5000, **fields)
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (
            package(json.dumps({"Hardware": "HI3531", "Vendor": "General"})),
            ("HI3531", "General"),
        ),
        (package(json.dumps({"Hardware": "X"}) + "\n\0"), ("X", "")),
        (package("not json"), None),
        (package("[1]"), None),
        (package("[" * 100_000), None),
        (package("{}", name="Other"), None),
        (package(" " * 100_000), None),
        (b"no zip at all", None),
        (b"PK\x03\x04 cut", None),
    ],
)
async def test_a_package_says_what_it_is_for_or_nothing(tmp_path, data, description):
    with FirmwareFile(tmp_path) as image:
        await fetched(image, data)
        package = await image.package()
        assert (None if package is None else (package.hardware, package.vendor)) == description
