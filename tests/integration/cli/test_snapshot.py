"""A still picture into a file, whole or not at all."""

import hashlib
from datetime import UTC, datetime

import pytest

from cambus.client.objects import ObjectStore
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.commands.snapshot import TAKE
from cambus.schemas.objects import PictureRef

PICTURE = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
async def camera(service, bus, device, unique):
    """Puts a picture into the store; another one if it is told to lie about it."""
    lies = []

    async def take(context, request):
        stored = await ObjectStore(bus, OBJECTS_PICTURES).put(f"{unique}.jpg", PICTURE + b"".join(lies))
        return PictureRef(
            bucket=OBJECTS_PICTURES,
            object=stored.name,
            sha256=hashlib.sha256(PICTURE).hexdigest(),
            bytes=len(PICTURE),
            content_type="image/jpeg",
            taken_at=datetime.now(UTC),
            width=640,
            height=480,
        )

    service.add(TAKE, take)
    await service.start()
    await service.hold(device)
    return lies


async def test_it_is_written_under_the_given_name(cambusctl, camera, device, tmp_path):
    ran = await cambusctl("snapshot", device, "0", "-o", str(tmp_path / "gate.jpg"))
    assert (ran.code, "640x480" in ran.out) == (0, True)
    assert (tmp_path / "gate.jpg").read_bytes() == PICTURE
    assert [path.name for path in tmp_path.iterdir()] == ["gate.jpg"]


async def test_without_a_name_it_is_called_after_the_camera(cambusctl, camera, device, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = await cambusctl("snapshot", device, "0", "--json")
    (written,) = tmp_path.iterdir()
    assert written.name == ran.document["file"]
    assert written.name.startswith(f"{device}-0-")
    assert written.suffix == ".jpg"


async def test_a_file_that_exists_is_replaced_only_when_asked(cambusctl, camera, device, tmp_path):
    target = tmp_path / "gate.jpg"
    target.write_text("mine")
    assert (await cambusctl("snapshot", device, "0", "-o", str(target))).code == 2
    assert target.read_text() == "mine"
    assert (await cambusctl("snapshot", device, "0", "-o", str(target), "--overwrite")).code == 0
    assert target.read_bytes() == PICTURE


async def test_a_picture_that_is_not_the_one_taken_is_not_written(cambusctl, camera, device, tmp_path):
    camera.append(b"tampered")
    ran = await cambusctl("snapshot", device, "0", "-o", str(tmp_path / "gate.jpg"))
    assert (ran.code, list(tmp_path.iterdir())) == (1, [])


async def test_a_folder_that_does_not_exist_is_said_before_the_device_is_bothered(cambusctl, tmp_path):
    ran = await cambusctl("snapshot", "nobody", "0", "-o", str(tmp_path / "no" / "gate.jpg"))
    assert (ran.code, "there is no folder" in ran.err) == (2, True)
